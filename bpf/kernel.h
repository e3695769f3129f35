/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * The kernel types that the programs read, with only the fields they need: the loader moves each access to where
 * the running kernel has the field (CO-RE). If kernels differ by more than an offset, the difference is handled
 * here, with the commit that made it.
 */
#ifndef BINDSNOOP_KERNEL_H
#define BINDSNOOP_KERNEL_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

/* Kernel and user space agree on these for x86-64 and arm64; their headers cannot be included here. */
#define AF_UNSPEC 0
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_NETLINK 16
#define AF_PACKET 17
#define SOCK_STREAM 1
#define SOCK_RAW 3
#define SOCK_DCCP 6
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_SCTP 132
#define IPPROTO_MPTCP 262
#define TCP_ESTABLISHED 1
#define TCP_SYN_RECV 3
#define TCP_FIN_WAIT1 4
#define TCP_FIN_WAIT2 5
#define TCP_CLOSE 7
#define TCP_CLOSE_WAIT 8
#define TCP_LISTEN 10
#define TCP_CLOSING 11
#define SHUTDOWN_MASK 3
#define SOCK_BINDADDR_LOCK 4 /* of sk_userlocks: the address was asked for */
#define SOCK_BINDPORT_LOCK 8 /* of sk_userlocks: the port was asked for by number */
#define O_NONBLOCK 04000
#define SOCK_NONBLOCK O_NONBLOCK
#define SOCK_CLOEXEC 02000000
#define EPERM 1
#define EINTR 4
#define EBADF 9
#define EAGAIN 11
#define ENOMEM 12
#define EACCES 13
#define EFAULT 14
#define EEXIST 17
#define EINVAL 22
#define ENFILE 23
#define EMFILE 24
#define ENOTSOCK 88
#define ERESTARTSYS 512 /* of the kernel's own: the caller gets EINTR, or the call is made again */
#define TASK_COMM_LEN 16
#define PF_IO_WORKER 0x10 /* of task_struct.flags: a thread of io_uring's */
#define SA_RESTART 0x10000000
#define SIG_IGN 1ul /* of the handlers that are none, the last */

/* What bpf_tracing.h takes function arguments from. Registers are ABI: no relocation. */
#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8;
	unsigned long rax, rcx, rdx, rsi, rdi, orig_rax, rip, cs, eflags, rsp, ss;
};
#elif defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
	__u64 regs[31], sp, pc, pstate;
};
struct pt_regs;
#endif
#include <bpf/bpf_tracing.h>

/* The number of the system call in the registers, and the numbers of bind(2) and listen(2). */
#if defined(__TARGET_ARCH_x86)
#define SYSTEM_CALL_NUMBER(regs) ((regs)->orig_rax)
#define BIND_NUMBER 49
#define LISTEN_NUMBER 50
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs___number {
	int syscallno;
} __attribute__((preserve_access_index));
#define SYSTEM_CALL_NUMBER(regs) BPF_CORE_READ((const struct pt_regs___number *)(regs), syscallno)
#define BIND_NUMBER 200
#define LISTEN_NUMBER 201
#endif

/*
 * What syscalls:sys_enter_* and sys_exit_* pass to a program. Read only if the registers cannot be, because their "format"
 * files differ from this if struct trace_entry has grown (RHEL 9.3): see d3c4db86c711, "tracing: bpf: use struct
 * trace_entry in struct syscall_tp_t", and ba8ea72388a1, "bpf: Change syscall_nr type to int in struct syscall_tp_t".
 */
struct sys_enter {
	__u64 common;
	__s64 number;
	__u64 args[6];
};

struct sys_exit {
	__u64 common;
	__s64 number;
	__s64 ret;
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};

struct netns_core {
	int sysctl_somaxconn;
};

struct net {
	struct ns_common ns;
	struct netns_core core;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct pid_namespace {
	struct ns_common ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

/* One number for each level of namespaces, the initial one's first. */
struct pid {
	unsigned int level;
	struct upid numbers[];
};

struct mnt_namespace {
	struct ns_common ns;
};

struct nsproxy {
	struct mnt_namespace *mnt_ns;
	struct net *net_ns;
};

struct inode___number {
	unsigned long i_ino;
};

struct file {
	void *private_data;
	struct inode___number *f_inode;
};

/* The kernel's types that begin with a pointer and with a number. */
struct hlist_head {
	void *first;
};

struct timespec64 {
	__s64 tv_sec;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

typedef struct {
	int counter;
} atomic_t;

struct files_struct {
	atomic_t count;
	struct fdtable *fdt;
};

typedef struct {
	__u32 val;
} kuid_t;

typedef struct {
	__u32 val;
} kgid_t;

struct cred {
	kuid_t uid;
	kgid_t gid;
};

struct kernfs_node {
	__u64 id;
	const char *name;
};

struct cgroup_root {
	int hierarchy_id;
};

struct cgroup {
	struct kernfs_node *kn;
	int level;
	struct cgroup_root *root;
	struct cgroup *ancestors[];
};

/* Before 6.1. */
struct cgroup___ids {
	int level;
	__u64 ancestor_ids[];
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct task_struct {
	unsigned int flags;
	__u64 start_time;
	struct css_set *cgroups;
	int pid;
	int tgid;
	struct cred *cred;
	char comm[TASK_COMM_LEN];
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	struct nsproxy *nsproxy;
	struct files_struct *files;
};

struct sigaction {
	void *sa_handler;
	unsigned long sa_flags;
};

struct k_sigaction {
	struct sigaction sa;
};

struct in6_addr {
	union {
		__u32 u6_addr32[4];
	} in6_u;
};

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	unsigned char skc_reuse : 4;
	unsigned char skc_reuseport : 1;
	unsigned char skc_ipv6only : 1;
	int skc_bound_dev_if;
	struct proto *skc_prot;
	possible_net_t skc_net;
	unsigned long skc_flags;
};

/* Absent from a kernel built without IPv6. */
struct sock_common___ipv6 {
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

struct sk_buff_head {
	__u32 qlen;
};

struct sock_cgroup_data {
	struct cgroup *cgroup;
};

enum sock_flags {
	SOCK_DEAD = 0,
	SOCK_LINGER = 4,
};

/* sk_protocol is a u16 of its own since 5.6 (bf9765145b85, "sock: Make sk_protocol a 16-bit value"); no older kernel has our ring buffer. */
struct sock {
	struct sock_common __sk_common;
	__u8 sk_userlocks : 4;
	__u16 sk_type;
	__u16 sk_protocol;
	__u32 sk_max_ack_backlog;
	struct socket *sk_socket;
	kuid_t sk_uid;
	__u8 sk_shutdown;
	unsigned long sk_lingertime;
	struct sk_buff_head sk_receive_queue;
	struct sock_cgroup_data sk_cgrp_data;
};

/* Before 5.15: 8520e224f547 ("bpf, cgroups: Fix cgroup v2 fallback on v1/v2 mixed mode"). */
struct sock___cgroup_word {
	struct {
		__u64 val;
	} sk_cgrp_data;
};

/* Only from 4faeee0cf8a5 ("tcp: deny tcp_disconnect() when threads are waiting") to 419ce133ab92 ("tcp: allow again tcp_disconnect() when threads are waiting"). */
struct sock___wait_pending {
	int sk_wait_pending;
};

struct socket {
	struct file *file;
	struct sock *sk;
};

struct super_block {
	unsigned long s_magic;
};

struct inode {
	unsigned short i_mode;
	unsigned long i_ino;
	struct super_block *i_sb;
};

/* Every socket of user space lies in one of these. */
struct socket_alloc {
	struct socket socket;
	struct inode vfs_inode;
};

struct inet_sock {
	struct sock sk;
	__be16 inet_sport;
	unsigned long inet_flags;
};

struct inet_sock___bits {
	__u8 freebind : 1;
	__u8 transparent : 1;
	__u8 bind_address_no_port : 1;
};

struct tcp_sock {
	__u8 is_mptcp : 1;
};

struct mptcp_sock {
	struct sock *first; /* of the connections that carry its data */
};

/* Of a TCP socket that is part of an MPTCP one. */
struct inet_connection_sock {
	void *icsk_ulp_data;
};

struct mptcp_subflow_context {
	struct sock *conn;
};

struct unix_sock {
	void *addr;
};

struct netlink_sock {
	__u32 portid;
	bool bound;
};

struct packet_sock {
	int ifindex;
	__be16 num;
};

struct proto_accept_arg {
	int flags;
	int err;
};

/* What the context of cgroup/bind4|6 is to the kernel. */
struct bpf_sock_addr_kern {
	struct sock *sk;
	void *uaddr;
	int uaddrlen;
};

#pragma clang attribute pop

#define kernel_has_helper(name) bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_##name)

/*
 * Since 6.2 (a35b9af4ec2c, "bpf: Add a kfunc for generic type cast"), a program can give any address a type. A program
 * that calls this function loads only on kernels that have it, so every object is built with and without.
 *
 * The call stands for bpf_rdonly_cast(), whose number the engine fills in (CastCalls). If it were a symbol, libbpf would
 * look it up, and load all of the kernel's type information for that.
 */
#ifdef CAN_CAST
#define CAST_CALL 0x63617374
static __always_inline void *cast(const void *object, __u64 type_id)
{
	register const void *first asm("r1") = object;
	register __u64 second asm("r2") = type_id;
	register void *result asm("r0");

	asm volatile("call %[cast]"
		     : "=r"(result), "+r"(first), "+r"(second)
		     : [cast] "i"(CAST_CALL)
		     : "r3", "r4", "r5", "memory");
	return result;
}
#define can_cast true
#define CAST(type, address) ((type *)cast((void *)(address), bpf_core_type_id_kernel(type)))
#else
#define can_cast false
#define CAST(type, address) ((type *)(address))
#endif

/*
 * Reads a field of kernel memory. The verifier lets programs follow typed pointers with plain loads: the arguments
 * of a trampoline, and pointers that were CAST. Other pointers require a helper. `typed` is known at compile time;
 * a pointer that is not typed may still have been CAST.
 */
#define LOAD(typed, pointer, field)                                                \
	({                                                                         \
		typeof((pointer)->field) value_;                                   \
		if ((typed) || can_cast)                                           \
			value_ = (pointer)->field;                                 \
		else                                                               \
			bpf_core_read(&value_, sizeof(value_), &(pointer)->field); \
		value_;                                                            \
	})

/* The byte that a bit field lies in; and a bit field, for nothing more where it lies in the byte of `first`. */
#define BYTE_OF(pointer, field) (*((const __u8 *)(pointer) + __CORE_RELO(pointer, field, BYTE_OFFSET)))
#define BITS(pointer, first, byte, field)                                                               \
	((__u64)(__CORE_RELO(pointer, first, BYTE_OFFSET) == __CORE_RELO(pointer, field, BYTE_OFFSET) ? \
			 (byte) :                                                                       \
			 BYTE_OF(pointer, field))                                                       \
		 << __CORE_RELO(pointer, field, LSHIFT_U64) >>                                          \
	 __CORE_RELO(pointer, field, RSHIFT_U64))

/* A bit field, as LOAD reads another. */
#define LOAD_BITS(typed, pointer, field) \
	((typed) || can_cast ? BPF_CORE_READ_BITFIELD(pointer, field) : BPF_CORE_READ_BITFIELD_PROBED(pointer, field))

/*
 * bpf_get_current_task_btf() is of 5.11 (3ca1032ab7ab, "bpf: Implement get_current_task_btf and RET_PTR_TO_BTF_ID");
 * before, the current task is an untyped number.
 */
#define LOAD_TASK(task, field) LOAD(kernel_has_helper(get_current_task_btf), task, field)

/*
 * Copies of kernel structures, whose fields are then read with plain loads: reading a single field through the helper
 * costs nearly as much as copying all of them. The last field of interest ends where the comment says.
 */
union sock_copy {
	struct sock_common common;
	__u8 bytes[96]; /* 88 */
};

union socket_copy {
	struct socket socket;
	__u8 bytes[40]; /* 32 */
};

/* Reads eight bytes of kernel memory: a pointer, or several smaller fields at once. */
static __always_inline void *pointer_at(void *address)
{
	return LOAD(false, CAST(struct hlist_head, address), first);
}

static __always_inline __u64 word_at(void *address)
{
	return LOAD(false, CAST(struct timespec64, address), tv_sec);
}

/* The head of a socket, for plain loads: in place if pointers are typed, otherwise a copy. */
static __always_inline struct sock_common *head_of(bool typed, struct sock *sk, union sock_copy *copy)
{
	if (typed || can_cast)
		return &sk->__sk_common;
	bpf_probe_read_kernel(copy, sizeof(*copy), &sk->__sk_common);
	return &copy->common;
}

/* The same for a whole socket, by its address. */
static __always_inline struct socket *socket_at(bool typed, void *address, union socket_copy *copy)
{
	if (typed || can_cast)
		return CAST(struct socket, address);
	bpf_probe_read_kernel(copy, sizeof(*copy), address);
	return &copy->socket;
}

/* The last two arguments of socket(2). */
struct kind {
	__u16 type;
	__u16 protocol;
};

static __always_inline struct kind kind_of(bool typed, struct sock *sk)
{
	__u64 distance = bpf_core_field_offset(struct sock, sk_protocol) - bpf_core_field_offset(struct sock, sk_type);
	__u64 word;

	if (typed || can_cast || distance > 6)
		return (struct kind){ LOAD(typed, sk, sk_type), LOAD(typed, sk, sk_protocol) };
	word = word_at(&sk->sk_type);
	return (struct kind){ word, word >> 8 * distance };
}

/* The number by which /proc and others identify a socket; 0 for one that has no file. */
static __always_inline __u64 inode_of_socket(struct socket *socket)
{
	return socket ? LOAD(false, CAST(struct socket_alloc, socket), vfs_inode.i_ino) : 0;
}

static __always_inline __u64 inode_of(bool typed, struct sock *sk)
{
	return inode_of_socket(LOAD(typed, sk, sk_socket));
}

/*
 * The id of the cgroup that a socket was created in, whichever process holds it now. 0 if unknown: the kernel stores none
 * for sockets, or, before 5.15, stores a class or priority of cgroup v1 in its place, which sets one of the two lowest bits.
 */
static __always_inline __u64 cgroup_of_socket(bool typed, struct sock *sk)
{
	struct sock___cgroup_word *before = (void *)sk;
	struct cgroup *cgroup = NULL;
	struct kernfs_node *node;

	if (bpf_core_field_exists(sk->sk_cgrp_data.cgroup)) {
		cgroup = LOAD(typed, sk, sk_cgrp_data.cgroup);
	} else if (bpf_core_field_exists(before->sk_cgrp_data.val)) {
		__u64 word = LOAD(false, before, sk_cgrp_data.val);

		if (!(word & 3))
			cgroup = (void *)word;
	}
	if (!cgroup)
		return 0;
	node = LOAD(typed, CAST(struct cgroup, cgroup), kn);
	return LOAD(typed, CAST(struct kernfs_node, node), id);
}

/*
 * Cast although it has its type, because the verifier trusts it: for each pointer read from a trusted one, it searches all
 * kernel types for an annotation that says whether to trust that one, too, which takes a millisecond or more each time
 * (since 6.3: 57539b1c0ac2, "bpf: Enable annotating trusted nested pointers"). A cast pointer is not trusted.
 */
static __always_inline struct task_struct *current_task(void)
{
	if (can_cast)
		return CAST(struct task_struct, bpf_get_current_task());
	if (kernel_has_helper(get_current_task_btf))
		return (void *)bpf_get_current_task_btf();
	return (void *)bpf_get_current_task();
}

/* The registers of the current task's system call. Since 5.15: dd6e10fbd9fb ("bpf: Add bpf_task_pt_regs() helper"). */
static __always_inline struct pt_regs *current_registers(void)
{
	return (void *)bpf_task_pt_regs((void *)bpf_get_current_task_btf());
}

/* What a descriptor of the current task refers to: nothing, a file, or a socket. */
struct descriptor {
	__u64 file; /* its address, for comparing and for CAST */
	struct sock *sk;
};

static __always_inline struct descriptor look_up(struct task_struct *task, int fd)
{
	struct files_struct *files = LOAD_TASK(task, files);
	struct fdtable *fdt = LOAD_TASK(files, fdt);
	struct file **slot = LOAD_TASK(fdt, fd);
	struct descriptor found = {};
	union socket_copy copy;
	struct socket *sock;
	struct file *file;
	void *address;

	if ((__u32)fd >= LOAD_TASK(fdt, max_fds))
		return found;
	found.file = word_at(slot + fd);
	if (!found.file)
		return found;
	file = CAST(struct file, found.file);
	address = LOAD(false, file, private_data);
	if (!address)
		return found;
	sock = socket_at(false, address, &copy);
	/* private_data is a socket only in a socket's file, and only a socket points back at it. */
	if (sock->file == file)
		found.sk = sock->sk;
	return found;
}

/*
 * Whether another task can change what the current task's descriptors refer to. Sharing cannot start while the task is
 * in a system call.
 */
static __always_inline bool descriptors_shared(struct task_struct *task)
{
	struct files_struct *files = LOAD_TASK(task, files);

	return LOAD_TASK(files, count.counter) > 1;
}

#define FROM_CONTEXT(ctx, member)                                                                                 \
	({                                                                                                        \
		__u64 value_;                                                                                     \
		/* Otherwise clang may compute the offset, which the verifier forbids for a program's context. */ \
		asm volatile("%0 = *(u64 *)(%1 + %2)"                                                             \
			     : "=r"(value_)                                                                       \
			     : "r"(ctx), "i"(__builtin_offsetof(typeof(*(ctx)), member)));                        \
		value_;                                                                                           \
	})

/*
 * The first two or three arguments of a system call, and its result: from the registers if they are available, otherwise
 * from the tracepoint.
 */
static __always_inline void read_arguments(const struct sys_enter *ctx, __u64 *arguments, int count)
{
	if (kernel_has_helper(task_pt_regs)) {
		struct pt_regs *regs = current_registers();

		arguments[0] = PT_REGS_PARM1_SYSCALL(regs);
		arguments[1] = PT_REGS_PARM2_SYSCALL(regs);
		if (count > 2)
			arguments[2] = PT_REGS_PARM3_SYSCALL(regs);
	} else {
		arguments[0] = FROM_CONTEXT(ctx, args[0]);
		arguments[1] = FROM_CONTEXT(ctx, args[1]);
		/* A program that reads beyond the last argument cannot be attached (32bbe0078afe, "bpf: sanitize bpf tracepoint access"). */
		if (count > 2)
			arguments[2] = FROM_CONTEXT(ctx, args[2]);
	}
}

static __always_inline int result_of(const struct sys_exit *ctx)
{
	if (kernel_has_helper(task_pt_regs))
		return PT_REGS_RC(current_registers());
	return FROM_CONTEXT(ctx, ret);
}

#endif
