/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* Calls of listen() on IPv4 and IPv6 sockets: what was requested, and the result. */
#include "bound.h"
#include "calls.h"
#include "counts.h"
#include "filter.h"

enum listen_flag {
	IMPLICIT = 1,	       /* the call gave the socket its port */
	ALREADY_LISTENING = 2, /* the socket listened before the call */
	BACKLOG_KNOWN = 4,
	PORT_CHOSEN = 8, /* by the kernel: nobody asked for it by number */
};

struct listen_sample {
	struct origin origin;
	__u8 address[16] __attribute__((aligned(8)));
	__u32 interface_index;
	__s32 backlog;	     /* as asked for */
	__u32 backlog_limit; /* as the kernel took it; 0 of a socket that does not listen */
	__u16 address_family;
	__u16 port;
	__u16 protocol_number;
	__u16 socket_type;
	__u8 options;
	__u8 ipv6_only;
	__u8 flags; /* enum listen_flag */
	__u8 reserved;
};

/* Further checks of a call by a caller_wanted() before anything is read from its socket. */
static __always_inline bool call_wanted(int ret)
{
	return (!ret || config.include_error) && surroundings_wanted();
}

static __always_inline bool is_ip(__u16 family)
{
	return family == AF_INET || family == AF_INET6;
}

/* A socket's state: whether it listens, how many connections it queues, and its port. */
#define LIMIT_OF(standing) ((__u32)(standing))
#define PORT_OF(standing) ((__u16)((standing) >> 32))
#define STATE_OF(standing) ((__u8)((standing) >> 48))
#define WITHOUT_PORT(standing) ((standing) & ~(0xffffull << 32))

static __always_inline __u64 standing_of(struct sock *sk, const struct sock_common *common, __u16 protocol)
{
	struct sock *queue = port_holder_of(sk, common->skc_family, protocol);
	__u32 limit = queue ? LOAD(false, queue, sk_max_ack_backlog) : 0;

	return (__u64)common->skc_state << 48 | (__u64)common->skc_num << 32 | limit;
}

/* A call that has returned, as its hook found it. */
struct outcome {
	struct task_struct *task; /* null where nobody has had to ask for it yet */
	struct sock *sk;
	const struct sock_common *common; /* its head */
	struct kind kind;
	__u64 before; /* how the socket stood */
	int backlog;
	bool is_backlog_known;
	int ret;
};

static __always_inline int count(const struct outcome *call, const struct endpoint *bound)
{
	struct owned_count_key key;

	key.call = (struct bind_count_key){
		.interface_index = call->common->skc_bound_dev_if,
		.error_code = -call->ret,
		.address_family = bound->family,
		.port = bound->port,
		.protocol_number = call->kind.protocol,
		.named_family = bound->family,
	};

	__builtin_memcpy(key.call.address, bound->address, sizeof(key.call.address));
	return count_one_more(&key);
}

/*
 * Who chose the socket's port. Another thread may have bound it after the entry was seen, so only this shows whether the call
 * gave the socket its port. SCTP does not record whether a port was requested by number.
 */
static __always_inline __u8 choice_of_port(const struct outcome *call, __u16 port)
{
	bool had_port = PORT_OF(call->before);
	struct sock *queue;

	if (!port || (had_port && call->kind.protocol == IPPROTO_SCTP))
		return 0;
	queue = port_holder_of(call->sk, call->common->skc_family, call->kind.protocol);
	if (!queue || LOAD_BITS(false, queue, sk_userlocks) & SOCK_BINDPORT_LOCK)
		return 0;
	return had_port || call->ret ? PORT_CHOSEN : PORT_CHOSEN | IMPLICIT;
}

static __always_inline int emit(bool typed, const struct outcome *call, const struct endpoint *bound)
{
	struct listen_sample *sample = bpf_ringbuf_reserve(&events, sizeof(*sample), 0);
	const struct sock_common *common = call->common;
	struct net *net = common->skc_net.net;
	__u64 after = standing_of(call->sk, common, call->kind.protocol);
	__u8 bits, flags;

	if (!sample)
		return dropped();
	fill_origin(&sample->origin, call->task ?: current_task(), inode_of(typed, call->sk),
		    cgroup_of_socket(typed, call->sk), LOAD(typed, net, ns.inum), call->ret);
	__builtin_memcpy(sample->address, bound->address, sizeof(sample->address));
	sample->interface_index = common->skc_bound_dev_if;
	sample->backlog = call->backlog;
	sample->backlog_limit = STATE_OF(after) == TCP_LISTEN ? LIMIT_OF(after) : 0;
	sample->address_family = bound->family;
	sample->port = bound->port;
	sample->protocol_number = call->kind.protocol;
	sample->socket_type = call->kind.type;
	bits = BYTE_OF(common, skc_reuse);
	sample->options = options_of(call->sk, common, bits);
	sample->ipv6_only = BITS(common, skc_reuse, bits, skc_ipv6only);
	flags = choice_of_port(call, bound->port);
	if (STATE_OF(call->before) == TCP_LISTEN)
		flags |= ALREADY_LISTENING;
	if (call->is_backlog_known)
		flags |= BACKLOG_KNOWN;
	sample->flags = flags;
	sample->reserved = 0;
	submit(sample);
	return 0;
}

/* The one place where a call is judged and reported, once its caller and itself are wanted. */
static __always_inline int report(bool typed, const struct outcome *call)
{
	struct endpoint bound = { .family = call->common->skc_family };

	if (!family_wanted(bound.family) || !protocol_wanted(call->kind.protocol) ||
	    !network_namespace_wanted(typed, call->common->skc_net.net))
		return filtered();

	/* A raw socket has no port; its number is its protocol. */
	bound.port = call->kind.type == SOCK_RAW ? 0 : call->common->skc_num;
	read_bound_address(bound.address, call->common, bound.family);
	/*
	 * Another process that holds the socket may already have stopped it from listening, and then its port is gone. An
	 * SCTP socket can be told to stop listening even without a port.
	 */
	if (!call->ret && !bound.port && call->kind.protocol != IPPROTO_SCTP)
		return missed();
	if (config.by_port && !passes(in_bitmap(ports, bound.port)))
		return filtered();
	if (config.by_address && !passes(prefix_matches(&address_filter, &bound)))
		return filtered();
	return config.count ? count(call, &bound) : emit(typed, call, &bound);
}

enum function {
	INET_LISTEN,
	MPTCP_LISTEN,
	SCTP_INET_LISTEN,
	INET_DCCP_LISTEN,
	SOCK_NO_LISTEN,
	SECURITY_SOCKET_LISTEN,
	SYS_LISTEN,
};

/* A success is not reported here. */
static __always_inline bool is_outcome(enum function function, int ret)
{
	return function != SECURITY_SOCKET_LISTEN || ret;
}

/*
 * The requested backlog. The system call limits it to net.core.somaxconn before it calls a listening function. So a number
 * below that is the requested one; otherwise it is in the system call's arguments, except for calls through io_uring or by
 * 32-bit programs, and before 5.15.
 */
static __always_inline void read_backlog(struct outcome *call, int backlog)
{
	struct task_struct *task = current_task();
	struct net *net = CAST(struct net, call->common->skc_net.net);
	struct pt_regs *regs;
	int asked;

	call->task = task;
	call->backlog = backlog;
	call->is_backlog_known = (__u32)backlog < (__u32)LOAD(false, net, core.sysctl_somaxconn);
	if (call->is_backlog_known || !kernel_has_helper(task_pt_regs) || LOAD_TASK(task, flags) & PF_IO_WORKER)
		return;
	regs = current_registers();
	if (SYSTEM_CALL_NUMBER(regs) != LISTEN_NUMBER)
		return;
	asked = PT_REGS_PARM2_SYSCALL(regs);
	/* Otherwise they belong to another call, at whose return io_uring does its work. */
	if ((__u32)asked >= (__u32)backlog) {
		call->backlog = asked;
		call->is_backlog_known = true;
	}
}

/* What is stored at an entry: struct call's args. */
enum { SOCKET, BACKLOG, BEFORE };
enum { FD_AND_BACKLOG, FILE };

#define SHARED 1ull /* with FILE, which is aligned */

static __always_inline int function_entered(bool typed, enum function function, void *socket, int backlog)
{
	union socket_copy copied;
	union sock_copy copy;
	struct sock *sk = socket_at(typed, socket, &copied)->sk;

	return enter(function, (__u64)socket, backlog,
		     standing_of(sk, head_of(typed, sk, &copy), LOAD(typed, sk, sk_protocol)), 0);
}

/* One return of a function that has the socket. `entered` is null if its entry does not matter. */
static __always_inline int function_returned(bool typed, enum function function, void *socket, int backlog,
					     const struct call *entered, int ret)
{
	struct outcome call = { .ret = ret };
	union socket_copy copied;
	union sock_copy copy;
	struct socket *sock;

	if (!is_outcome(function, ret))
		return 0;
	if (!call_wanted(ret))
		return filtered();
	sock = socket_at(typed, socket, &copied);
	call.sk = sock->sk;
	call.common = head_of(typed, call.sk, &copy);
	if (!is_ip(call.common->skc_family))
		return 0;
	call.kind = kind_of(typed, call.sk);
	/* Up to 6.5, mptcp_listen() makes its first subflow, a socket without a file, listen through here. */
	if (function == INET_LISTEN && !sock->file && is_subflow(call.sk, call.kind.protocol))
		return 0;
	call.before = entered ? entered->args[BEFORE] : standing_of(call.sk, call.common, call.kind.protocol);
	read_backlog(&call, backlog);
	return report(typed, &call);
}

/*
 * The threads that last entered listen() with a socket that other threads of their process can reach. If two do so at once,
 * one may have made the other's listen.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, __u32);
} listeners SEC(".maps");

static __always_inline __u64 standing_of_any(struct sock *sk)
{
	union sock_copy copy;

	return standing_of(sk, head_of(false, sk, &copy), LOAD(false, sk, sk_protocol));
}

static __always_inline int system_call_entered(struct task_struct *task, int fd, int backlog)
{
	struct descriptor entered = look_up(task, fd);
	__u64 file = entered.file, before = 0;

	if (entered.sk)
		before = standing_of_any(entered.sk);
	if (descriptors_shared(task)) {
		file |= SHARED;
		if (entered.sk) {
			__u32 thread_id = bpf_get_current_pid_tgid();
			__u64 key = (__u64)entered.sk;

			bpf_map_update_elem(&listeners, &key, &thread_id, BPF_ANY);
		}
	}
	return enter(SYS_LISTEN, (__u64)(__u32)backlog << 32 | (__u32)fd, file, before, 0);
}

/*
 * Whether a success concerned the socket that its descriptor refers to now. Another thread may have swapped the socket while
 * the kernel looked it up.
 */
static __always_inline bool is_of(struct sock *sk, const struct call *entered)
{
	__u64 key = (__u64)sk;
	__u32 *thread_id;

	/* Nothing about its listening has changed. */
	if (WITHOUT_PORT(standing_of_any(sk)) == WITHOUT_PORT(entered->args[BEFORE]))
		return false;
	thread_id = bpf_map_lookup_elem(&listeners, &key);
	return thread_id && *thread_id == (__u32)bpf_get_current_pid_tgid();
}

/* `entered` is null if the entry was not seen; only failures can be reported without it. */
static __always_inline int system_call_returned(struct task_struct *task, const struct call *entered, int fd,
						int backlog, int ret)
{
	struct outcome call = { .task = task, .backlog = backlog, .is_backlog_known = true, .ret = ret };
	struct descriptor left = look_up(task, fd);
	bool shared = entered && entered->args[FILE] & SHARED;
	bool is_no_socket = ret == -EBADF || ret == -ENOTSOCK;
	union sock_copy copy;

	if (shared && (left.file | SHARED) != entered->args[FILE])
		return missed();
	/* Without a socket, it may not be about IP. */
	if (!left.sk)
		return !entered || is_no_socket ? 0 : missed();
	if (is_no_socket)
		return missed();
	if (shared && !ret && !is_of(left.sk, entered))
		return missed();
	call.sk = left.sk;
	call.common = head_of(false, call.sk, &copy);
	if (!is_ip(call.common->skc_family))
		return 0;
	call.kind = kind_of(false, call.sk);
	call.before = entered ? entered->args[BEFORE] : standing_of(call.sk, call.common, call.kind.protocol);
	return report(false, &call);
}

#define LISTEN(function, id)                                                                                    \
	SEC("fentry/" #function)                                                                                \
	int BPF_PROG(fentry_##function, struct socket *sock, int backlog)                                       \
	{                                                                                                       \
		return caller_wanted() ? function_entered(true, id, sock, backlog) : 0;                         \
	}                                                                                                       \
	SEC("fexit/" #function)                                                                                 \
	int BPF_PROG(fexit_##function, struct socket *sock, int backlog, int ret)                               \
	{                                                                                                       \
		struct call call;                                                                               \
                                                                                                                \
		if (!caller_wanted())                                                                           \
			return filtered();                                                                      \
		if (!leave(id, &call))                                                                          \
			return 0;                                                                               \
		return function_returned(true, id, sock, backlog, &call, ret);                                  \
	}                                                                                                       \
	SEC("kprobe/" #function)                                                                                \
	int BPF_KPROBE(kprobe_##function, void *sock, int backlog)                                              \
	{                                                                                                       \
		return caller_wanted() ? function_entered(false, id, sock, backlog) : 0;                        \
	}                                                                                                       \
	SEC("kretprobe/" #function)                                                                             \
	int BPF_KRETPROBE(kretprobe_##function, int ret)                                                        \
	{                                                                                                       \
		struct call call;                                                                               \
                                                                                                                \
		if (!caller_wanted())                                                                           \
			return filtered();                                                                      \
		if (!leave(id, &call))                                                                          \
			return 0;                                                                               \
		return function_returned(false, id, (void *)call.args[SOCKET], call.args[BACKLOG], &call, ret); \
	}

LISTEN(inet_listen, INET_LISTEN)
LISTEN(mptcp_listen, MPTCP_LISTEN)
LISTEN(sctp_inet_listen, SCTP_INET_LISTEN)
LISTEN(inet_dccp_listen, INET_DCCP_LISTEN)

/* Refuses a call before a listening function is called, and leaves the socket unchanged. */
#define REFUSAL(function, id)                                                                                  \
	SEC("fexit/" #function)                                                                                \
	int BPF_PROG(fexit_##function, struct socket *sock, int backlog, int ret)                              \
	{                                                                                                      \
		if (!caller_wanted())                                                                          \
			return is_outcome(id, ret) ? filtered() : 0;                                           \
		return function_returned(true, id, sock, backlog, NULL, ret);                                  \
	}                                                                                                      \
	SEC("kprobe/" #function)                                                                               \
	int BPF_KPROBE(kprobe_##function, void *sock, int backlog)                                             \
	{                                                                                                      \
		return caller_wanted() ? enter(id, (__u64)sock, backlog, 0, 0) : 0;                            \
	}                                                                                                      \
	SEC("kretprobe/" #function)                                                                            \
	int BPF_KRETPROBE(kretprobe_##function, int ret)                                                       \
	{                                                                                                      \
		struct call call;                                                                              \
                                                                                                               \
		if (!caller_wanted())                                                                          \
			return is_outcome(id, ret) ? filtered() : 0;                                           \
		if (!leave(id, &call))                                                                         \
			return 0;                                                                              \
		return function_returned(false, id, (void *)call.args[SOCKET], call.args[BACKLOG], NULL, ret); \
	}

REFUSAL(sock_no_listen, SOCK_NO_LISTEN)
REFUSAL(security_socket_listen, SECURITY_SOCKET_LISTEN)

SEC("tracepoint/syscalls/sys_enter_listen")
int sys_enter_listen(struct sys_enter *ctx)
{
	struct task_struct *task;
	__u64 arguments[2];

	if (!caller_wanted())
		return 0;
	task = current_task();
	read_arguments(ctx, arguments, 2);
	return system_call_entered(task, arguments[0], arguments[1]);
}

SEC("tracepoint/syscalls/sys_exit_listen")
int sys_exit_listen(struct sys_exit *ctx)
{
	struct task_struct *task;
	struct call call;
	bool entered;
	int ret;

	if (!caller_wanted())
		return filtered();
	task = current_task();
	ret = result_of(ctx);
	entered = leave(SYS_LISTEN, &call);
	if (!call_wanted(ret))
		return filtered();
	if (entered) {
		__u64 fd_and_backlog = call.args[FD_AND_BACKLOG];

		return system_call_returned(task, &call, fd_and_backlog, fd_and_backlog >> 32, ret);
	}

	/* Calls that seccomp refuses have no entry. Successes without one started before the trace, or seccomp's supervisor made them. */
	if (ret < 0 && kernel_has_helper(task_pt_regs)) {
		struct pt_regs *regs = current_registers();

		return system_call_returned(task, NULL, PT_REGS_PARM1_SYSCALL(regs), PT_REGS_PARM2_SYSCALL(regs), ret);
	}
	return 0;
}

DESCRIBE(listen_sample)
