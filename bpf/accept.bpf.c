/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * TCP connections as a process accepts them. Not sock:inet_sock_set_state: that runs when the
 * handshake ends, in whatever process the packet happened to interrupt.
 */
#include "accounting.h"
#include "filter.h"

struct accept_sample {
	struct origin origin;
	__u8 local_address[16];
	__u8 remote_address[16];
	__u32 interface_index;
	__u16 address_family;
	__u16 local_port;
	__u16 remote_port;
	__u16 protocol_number;
	__u32 reserved;
};

static __always_inline void fill_endpoints(bool typed, struct sock *sk, bool connected, struct endpoint *local,
					   struct endpoint *remote)
{
	struct sock_common___ipv6 *common = (void *)sk;
	struct inet_sock *inet = CAST(struct inet_sock, sk);

	/* Not skc_num: a connection that the peer has reset before it is accepted no longer has it. */
	local->port = bpf_ntohs(LOAD(false, inet, inet_sport));
	if (local->family == AF_INET)
		*(__u32 *)local->address = LOAD(typed, sk, __sk_common.skc_rcv_saddr);
	else if (bpf_core_field_exists(common->skc_v6_rcv_saddr))
		bpf_core_read(local->address, sizeof(local->address), &common->skc_v6_rcv_saddr);
	if (!connected)
		return;

	remote->port = bpf_ntohs(LOAD(typed, sk, __sk_common.skc_dport));
	if (remote->family == AF_INET)
		*(__u32 *)remote->address = LOAD(typed, sk, __sk_common.skc_daddr);
	else if (bpf_core_field_exists(common->skc_v6_daddr))
		bpf_core_read(remote->address, sizeof(remote->address), &common->skc_v6_daddr);
}

/* A call that has returned, as its hook found it. */
struct outcome {
	struct sock *sk;       /* the new connection, or the listening socket if there is none */
	struct socket *socket; /* that it is about to get; null if it has its own */
	__u16 protocol;
	int ret;
};

/* The checks of a call by a caller_wanted() before anything is read from its socket. */
static __always_inline bool call_wanted(int ret)
{
	if (ret && !config.include_error)
		return false;
	if (ret == -EAGAIN && !config.include_would_block)
		return false;
	return surroundings_wanted();
}

/*
 * Calls that a signal interrupted. Whether the caller gets EINTR or the kernel restarts the call unseen is decided when the
 * signal is delivered, by the flags of its handler. If no signal is delivered (the task only had other work to do, or is
 * killed), the caller never sees EINTR. Kept until the thread's next accept.
 */
struct interrupted {
	__u64 start_time; /* of the thread, since its number may be given to another */
	struct accept_sample sample;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct interrupted);
} interrupted SEC(".maps");

static __always_inline void fill(bool typed, struct accept_sample *sample, struct task_struct *task,
				 const struct outcome *call, const struct endpoint *local,
				 const struct endpoint *remote)
{
	struct sock *sk = call->sk;
	struct net *net = LOAD(typed, sk, __sk_common.skc_net.net);
	__u64 inode = call->socket ? inode_of_socket(call->socket) : inode_of(typed, sk);

	fill_origin(&sample->origin, task, inode, cgroup_of_socket(typed, sk), LOAD(typed, net, ns.inum), call->ret);
	__builtin_memcpy(sample->local_address, local->address, sizeof(sample->local_address));
	__builtin_memcpy(sample->remote_address, remote->address, sizeof(sample->remote_address));
	sample->interface_index = LOAD(typed, sk, __sk_common.skc_bound_dev_if);
	sample->address_family = local->family;
	sample->local_port = local->port;
	sample->remote_port = remote->port;
	sample->protocol_number = call->protocol;
	sample->reserved = 0;
}

static __always_inline int emit(bool typed, const struct outcome *call, const struct endpoint *local,
				const struct endpoint *remote)
{
	struct task_struct *task = current_task();
	struct accept_sample *sample;

	/* io_uring turns it into EINTR at once. */
	if (call->ret == -ERESTARTSYS && !(LOAD_TASK(task, flags) & PF_IO_WORKER)) {
		struct interrupted last = { .start_time = LOAD_TASK(task, start_time) };
		__u32 thread_id = bpf_get_current_pid_tgid();

		fill(typed, &last.sample, task, call, local, remote);
		last.sample.origin.error_code = EINTR;
		if (bpf_map_update_elem(&interrupted, &thread_id, &last, BPF_ANY))
			return missed();
		return 0;
	}
	sample = bpf_ringbuf_reserve(&events, sizeof(*sample), 0);
	if (!sample)
		return dropped();
	fill(typed, sample, task, call, local, remote);
	if (call->ret == -ERESTARTSYS)
		sample->origin.error_code = EINTR;
	submit(sample);
	return 0;
}

/* In kernel/signal.c: a signal has been taken from the thread's queue, to be handled by `action`. */
SEC("raw_tp/signal_deliver")
int raw_signal_deliver(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 thread_id = bpf_get_current_pid_tgid();
	struct interrupted *last = bpf_map_lookup_elem(&interrupted, &thread_id);
	struct k_sigaction *action = (void *)ctx->args[2];
	struct accept_sample *sample;
	struct task_struct *task;

	if (!last)
		return 0;
	action = CAST(struct k_sigaction, action);
	/* The next one decides, if there is one. */
	if ((unsigned long)LOAD(false, action, sa.sa_handler) <= SIG_IGN)
		return 0;
	task = current_task();
	if (last->start_time == LOAD_TASK(task, start_time) && !(LOAD(false, action, sa.sa_flags) & SA_RESTART)) {
		sample = bpf_ringbuf_reserve(&events, sizeof(*sample), 0);
		if (sample) {
			*sample = last->sample;
			sample->origin.time = bpf_ktime_get_boot_ns();
			submit(sample);
		} else {
			COUNT(dropped);
		}
	}
	bpf_map_delete_elem(&interrupted, &thread_id);
	return 0;
}

/* The one place where a call is judged and reported. */
static __always_inline int report(bool typed, const struct outcome *call)
{
	struct endpoint local = {}, remote = {};
	struct sock *sk = call->sk;

	if (!caller_wanted() || !call_wanted(call->ret))
		return filtered();
	local.family = remote.family = LOAD(typed, sk, __sk_common.skc_family);
	if (!family_wanted(local.family) || !protocol_wanted(call->protocol) ||
	    !network_namespace_wanted(typed, LOAD(typed, sk, __sk_common.skc_net.net)))
		return filtered();
	fill_endpoints(typed, sk, !call->ret, &local, &remote);
	if (config.by_port && !passes(in_bitmap(ports, local.port)))
		return filtered();
	if (config.by_remote_port && !passes(!call->ret && in_bitmap(remote_ports, remote.port)))
		return filtered();
	if (config.by_address && !passes(prefix_matches(&address_filter, &local)))
		return filtered();
	if (config.by_remote_address && !passes(!call->ret && prefix_matches(&remote_address_filter, &remote)))
		return filtered();
	return emit(typed, call, &local, &remote);
}

/* SYS_ACCEPT ends before the wait for a connection, where kprobes see it; SYS_ACCEPT_TO_END, with trampolines, behind it. */
enum function { SYS_ACCEPT, INET_CSK_ACCEPT = MAY_WAIT, SYSTEM_CALL, SYS_ACCEPT_TO_END };

/* Deleted when calls end, because the entry of a waiting thread must not be evicted for others. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct call_key);
	__type(value, struct call);
} calls SEC(".maps");

static __always_inline int enter(enum function function, __u64 arg0, __u64 arg1, __u64 arg2, __u64 arg3)
{
	struct call_key key = { .thread_id = bpf_get_current_pid_tgid(), .function = function };
	struct call call = { .args = { arg0, arg1, arg2, arg3 }, .under_way = true };
	long error;

	if (reader.leaving)
		return 0;
	error = bpf_map_update_elem(&calls, &key, &call, BPF_NOEXIST);
	if (!error) {
		COUNT(entered);
		return 0;
	}
	/* Full, or the thread's last call never returned: either way, one call is lost. */
	COUNT(missed);
	if (error == -EEXIST)
		bpf_map_update_elem(&calls, &key, &call, BPF_ANY);
	return 0;
}

/* False if the entry was not seen. */
static __always_inline bool leave(enum function function, struct call *call)
{
	struct call_key key = { .thread_id = bpf_get_current_pid_tgid(), .function = function };
	struct call *entered = bpf_map_lookup_elem(&calls, &key);

	if (!entered) {
		/* Clang may copy it on this path as well, and the verifier requires that it has been written. */
		*call = (struct call){};
		return false;
	}
	*call = *entered;
	bpf_map_delete_elem(&calls, &key);
	COUNT(left);
	return true;
}

static __always_inline bool is_tcp(__u16 family, __u16 protocol)
{
	return (family == AF_INET || family == AF_INET6) && (protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP);
}

/*
 * Connections are seen where the new socket is given to its owner: every successful accept passes there, and nothing
 * there waits. A hook on the return of a function that waits misses calls that were already waiting when it was
 * attached; and a kretprobe has room for few waiting calls, on an old kernel for as many as there are processors.
 */
static __always_inline int accepted(bool typed, struct sock *sk, struct socket *socket)
{
	struct outcome call = { .sk = sk, .socket = socket, .protocol = LOAD(typed, sk, sk_protocol) };

	return is_tcp(LOAD(typed, sk, __sk_common.skc_family), call.protocol) ? report(typed, &call) : 0;
}

static __always_inline int failed(bool typed, struct sock *listener, int error)
{
	struct outcome call = { .sk = listener, .protocol = LOAD(typed, listener, sk_protocol), .ret = error };
	struct tcp_sock *tcp = (struct tcp_sock *)listener;

	/* An MPTCP listener accepts on its first subflow. */
	if (call.protocol == IPPROTO_TCP && bpf_core_field_exists(tcp->is_mptcp) &&
	    BPF_CORE_READ_BITFIELD_PROBED(tcp, is_mptcp))
		call.protocol = IPPROTO_MPTCP;
	return report(typed, &call);
}

/*
 * The flags of inet_csk_accept(), and where it stores its error: its second and third argument, or
 * since 6.10 (92ef0fd55ac8, "net: change proto and proto_ops accept type") members of the second.
 */
static __always_inline int flags_of(void *second)
{
	struct proto_accept_arg *arg = second;

	return bpf_core_type_exists(struct proto_accept_arg) ? BPF_CORE_READ(arg, flags) : (int)(long)second;
}

static __always_inline void *place_of_error(void *second, void *third)
{
	struct proto_accept_arg *arg = second;

	return bpf_core_type_exists(struct proto_accept_arg) ? (void *)__builtin_preserve_access_index(&arg->err) :
							       third;
}

static __always_inline int error_at(void *place)
{
	int error = 0;

	bpf_probe_read_kernel(&error, sizeof(error), place);
	return error;
}

/* The socket of a descriptor if it is of TCP, or null. */
static __always_inline struct sock *tcp_socket_of(const struct descriptor *descriptor)
{
	struct sock *sk = descriptor->sk;

	return sk && is_tcp(LOAD(false, sk, __sk_common.skc_family), LOAD(false, sk, sk_protocol)) ? sk : NULL;
}

/* What is stored at the entry to a system call: struct call's args. */
enum { LISTENER, FD, FILE, PORT };

#define SHARED 1ull /* with FILE, which is aligned */

static __always_inline int system_call_entered(enum function function, struct task_struct *task, int fd)
{
	struct descriptor entered = look_up(task, fd);
	struct sock *sk = tcp_socket_of(&entered);
	bool shared = descriptors_shared(task);
	__u32 thread_id = bpf_get_current_pid_tgid();

	/* Restarted, so the caller has not seen it fail; or it has, and that was reported. */
	if (config.include_error)
		bpf_map_delete_elem(&interrupted, &thread_id);

	/* Tracepoints see only the descriptor of a success, which no other thread can have changed here. */
	if (function == SYSTEM_CALL && !shared && (!sk || !config.include_error))
		return 0;
	if (function != SYSTEM_CALL && !sk)
		return 0;
	return enter(function, (__u64)sk, fd, entered.file | shared,
		     sk ? BPF_CORE_READ((struct inet_sock *)sk, inet_sport) : 0);
}

/* A failure: reported for the listener, if its descriptor still refers to it. */
static __always_inline int system_call_failed(const struct call *call, int error)
{
	struct descriptor left = look_up(current_task(), call->args[FD]);
	struct inet_sock *listener = (void *)call->args[LISTENER];

	if (left.file && left.file != (call->args[FILE] & ~SHARED))
		return missed();
	if (!listener)
		return 0;
	/* It may have failed because another thread closed the listener, which is then about to be freed. */
	if (!left.file && BPF_CORE_READ(listener, inet_sport) != call->args[PORT])
		return missed();
	return failed(false, CAST(struct sock, listener), error);
}

SEC("fentry/security_sock_graft")
int BPF_PROG(fentry_security_sock_graft, struct sock *sk)
{
	return accepted(true, sk, NULL);
}

/*
 * What calls it, hooked only where a kernel has no security modules for networking, and so no such function. Of its own
 * since 6.5: 711bdd5141d8 ("inet: factor out __inet_accept() helper").
 */
SEC("fentry/__inet_accept")
int BPF_PROG(fentry___inet_accept, struct socket *listener, struct socket *socket, struct sock *sk)
{
	return accepted(true, sk, socket);
}

/*
 * Some failures do not reach inet_csk_accept(): no descriptor is left, a security module objects, the flags
 * are wrong. They are recognized by an entry that is still there when the system call returns.
 */
SEC("fentry/__sys_accept4")
int BPF_PROG(fentry___sys_accept4, int fd)
{
	return system_call_entered(SYS_ACCEPT_TO_END, current_task(), fd);
}

SEC("fexit/inet_csk_accept")
int fexit_inet_csk_accept(unsigned long long *ctx)
{
	struct call call;
	void *third = NULL;

	/* A call that gets here no longer fails early. */
	leave(SYS_ACCEPT_TO_END, &call);

	/* The return value follows the arguments, of which there are two since 6.10, four before. */
	if (bpf_core_type_exists(struct proto_accept_arg)) {
		if (ctx[2])
			return 0;
	} else {
		if (ctx[4])
			return 0;
		/*
		 * Before 5.17 (bb6728d75611, "bpf: Allow access to int pointer arguments in tracing programs") the verifier
		 * refuses to load a pointer as a number.
		 */
		bpf_probe_read_kernel(&third, sizeof(third), &ctx[2]);
	}
	return failed(true, (void *)ctx[0], error_at(place_of_error((void *)ctx[1], third)));
}

SEC("fexit/__sys_accept4")
int BPF_PROG(fexit___sys_accept4, int fd, void *address, void *length, int flags, int ret)
{
	struct call call;

	return leave(SYS_ACCEPT_TO_END, &call) && ret < 0 ? system_call_failed(&call, ret) : 0;
}

/*
 * The kprobes keep track of calls, because some returns are missed: the entry of a failing call stays until its return,
 * that of a successful call until the connection is seen.
 */
SEC("kprobe/__sys_accept4")
int BPF_KPROBE(kprobe___sys_accept4, int fd)
{
	return system_call_entered(SYS_ACCEPT, current_task(), fd);
}

SEC("kprobe/inet_csk_accept")
int BPF_KPROBE(kprobe_inet_csk_accept, struct sock *sk, void *second, void *third)
{
	struct call call;
	bool would_block;

	/* Both are loaded before one is chosen, because otherwise clang computes on the context, which the verifier forbids. */
	barrier_var(second);
	barrier_var(third);
	would_block = flags_of(second) & O_NONBLOCK && BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN;

	/* A call that gets here no longer fails early. */
	leave(SYS_ACCEPT, &call);
	return enter(INET_CSK_ACCEPT, (__u64)sk, (__u64)place_of_error(second, third), would_block, 0);
}

static __always_inline int accepted_by_kprobe(struct sock *sk, struct socket *socket)
{
	struct call call;

	if (config.include_error)
		leave(INET_CSK_ACCEPT, &call);
	return accepted(false, CAST(struct sock, sk), socket);
}

SEC("kprobe/security_sock_graft")
int BPF_KPROBE(kprobe_security_sock_graft, struct sock *sk)
{
	return accepted_by_kprobe(sk, NULL);
}

SEC("kprobe/__inet_accept")
int BPF_KPROBE(kprobe___inet_accept, struct socket *listener, struct socket *socket, struct sock *sk)
{
	return accepted_by_kprobe(sk, socket);
}

SEC("kretprobe/inet_csk_accept")
int BPF_KRETPROBE(kretprobe_inet_csk_accept, struct sock *connection)
{
	struct call call;

	if (!leave(INET_CSK_ACCEPT, &call) || connection)
		return 0;
	return failed(false, CAST(struct sock, call.args[0]), error_at((void *)call.args[1]));
}

/* A call that has failed gives back its descriptor. If it still has an entry, its return was missed. */
SEC("kprobe/put_unused_fd")
int kprobe_put_unused_fd(struct pt_regs *ctx)
{
	struct call call;

	if (!leave(INET_CSK_ACCEPT, &call))
		return 0;
	if (call.args[2])
		return failed(false, CAST(struct sock, call.args[0]), -EAGAIN);
	COUNT(missed);
	return 0;
}

SEC("kretprobe/__sys_accept4")
int BPF_KRETPROBE(kretprobe___sys_accept4, int ret)
{
	struct call call;

	return leave(SYS_ACCEPT, &call) && ret < 0 ? system_call_failed(&call, ret) : 0;
}

/*
 * Connections accepted into descriptors that several threads share, by the inodes of their sockets. A connection that a
 * thread puts in place of the new one has been accepted before.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, __u8);
} connections SEC(".maps");

/* Whether a connection is accepted for the first time. */
static __always_inline bool is_new(const struct descriptor *descriptor)
{
	struct file *file = CAST(struct file, descriptor->file);
	struct inode___number *inode = LOAD(false, file, f_inode);
	__u64 key;
	__u8 seen = 1;

	inode = CAST(struct inode___number, inode);
	key = LOAD(false, inode, i_ino);
	return !bpf_map_update_elem(&connections, &key, &seen, BPF_NOEXIST);
}

static __always_inline int tracepoint_entered(struct sys_enter *ctx)
{
	struct task_struct *task = current_task();
	__u64 arguments[3];

	read_arguments(ctx, arguments, 3);
	return system_call_entered(SYSTEM_CALL, task, arguments[0]);
}

/* Calls that started before the trace have no entry; their descriptors are trusted, as are those that no other task shares. */
static __always_inline int tracepoint_left(struct sys_exit *ctx)
{
	struct task_struct *task = current_task();
	struct descriptor connection;
	int ret = result_of(ctx);
	struct sock *sk;
	struct call call;
	bool entered = leave(SYSTEM_CALL, &call);

	if (ret < 0) {
		if (!config.include_error)
			return filtered();
		return entered ? system_call_failed(&call, ret) : 0;
	}
	connection = look_up(task, ret);
	sk = tcp_socket_of(&connection);
	/* TCP sockets accept TCP connections, and only they do. */
	if (entered && !!sk != !!call.args[LISTENER])
		return missed();
	if (!sk)
		return 0;
	if (BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN)
		return missed();
	if (descriptors_shared(task) && !is_new(&connection))
		return missed();
	return accepted(false, sk, NULL);
}

SEC("tracepoint/syscalls/sys_enter_accept")
int sys_enter_accept(struct sys_enter *ctx)
{
	return tracepoint_entered(ctx);
}

SEC("tracepoint/syscalls/sys_exit_accept")
int sys_exit_accept(struct sys_exit *ctx)
{
	return tracepoint_left(ctx);
}

SEC("tracepoint/syscalls/sys_enter_accept4")
int sys_enter_accept4(struct sys_enter *ctx)
{
	return tracepoint_entered(ctx);
}

SEC("tracepoint/syscalls/sys_exit_accept4")
int sys_exit_accept4(struct sys_exit *ctx)
{
	return tracepoint_left(ctx);
}

DESCRIBE(accept_sample)
