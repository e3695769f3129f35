/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * TCP connections as a process accepts them. Not sock:inet_sock_set_state: that runs when the
 * handshake ends, in whatever process the packet happened to interrupt.
 */
#include "accounting.h"
#include "filter.h"

struct accept_record {
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
	struct sock *sk; /* the new connection, or the listening socket if there is none */
	__u16 protocol;
	int ret;
};

/* What there is to check of a call by a caller_wanted(), before anything is read of its socket. */
static __always_inline bool call_wanted(int ret)
{
	if (ret && !config.include_error)
		return false;
	if (ret == -EAGAIN && !config.include_would_block)
		return false;
	return surroundings_wanted();
}

static __always_inline int emit(bool typed, const struct outcome *call, const struct endpoint *local,
				const struct endpoint *remote)
{
	struct accept_record *record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);
	struct net *net;

	if (!record) {
		COUNT(dropped);
		return 0;
	}
	net = LOAD(typed, call->sk, __sk_common.skc_net.net);
	fill_origin(&record->origin, current_task(), LOAD(typed, net, ns.inum), call->ret);
	__builtin_memcpy(record->local_address, local->address, sizeof(record->local_address));
	__builtin_memcpy(record->remote_address, remote->address, sizeof(record->remote_address));
	record->interface_index = LOAD(typed, call->sk, __sk_common.skc_bound_dev_if);
	record->address_family = local->family;
	record->local_port = local->port;
	record->remote_port = remote->port;
	record->protocol_number = call->protocol;
	record->reserved = 0;
	submit(record);
	return 0;
}

/* The one place where a call is judged and reported. */
static __always_inline int report(bool typed, const struct outcome *call)
{
	struct endpoint local = {}, remote = {};

	if (!caller_wanted() || !call_wanted(call->ret))
		return filtered();
	local.family = remote.family = LOAD(typed, call->sk, __sk_common.skc_family);
	if (!family_wanted(local.family) || !protocol_wanted(call->protocol))
		return filtered();
	fill_endpoints(typed, call->sk, !call->ret, &local, &remote);
	if (config.by_port && !in_bitmap(ports, local.port))
		return filtered();
	if (config.by_remote_port && (call->ret || !in_bitmap(remote_ports, remote.port)))
		return filtered();
	if (config.by_address && !prefix_matches(&address_filter, &local))
		return filtered();
	if (config.by_remote_address && (call->ret || !prefix_matches(&remote_address_filter, &remote)))
		return filtered();
	return emit(typed, call, &local, &remote);
}

enum function { SYS_ACCEPT, INET_CSK_ACCEPT = MAY_WAIT, SYSTEM_CALL };

/* Deleted as the calls end: those of a thread that waits must not make room for those of others. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct call_key);
	__type(value, struct call);
} calls SEC(".maps");

static __always_inline int enter(enum function function, __u64 arg0, __u64 arg1, __u64 arg2)
{
	struct call_key key = { .thread_id = bpf_get_current_pid_tgid(), .function = function };
	struct call call = { .args = { arg0, arg1, arg2 }, .under_way = true };
	long error = bpf_map_update_elem(&calls, &key, &call, BPF_NOEXIST);

	if (!error) {
		COUNT(entered);
		return 0;
	}
	/* Full, or the thread's last call never came to its return: either way one call is lost. */
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
		/* Clang may copy it on this path as well, and the verifier asks for it to have been written. */
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
 * Connections are seen where the new socket is given to its owner: every accept that has got one comes
 * by, whichever way it was made, and nothing there waits. A hook on the return of a function that waits
 * does not see the calls that waited before it was there; and a kretprobe has room for few of those that
 * wait at a time, on an old kernel for as many as there are processors.
 */
static __always_inline int accepted(bool typed, struct sock *sk)
{
	struct outcome call = { .sk = sk, .protocol = LOAD(typed, sk, sk_protocol) };

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
	if (error == -ERESTARTSYS)
		call.ret = -EINTR;
	return report(typed, &call);
}

/*
 * What inet_csk_accept() is to do, and where it leaves its error: its second and its third argument, or
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

	return bpf_core_type_exists(struct proto_accept_arg) ? (void *)__builtin_preserve_access_index(&arg->err) : third;
}

static __always_inline int error_at(void *place)
{
	int error = 0;

	bpf_probe_read_kernel(&error, sizeof(error), place);
	return error;
}

/* The TCP socket behind a descriptor, or null. */
static __always_inline struct sock *tcp_socket_of(int fd)
{
	struct sock *sk = sock_of(current_task(), fd);

	return sk && is_tcp(LOAD(false, sk, __sk_common.skc_family), LOAD(false, sk, sk_protocol)) ? sk : NULL;
}

SEC("fentry/security_sock_graft")
int BPF_PROG(fentry_security_sock_graft, struct sock *sk)
{
	return accepted(true, sk);
}

/*
 * Some failures do not reach inet_csk_accept(): no descriptor is left, a security module objects, the flags
 * are wrong. They are told by an entry that is still there when the system call returns.
 */
SEC("fentry/__sys_accept4")
int BPF_PROG(fentry___sys_accept4, int fd)
{
	struct sock *sk = tcp_socket_of(fd);

	return sk ? enter(SYSTEM_CALL, (__u64)sk, 0, 0) : 0;
}

SEC("fexit/inet_csk_accept")
int fexit_inet_csk_accept(unsigned long long *ctx)
{
	struct call call;
	void *third = NULL;

	leave(SYSTEM_CALL, &call);

	/* The return value follows the arguments, of which there are two since 6.10, four before. */
	if (bpf_core_type_exists(struct proto_accept_arg)) {
		if (ctx[2])
			return 0;
	} else {
		if (ctx[4])
			return 0;
		/*
		 * Before 5.17 (bb6728d75611, "bpf: Allow access to int pointer arguments in tracing programs") the verifier
		 * lets nobody load a pointer to a number.
		 */
		bpf_probe_read_kernel(&third, sizeof(third), &ctx[2]);
	}
	return failed(true, (void *)ctx[0], error_at(place_of_error((void *)ctx[1], third)));
}

SEC("fexit/__sys_accept4")
int BPF_PROG(fexit___sys_accept4, int fd, void *address, void *length, int flags, int ret)
{
	struct call call;

	return leave(SYSTEM_CALL, &call) && ret < 0 ? failed(false, CAST(struct sock, call.args[0]), ret) : 0;
}

/*
 * The kprobes keep accounts of the calls, as the returns of some are missed: a call that fails has its
 * entry until its return, one that gets a connection until the connection is seen.
 */
SEC("kprobe/__sys_accept4")
int BPF_KPROBE(kprobe___sys_accept4, int fd)
{
	struct sock *sk = tcp_socket_of(fd);

	return sk ? enter(SYS_ACCEPT, (__u64)sk, 0, 0) : 0;
}

SEC("kprobe/inet_csk_accept")
int BPF_KPROBE(kprobe_inet_csk_accept, struct sock *sk, void *second, void *third)
{
	struct call call;
	bool would_block;

	/* Both loaded before one is chosen: else clang computes on the context, which the verifier forbids. */
	barrier_var(second);
	barrier_var(third);
	would_block = flags_of(second) & O_NONBLOCK && BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN;

	/* Having come here, it does not fail early any more. */
	leave(SYS_ACCEPT, &call);
	return enter(INET_CSK_ACCEPT, (__u64)sk, (__u64)place_of_error(second, third), would_block);
}

SEC("kprobe/security_sock_graft")
int BPF_KPROBE(kprobe_security_sock_graft, struct sock *sk)
{
	struct call call;

	if (config.include_error)
		leave(INET_CSK_ACCEPT, &call);
	return accepted(false, CAST(struct sock, sk));
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

	return leave(SYS_ACCEPT, &call) && ret < 0 ? failed(false, CAST(struct sock, call.args[0]), ret) : 0;
}

/* A success tells its socket by what it returns; only a failure has to know what it was called with. */
static __always_inline int system_call_entered(struct sys_enter *ctx)
{
	struct sock *sk = config.include_error ? tcp_socket_of(ctx->args[0]) : NULL;
	struct inet_sock *inet = (void *)sk;

	return sk ? enter(SYSTEM_CALL, (__u64)sk, BPF_CORE_READ(inet, inet_sport), 0) : 0;
}

static __always_inline int system_call_exited(struct sys_exit *ctx)
{
	bool entered = false;
	struct call call = {};
	struct sock *sk;

	if (config.include_error)
		entered = leave(SYSTEM_CALL, &call);
	if (ctx->ret >= 0) {
		sk = tcp_socket_of(ctx->ret);
		return sk ? accepted(false, sk) : 0;
	}
	if (!config.include_error)
		COUNT(filtered);
	if (!entered)
		return 0;

	/* Whoever has closed the listener meanwhile may be why it failed, and then it is about to be freed. */
	struct inet_sock *inet = (void *)call.args[0];
	if (BPF_CORE_READ(inet, inet_sport) != call.args[1]) {
		COUNT(missed);
		return 0;
	}
	return failed(false, CAST(struct sock, inet), ctx->ret);
}

SEC("tracepoint/syscalls/sys_enter_accept")
int sys_enter_accept(struct sys_enter *ctx)
{
	return system_call_entered(ctx);
}

SEC("tracepoint/syscalls/sys_exit_accept")
int sys_exit_accept(struct sys_exit *ctx)
{
	return system_call_exited(ctx);
}

SEC("tracepoint/syscalls/sys_enter_accept4")
int sys_enter_accept4(struct sys_enter *ctx)
{
	return system_call_entered(ctx);
}

SEC("tracepoint/syscalls/sys_exit_accept4")
int sys_exit_accept4(struct sys_exit *ctx)
{
	return system_call_exited(ctx);
}

DESCRIBE(accept_record)
