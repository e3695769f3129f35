/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* Calls of bind() on IPv4 and IPv6 sockets: the requested address, the bound one, and the result. */
#include "bound.h"
#include "calls.h"
#include "counts.h"
#include "filter.h"

struct bind_sample {
	struct origin origin;
	struct endpoint requested; /* family 0xffff: the call gave no whole address */
	__u8 address[16] __attribute__((aligned(8)));
	__u32 interface_index;
	__u16 address_family;
	__u16 port;
	__u16 protocol_number;
	__u16 socket_type;
	__u8 options;
	__u8 ipv6_only;
	__u16 reserved;
	__u32 socket_uid; /* of a failed call: who made the socket, which need not be who binds it */
	__u32 padding;
};

#define NO_ADDRESS 0xffff

/* sockaddr, sockaddr_in and sockaddr_in6 in one (ip(7), ipv6(7)). */
union raw_address {
	struct {
		__u16 family;
		__be16 port;
		__u32 ipv4_or_flowinfo;
		__u8 ipv6[16];
		__u32 scope_id;
	};
	__u64 words[4];
};

#define ADDRESS_SIZE 28

/* `socket_family` is 0 if there is no socket. */
static __always_inline void parse_address(struct endpoint *requested, const union raw_address *raw, int length,
					  __u16 socket_family)
{
	__u16 family = raw->family;

	__builtin_memset(requested, 0, sizeof(*requested));
	requested->family = NO_ADDRESS;

	/*
	 * An IPv4 socket takes AF_UNSPEC for the any-address (29c486df6a20, "net: ipv4: relax AF_INET check in bind()");
	 * an IPv6 one refuses it.
	 */
	if (family == AF_UNSPEC)
		family = socket_family == AF_INET6 ? AF_INET6 : AF_INET;

	/* The kernel's own limits: the whole of sockaddr_in, and SIN6_LEN_RFC2133. */
	if (family == AF_INET && length >= 16) {
		requested->family = AF_INET;
		__builtin_memcpy(requested->address, &raw->ipv4_or_flowinfo, 4);
	} else if (family == AF_INET6 && length >= 24) {
		requested->family = AF_INET6;
		__builtin_memcpy(requested->address, raw->ipv6, 16);
		if (length >= 28)
			requested->scope_id = raw->scope_id;
	} else {
		return;
	}
	requested->port = bpf_ntohs(raw->port);
}

static __always_inline void read_kernel_address(struct endpoint *requested, void *address, int length,
						__u16 socket_family)
{
	union raw_address raw = {};

	if (can_cast) {
		raw.words[0] = word_at(address);
		if (raw.family != AF_INET) {
			raw.words[1] = word_at(address + 8);
			raw.words[2] = word_at(address + 16);
			raw.words[3] = word_at(address + 24);
		}
	} else {
		bpf_probe_read_kernel(&raw, ADDRESS_SIZE, address);
	}
	parse_address(requested, &raw, length, socket_family);
}

static __always_inline void read_user_address(struct endpoint *requested, void *address, int length,
					      __u16 socket_family)
{
	union raw_address raw = {};
	__u32 size = length < 0 ? 0 : length;

	/* The page may end after the given length. */
	if (size > ADDRESS_SIZE)
		size = ADDRESS_SIZE;
	/* Older verifiers need to see the bound again. */
	barrier_var(size);
	size &= 31;
	if (bpf_probe_read_user(&raw, size, address))
		size = 0;
	parse_address(requested, &raw, size, socket_family);
}

/* Further checks of a call by a caller_wanted() before anything is read from its socket. */
static __always_inline bool call_wanted(int ret)
{
	return (!ret || config.include_error) && surroundings_wanted();
}

/* Whether the call's address affects what is reported. */
static __always_inline bool request_matters(int ret)
{
	return ret || !config.count || config.by_port || config.by_address || config.requested_only;
}

/* A call that has returned, as its hook found it. */
struct outcome {
	struct task_struct *task; /* null where nobody has had to ask for it yet */
	struct sock *sk;	  /* null, like `common`, its head, where the descriptor is no socket */
	const struct sock_common *common;
	struct sock *owner; /* the MPTCP socket that `sk` is part of; null where `sk` is the caller's own */
	struct kind kind;
	__u16 family;
	int ret;
	struct endpoint requested;    /* as the kernel took it, which a cgroup's programs may have changed */
	const struct endpoint *named; /* as the program gave it; null where that is not known to differ */
};

static __always_inline int count(const struct outcome *call, const struct endpoint *bound, __u32 interface_index)
{
	struct owned_count_key key;

	key.call = (struct bind_count_key){
		.interface_index = interface_index,
		.error_code = -call->ret,
		.address_family = bound->family,
		.port = bound->port,
		.protocol_number = call->kind.protocol,
		.named_family = call->ret ? call->requested.family : bound->family,
	};

	__builtin_memcpy(key.call.address, call->ret ? call->requested.address : bound->address,
			 sizeof(key.call.address));
	return count_one_more(&key);
}

static __always_inline int emit(bool typed, const struct outcome *call, const struct endpoint *bound,
				__u32 interface_index)
{
	struct bind_sample *sample = bpf_ringbuf_reserve(&events, sizeof(*sample), 0);
	struct task_struct *task = call->task;

	if (!sample)
		return dropped();
	if (!task)
		task = current_task();
	if (call->sk) {
		const struct sock_common *common = call->common;
		struct net *net = common->skc_net.net;
		struct sock *sk = call->sk;
		__u8 bits;

		fill_origin(&sample->origin, task, inode_of(typed, sk), cgroup_of_socket(typed, sk),
			    LOAD(typed, net, ns.inum), call->ret);
		bits = BYTE_OF(common, skc_reuse);
		sample->options = options_of(sk, common, bits);
		sample->ipv6_only = call->owner ?
					    BPF_CORE_READ_BITFIELD_PROBED(&call->owner->__sk_common, skc_ipv6only) :
					    BITS(common, skc_reuse, bits, skc_ipv6only);
		sample->socket_uid = call->ret ? LOAD(typed, sk, sk_uid.val) : 0;
	} else {
		fill_origin(&sample->origin, task, 0, 0, 0, call->ret);
		sample->options = 0;
		sample->ipv6_only = 0;
		sample->socket_uid = 0;
	}
	sample->requested = call->requested;
	__builtin_memcpy(sample->address, bound->address, sizeof(sample->address));
	sample->interface_index = interface_index;
	sample->address_family = bound->family;
	sample->port = bound->port;
	sample->protocol_number = call->kind.protocol;
	sample->socket_type = call->kind.type;
	sample->reserved = 0;
	sample->padding = 0;
	submit(sample);
	return 0;
}

/* The one place where a call is judged and reported, once its caller and itself are wanted. */
static __always_inline int report(bool typed, const struct outcome *call)
{
	const struct endpoint *requested = &call->requested, *named = call->named ? call->named : requested;
	struct endpoint bound = { .family = call->family };
	__u32 interface_index = 0;

	if (!family_wanted(call->family) || !protocol_wanted(call->kind.protocol) ||
	    !network_namespace_wanted(typed, call->sk ? call->common->skc_net.net : NULL))
		return filtered();

	/*
	 * After a failure, the socket shows nothing about the call: it is empty, or shows an earlier bind. A raw socket
	 * has no port; its number is its protocol.
	 */
	if (call->ret) {
		bound.port = call->kind.type == SOCK_RAW ? 0 : requested->port;
		if (bound.family == requested->family)
			__builtin_memcpy(bound.address, requested->address, sizeof(bound.address));
	} else if (call->sk) {
		bound.port = call->kind.type == SOCK_RAW ? 0 : call->common->skc_num;
		read_bound_address(bound.address, call->common, bound.family);
	}

	/* Callers that request a port by number do not name port 0. Raw sockets have no ports. */
	if (config.requested_only && requested->family != NO_ADDRESS && !requested->port &&
	    call->kind.type != SOCK_RAW && !passes(false))
		return filtered();
	if (config.by_port &&
	    !passes(in_bitmap(ports, bound.port) || in_bitmap(ports, requested->port) || in_bitmap(ports, named->port)))
		return filtered();
	/* A failed call that named no address of this family did not name 0.0.0.0 either. */
	if (config.by_address &&
	    !passes((!call->ret && prefix_matches(&address_filter, &bound)) ||
		    prefix_matches(&address_filter, requested) || prefix_matches(&address_filter, named)))
		return filtered();

	if (call->sk)
		interface_index = call->common->skc_bound_dev_if;
	return config.count ? count(call, &bound, interface_index) : emit(typed, call, &bound, interface_index);
}

enum function { INET_BIND, INET6_BIND, MPTCP_BIND, SECURITY_SOCKET_BIND, SYS_BIND, RAW_BIND, RAWV6_BIND, PING_BIND };

/* security_socket_bind() matters only if a security module refuses: then no bind function runs. */
static __always_inline bool is_outcome(enum function function, int ret)
{
	return function != SECURITY_SOCKET_BIND || ret;
}

/*
 * The address that the program passed to bind(), for the filters: cgroup programs may have changed the kernel's copy. Since
 * 5.15, and not for calls through io_uring or by 32-bit callers, which have no such arguments.
 */
static __always_inline void read_named_address(struct endpoint *named, __u16 socket_family)
{
	struct pt_regs *regs;

	if (!kernel_has_helper(task_pt_regs))
		return;
	regs = current_registers();
	if (SYSTEM_CALL_NUMBER(regs) == BIND_NUMBER)
		read_user_address(named, (void *)PT_REGS_PARM2_SYSCALL(regs), PT_REGS_PARM3_SYSCALL(regs),
				  socket_family);
}

#include "cgroup_backend.h"

/* One return of a function that has the socket and the kernel's copy of the address. */
static __always_inline int function_returned(bool typed, enum function function, void *socket, void *address,
					     int length, int ret)
{
	struct outcome call = { .ret = ret, .requested.family = NO_ADDRESS };
	union socket_copy copied;
	struct endpoint named;
	union sock_copy copy;
	struct socket *sock;

	if (!is_outcome(function, ret))
		return 0;
	if (!call_wanted(ret))
		return filtered();
	sock = socket_at(typed, socket, &copied);
	call.sk = sock->sk;
	if (reported_by_cgroup(call.sk, ret))
		return 0;
	call.common = head_of(typed, call.sk, &copy);
	call.family = call.common->skc_family;
	if (function == SECURITY_SOCKET_BIND && call.family != AF_INET && call.family != AF_INET6)
		return 0;
	call.kind = kind_of(typed, call.sk);
	/*
	 * Up to 6.5 mptcp_bind() binds its first subflow, a socket without a file, through here and then ends
	 * in the same way.
	 */
	if ((function == INET_BIND || function == INET6_BIND) && !sock->file && is_subflow(call.sk, call.kind.protocol))
		return 0;
	if (request_matters(ret))
		read_kernel_address(&call.requested, address, length, call.family);
	if (config.by_port || config.by_address) {
		named = call.requested;
		read_named_address(&named, call.family);
		call.named = &named;
	}
	return report(typed, &call);
}

/*
 * How far a socket is bound: a bind() that succeeds changes it, unless the socket was already bound to the same address (raw
 * sockets, IP_BIND_ADDRESS_NO_PORT). 0 for families for which it is unknown.
 */
static __always_inline __u64 binding_of(struct sock *sk)
{
	struct netlink_sock *netlink = CAST(struct netlink_sock, sk);
	struct packet_sock *packet = CAST(struct packet_sock, sk);
	struct unix_sock *named = CAST(struct unix_sock, sk);
	__u32 address[4] = {}, folded;
	const struct sock_common *common;
	union sock_copy copy;

	common = head_of(false, sk, &copy);
	switch (common->skc_family) {
	case AF_INET:
	case AF_INET6:
		read_bound_address((void *)address, common, common->skc_family);
		folded = address[0] + 3 * address[1] + 5 * address[2] + 7 * address[3];
		return (__u64)folded << 32 | common->skc_num << 16 | LOAD_BITS(false, sk, sk_userlocks);
	case AF_UNIX:
		return bpf_core_field_exists(named->addr) && LOAD(false, named, addr) ? 1 : 0;
	case AF_NETLINK:
		return bpf_core_field_exists(netlink->bound) ?
			       (__u64)LOAD(false, netlink, portid) << 1 | LOAD(false, netlink, bound) :
			       0;
	case AF_PACKET:
		return bpf_core_field_exists(packet->ifindex) ?
			       (__u64)LOAD(false, packet, ifindex) << 16 | LOAD(false, packet, num) :
			       0;
	}
	return 0;
}

/*
 * The threads that last entered bind() with a socket that other threads of their process can reach. If two do so at once, one
 * may have bound the other's.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, __u32);
} binders SEC(".maps");

/* What is stored at an entry: struct call's args. */
enum { FD_AND_LENGTH, ADDRESS, FILE, BINDING };

#define SHARED 1ull /* with FILE, which is aligned */

static __always_inline int system_call_entered(struct task_struct *task, int fd, __u64 address, __u32 length)
{
	struct descriptor entered;
	__u64 file, binding = 0;

	if (config.cgroup_hooks == CGROUP_AND_ALL)
		take_cgroup_mark();
	if (!descriptors_shared(task))
		return enter(SYS_BIND, (__u64)length << 32 | (__u32)fd, address, 0, 0);
	entered = look_up(task, fd);
	file = entered.file | SHARED;
	if (entered.sk) {
		__u32 thread_id = bpf_get_current_pid_tgid();
		__u64 key = (__u64)entered.sk;

		binding = binding_of(entered.sk);
		bpf_map_update_elem(&binders, &key, &thread_id, BPF_ANY);
	}
	return enter(SYS_BIND, (__u64)length << 32 | (__u32)fd, address, file, binding);
}

/*
 * Whether a success bound the socket that its descriptor refers to now. Another thread may have swapped the socket while the
 * kernel looked it up.
 */
static __always_inline bool is_of(struct sock *sk, const struct call *entered)
{
	__u64 key = (__u64)sk, binding = entered->args[BINDING];
	__u16 family = LOAD(false, sk, __sk_common.skc_family);
	struct kind kind = kind_of(false, sk);
	__u32 *thread_id;

	if (binding == binding_of(sk))
		return false;
	/* A socket with a port is not bound again; for raw sockets and the like, the port is their protocol. */
	if ((family == AF_INET || family == AF_INET6) && (kind.type == SOCK_STREAM || kind.protocol == IPPROTO_UDP) &&
	    binding >> 16 & 0xffff)
		return false;
	thread_id = bpf_map_lookup_elem(&binders, &key);
	return thread_id && *thread_id == (__u32)bpf_get_current_pid_tgid();
}

/* Whether the port was requested by number, as the kernel records it, except for SCTP sockets. */
static __always_inline bool port_was_requested(const struct outcome *call, const struct endpoint *named)
{
	struct sock *sk = call->sk;

	if (call->kind.protocol == IPPROTO_SCTP)
		return named->port;
	if (call->kind.protocol == IPPROTO_MPTCP) {
		sk = first_subflow(sk);
		if (!sk)
			return named->port;
	}
	return LOAD_BITS(false, sk, sk_userlocks) & SOCK_BINDPORT_LOCK;
}

/*
 * What a success requested, according to the socket. The program's memory may have changed: another thread can write it at
 * any time.
 */
static __always_inline void read_granted_request(struct outcome *call, const struct endpoint *named)
{
	__u16 port = call->common->skc_num, named_port = named->port;
	struct endpoint *requested = &call->requested;

	/* Both are loaded before one is chosen, because otherwise clang loads from either place with one instruction, which the verifier forbids. */
	barrier_var(port);
	barrier_var(named_port);
	requested->family = call->family;
	read_bound_address(requested->address, call->common, call->family);
	/* If a port was named, it can only be the socket's. */
	if (named->scope_id)
		requested->scope_id = call->common->skc_bound_dev_if;
	/* Raw sockets accept and ignore any port. */
	if (call->kind.type == SOCK_RAW)
		requested->port = named_port;
	else if (port_was_requested(call, named))
		requested->port = port;
}

/* `entered` is null if the entry was not seen; only failures can be reported without it. */
static __always_inline int system_call_returned(struct task_struct *task, const struct call *entered, int fd,
						void *address, int length, int ret)
{
	struct outcome call = { .task = task, .ret = ret, .requested.family = NO_ADDRESS };
	struct endpoint named = { .family = NO_ADDRESS };
	struct descriptor left = look_up(task, fd);
	bool shared = entered && entered->args[FILE] & SHARED;
	union sock_copy copy;

	if (config.cgroup_hooks == CGROUP_AND_ALL && !ret && take_cgroup_mark())
		return 0;
	if (shared && (left.file | SHARED) != entered->args[FILE])
		return missed();
	call.sk = left.sk;
	if (!call.sk && !ret)
		return missed();
	if (call.sk && (ret == -EBADF || ret == -ENOTSOCK))
		return missed();
	if (shared && !ret && !is_of(call.sk, entered))
		return missed();
	/* If one is null, clang knows that the other is, too; the verifier does not when it checks the first again. */
	barrier_var(call.sk);
	call.common = head_of(false, call.sk, &copy);
	barrier_var(call.common);
	if (call.sk) {
		call.family = call.common->skc_family;
		if (call.family != AF_INET && call.family != AF_INET6)
			return 0;
		call.kind = kind_of(false, call.sk);
		/* Another process that holds the socket may already have disconnected it. */
		if (!ret && !call.common->skc_num && !(options_of(call.sk, call.common, 0) & BIND_ADDRESS_NO_PORT))
			return missed();
	}
	if (!call.sk || request_matters(ret))
		read_user_address(&named, address, length, call.family);
	if (!call.sk) {
		call.family = named.family;
		if (call.family != AF_INET && call.family != AF_INET6)
			return 0;
	}
	if (ret)
		call.requested = named;
	else
		read_granted_request(&call, &named);
	call.named = &named;
	return report(false, &call);
}

/* The same for a call whose entry was seen. */
static __always_inline int system_call_left(const struct call *call, int ret)
{
	__u64 fd_and_length = call->args[FD_AND_LENGTH];

	return system_call_returned(current_task(), call, fd_and_length, (void *)call->args[ADDRESS],
				    fd_and_length >> 32, ret);
}

/* Failures before any bind function is called; the bind functions report all others. */
static __always_inline bool fails_early(int length, int ret)
{
	return ret == -EBADF || ret == -ENOTSOCK || ret == -EFAULT || (ret == -EINVAL && (__u32)length > 128);
}

#define FEXIT(function, id)                                                                     \
	SEC("fexit/" #function)                                                                 \
	int BPF_PROG(fexit_##function, struct socket *sock, void *address, int length, int ret) \
	{                                                                                       \
		if (!caller_wanted())                                                           \
			return is_outcome(id, ret) ? filtered() : 0;                            \
		return function_returned(true, id, sock, address, length, ret);                 \
	}

FEXIT(inet_bind, INET_BIND)
FEXIT(inet6_bind, INET6_BIND)
FEXIT(mptcp_bind, MPTCP_BIND)
FEXIT(security_socket_bind, SECURITY_SOCKET_BIND)

SEC("fentry/__sys_bind")
int BPF_PROG(fentry___sys_bind, int fd, void *address, int length)
{
	return caller_wanted() ? system_call_entered(current_task(), fd, (__u64)address, length) : 0;
}

SEC("fexit/__sys_bind")
int BPF_PROG(fexit___sys_bind, int fd, void *address, int length, int ret)
{
	bool early = fails_early(length, ret);
	struct call call;

	if (!caller_wanted())
		return early ? filtered() : 0;
	if (!leave(SYS_BIND, &call) || !early)
		return 0;
	return call_wanted(ret) ? system_call_left(&call, ret) : filtered();
}

#define KPROBE(function, id)                                                                                        \
	SEC("kprobe/" #function)                                                                                    \
	int BPF_KPROBE(kprobe_##function, void *sock, void *address, int length)                                    \
	{                                                                                                           \
		return caller_wanted() ? enter(id, (__u64)sock, (__u64)address, length, 0) : 0;                     \
	}                                                                                                           \
	SEC("kretprobe/" #function)                                                                                 \
	int BPF_KRETPROBE(kretprobe_##function, int ret)                                                            \
	{                                                                                                           \
		struct call call;                                                                                   \
                                                                                                                    \
		if (!caller_wanted())                                                                               \
			return is_outcome(id, ret) ? filtered() : 0;                                                \
		if (!leave(id, &call))                                                                              \
			return 0;                                                                                   \
		return function_returned(false, id, (void *)call.args[0], (void *)call.args[1], call.args[2], ret); \
	}

KPROBE(inet_bind, INET_BIND)
KPROBE(inet6_bind, INET6_BIND)
KPROBE(mptcp_bind, MPTCP_BIND)
KPROBE(security_socket_bind, SECURITY_SOCKET_BIND)

/* Of all processes: whether a call fails early depends on its length. */
SEC("kprobe/__sys_bind")
int BPF_KPROBE(kprobe___sys_bind, int fd, void *address, int length)
{
	return system_call_entered(current_task(), fd, (__u64)address, length);
}

SEC("kretprobe/__sys_bind")
int BPF_KRETPROBE(kretprobe___sys_bind, int ret)
{
	struct call call;

	if (!leave(SYS_BIND, &call) || !fails_early(call.args[FD_AND_LENGTH] >> 32, ret))
		return 0;
	return caller_wanted() && call_wanted(ret) ? system_call_left(&call, ret) : filtered();
}

SEC("tracepoint/syscalls/sys_enter_bind")
int sys_enter_bind(struct sys_enter *ctx)
{
	struct task_struct *task;
	__u64 arguments[3];

	if (!caller_wanted())
		return 0;
	task = current_task();
	read_arguments(ctx, arguments, 3);
	return system_call_entered(task, arguments[0], arguments[1], arguments[2]);
}

SEC("tracepoint/syscalls/sys_exit_bind")
int sys_exit_bind(struct sys_exit *ctx)
{
	struct task_struct *task;
	struct call call;
	bool entered;
	int ret;

	if (!caller_wanted())
		return filtered();
	task = current_task();
	ret = result_of(ctx);
	entered = leave(SYS_BIND, &call);
	if (!call_wanted(ret))
		return filtered();
	if (entered)
		return system_call_left(&call, ret);

	/* Calls that seccomp refuses have no entry. Successes without one started before the trace, or seccomp's supervisor made them. */
	if (ret < 0 && kernel_has_helper(task_pt_regs)) {
		struct pt_regs *regs = current_registers();

		return system_call_returned(task, NULL, PT_REGS_PARM1_SYSCALL(regs),
					    (void *)PT_REGS_PARM2_SYSCALL(regs), PT_REGS_PARM3_SYSCALL(regs), ret);
	}
	return 0;
}

/* Sockets whose protocol has its own bind function, which cgroup programs do not see. */
static __always_inline int own_bind_returned(struct sock *sk, void *address, int length, int ret)
{
	struct outcome call = { .ret = ret, .requested.family = NO_ADDRESS };
	union sock_copy copy;

	if (!call_wanted(ret))
		return filtered();
	call.sk = CAST(struct sock, sk);
	call.common = head_of(false, call.sk, &copy);
	call.family = call.common->skc_family;
	call.kind = kind_of(false, call.sk);
	if (request_matters(ret))
		read_kernel_address(&call.requested, address, length, call.family);
	return report(false, &call);
}

#define OWN_BIND(function, id)                                                                           \
	SEC("fexit/" #function)                                                                          \
	int BPF_PROG(fexit_##function, struct sock *sk, void *address, int length, int ret)              \
	{                                                                                                \
		return caller_wanted() ? own_bind_returned(sk, address, length, ret) : filtered();       \
	}                                                                                                \
	SEC("kprobe/" #function)                                                                         \
	int BPF_KPROBE(kprobe_##function, void *sk, void *address, int length)                           \
	{                                                                                                \
		return caller_wanted() ? enter(id, (__u64)sk, (__u64)address, length, 0) : 0;            \
	}                                                                                                \
	SEC("kretprobe/" #function)                                                                      \
	int BPF_KRETPROBE(kretprobe_##function, int ret)                                                 \
	{                                                                                                \
		struct call call;                                                                        \
                                                                                                         \
		if (!caller_wanted())                                                                    \
			return filtered();                                                               \
		if (!leave(id, &call))                                                                   \
			return 0;                                                                        \
		return own_bind_returned((void *)call.args[0], (void *)call.args[1], call.args[2], ret); \
	}

OWN_BIND(raw_bind, RAW_BIND)
OWN_BIND(rawv6_bind, RAWV6_BIND)
OWN_BIND(ping_bind, PING_BIND)

#define NO_PORT(function)                                                                                  \
	SEC("fexit/" #function)                                                                            \
	int BPF_PROG(fexit_##function##__no_port, struct socket *sock, void *address, int length, int ret) \
	{                                                                                                  \
		return no_port_returned(ret);                                                              \
	}                                                                                                  \
	SEC("kretprobe/" #function)                                                                        \
	int BPF_KRETPROBE(kretprobe_##function##__no_port, int ret)                                        \
	{                                                                                                  \
		return no_port_returned(ret);                                                              \
	}

NO_PORT(inet_bind)
NO_PORT(inet6_bind)

DESCRIBE(bind_sample)
