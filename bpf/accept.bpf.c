/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * TCP connections as a process accepts them. Not sock:inet_sock_set_state: that runs when the
 * handshake ends, in whatever process the packet happened to interrupt.
 */
#include "trace.h"

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
	struct inet_sock *inet = (void *)sk;

	/* Not skc_num: a connection that the peer has reset before it is accepted no longer has it. */
	local->port = bpf_ntohs(BPF_CORE_READ(inet, inet_sport));
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

/*
 * The one place where an accept is judged and reported. `sk` is the new connection, or the listening
 * socket if there is none.
 */
static __always_inline int report(bool typed, struct sock *sk, __u16 protocol, int error)
{
	struct endpoint local = {}, remote = {};
	struct accept_record *record;
	struct net *net;

	if (error == -ERESTARTSYS)
		error = -EINTR;
	if (error && !config.include_error)
		goto filtered;
	if (error == -EAGAIN && !config.include_would_block)
		goto filtered;

	local.family = remote.family = LOAD(typed, sk, __sk_common.skc_family);
	if (!family_wanted(local.family))
		goto filtered;
	fill_endpoints(typed, sk, !error, &local, &remote);
	if (config.by_port && !in_bitmap(ports, local.port))
		goto filtered;
	if (config.by_remote_port && (error || !in_bitmap(remote_ports, remote.port)))
		goto filtered;
	if (config.by_address && !prefix_matches(&address_filter, &local))
		goto filtered;
	if (config.by_remote_address && (error || !prefix_matches(&remote_address_filter, &remote)))
		goto filtered;
	if (!origin_wanted())
		goto filtered;

	record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);
	if (!record) {
		COUNT(dropped);
		return 0;
	}
	net = LOAD(typed, sk, __sk_common.skc_net.net);
	fill_origin(&record->origin, LOAD(typed, net, ns.inum), error);
	__builtin_memcpy(record->local_address, local.address, sizeof(record->local_address));
	__builtin_memcpy(record->remote_address, remote.address, sizeof(record->remote_address));
	record->interface_index = LOAD(typed, sk, __sk_common.skc_bound_dev_if);
	record->address_family = local.family;
	record->local_port = local.port;
	record->remote_port = remote.port;
	record->protocol_number = protocol;
	record->reserved = 0;
	submit(record);
	return 0;

filtered:
	COUNT(filtered);
	return 0;
}

enum function { INET_CSK_ACCEPT, SYS_ACCEPT };

/*
 * `detail` is where inet_csk_accept() leaves its error: a pointer to an int, or since 6.10
 * (92ef0fd55ac8) a structure of arguments.
 */
static __always_inline int returned(bool typed, struct sock *listener, void *detail, struct sock *connection)
{
	struct sock *sk = connection ? connection : listener;
	struct tcp_sock *tcp = (struct tcp_sock *)sk;
	struct proto_accept_arg *arg = detail;
	__u16 protocol = LOAD(typed, sk, sk_protocol);
	int error = 0;

	if (!connection) {
		if (bpf_core_type_exists(struct proto_accept_arg))
			bpf_core_read(&error, sizeof(error), &arg->err);
		else
			bpf_probe_read_kernel(&error, sizeof(error), detail);
	}
	/* An MPTCP listener accepts on its first subflow; what comes of it may have fallen back to TCP. */
	if (bpf_core_field_exists(tcp->is_mptcp) && BPF_CORE_READ_BITFIELD_PROBED(tcp, is_mptcp))
		protocol = IPPROTO_MPTCP;
	return report(typed, sk, protocol, error);
}

static __always_inline int system_call_returned(int fd, int error)
{
	struct socket *sock = socket_of(fd);
	struct sock *sk = sock ? BPF_CORE_READ(sock, sk) : NULL;
	__u16 family, protocol;

	if (!sk)
		return 0;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	protocol = BPF_CORE_READ(sk, sk_protocol);
	if ((family != AF_INET && family != AF_INET6) || (protocol != IPPROTO_TCP && protocol != IPPROTO_MPTCP))
		return 0;
	return report(false, sk, protocol, error);
}

/*
 * Failures that inet_csk_accept() is not reached by. What fails after it (EFAULT, ECONNABORTED) has
 * been reported as the connection that it took off the queue.
 */
static __always_inline bool fails_early(int flags, int error)
{
	switch (error) {
	case -EPERM:
	case -EACCES:
	case -EMFILE:
	case -ENFILE:
	case -ENOMEM:
		return true;
	case -EINVAL:
		return flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
	default:
		return false;
	}
}

SEC("fexit/inet_csk_accept")
int fexit_inet_csk_accept(unsigned long long *ctx)
{
	/* The return value follows the arguments, of which there are two since 6.10, four before. */
	if (bpf_core_type_exists(struct proto_accept_arg))
		return returned(true, (void *)ctx[0], (void *)ctx[1], (void *)ctx[2]);
	return returned(true, (void *)ctx[0], (void *)ctx[2], (void *)ctx[4]);
}

SEC("fexit/__sys_accept4")
int BPF_PROG(fexit___sys_accept4, int fd, void *address, void *length, int flags, int ret)
{
	return fails_early(flags, ret) ? system_call_returned(fd, ret) : 0;
}

SEC("kprobe/inet_csk_accept")
int BPF_KPROBE(kprobe_inet_csk_accept, struct sock *sk, void *second, void *third)
{
	/* Not chosen here: that would be arithmetic on the context, which the verifier forbids. */
	return enter(INET_CSK_ACCEPT, (__u64)sk, (__u64)second, (__u64)third);
}

SEC("kretprobe/inet_csk_accept")
int BPF_KRETPROBE(kretprobe_inet_csk_accept, struct sock *connection)
{
	struct call call;

	if (!leave(INET_CSK_ACCEPT, &call))
		return 0;
	if (bpf_core_type_exists(struct proto_accept_arg))
		return returned(false, (void *)call.args[0], (void *)call.args[1], connection);
	return returned(false, (void *)call.args[0], (void *)call.args[2], connection);
}

SEC("kprobe/__sys_accept4")
int BPF_KPROBE(kprobe___sys_accept4, int fd, void *address, void *length, int flags)
{
	return enter(SYS_ACCEPT, fd, flags, 0);
}

SEC("kretprobe/__sys_accept4")
int BPF_KRETPROBE(kretprobe___sys_accept4, int ret)
{
	struct call call;

	if (!leave(SYS_ACCEPT, &call) || !fails_early(call.args[1], ret))
		return 0;
	return system_call_returned(call.args[0], ret);
}

/* A success tells its socket by what it returns; only a failure has to know what it was called with. */
static __always_inline int system_call_entered(struct sys_enter *ctx)
{
	return config.include_error ? enter(SYS_ACCEPT, ctx->args[0], 0, 0) : 0;
}

static __always_inline int system_call_exited(struct sys_exit *ctx)
{
	bool entered = false;
	struct call call;

	if (config.include_error)
		entered = leave(SYS_ACCEPT, &call);
	if (ctx->ret >= 0)
		return system_call_returned(ctx->ret, 0);
	if (!config.include_error) {
		COUNT(filtered);
		return 0;
	}
	return entered ? system_call_returned(call.args[0], ctx->ret) : 0;
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
