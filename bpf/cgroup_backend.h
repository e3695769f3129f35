/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Binds as cgroup programs see them, part of bind.bpf.c. The kernel runs cgroup/post_bind4|6 within its bind functions
 * once a bind has succeeded, and cgroup/bind4|6 before, with its own copy of the address. They see neither failures,
 * nor sockets whose protocol binds by itself (raw, ping, SCTP), nor IP_BIND_ADDRESS_NO_PORT with port 0: for those
 * other hooks stand beside them.
 */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct proto {
	void *bind; /* of its own */
};

#pragma clang attribute pop

/* What cgroup/bind4|6, where a call starts, stores about a thread's call. */
struct cgroup_call {
	struct endpoint requested;
	__u64 sk;	/* of a call that cgroup/post_bind4|6 will not see, until its return is seen */
	__u64 reported; /* by cgroup/post_bind4|6 */
};

/* Entries stay for the thread's next call, as in "calls". */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct cgroup_call);
} cgroup_calls SEC(".maps");

/*
 * How many calls have an `sk`: mostly none, which spares those who return from looking. Too many if entries had to go for
 * want of room.
 */
volatile __u32 awaited_calls SEC(".data.awaited") = 0;

static __always_inline struct cgroup_call *cgroup_call(void)
{
	__u32 thread_id = bpf_get_current_pid_tgid();

	return bpf_map_lookup_elem(&cgroup_calls, &thread_id);
}

/* Whether cgroup/post_bind4|6 has reported the call that a system call makes, from its entry to its return. */
static __always_inline bool take_cgroup_mark(void)
{
	struct cgroup_call *call = cgroup_call();
	bool reported = call && call->reported;

	if (reported)
		call->reported = false;
	return reported;
}

/* Whether its protocol has a bind function of its own: then the kernel runs no cgroup program. */
static __always_inline bool binds_by_itself(struct sock *sk)
{
	struct proto *proto = BPF_CORE_READ(sk, __sk_common.skc_prot);

	return BPF_CORE_READ(proto, bind) != NULL;
}

/* Whether a cgroup program has already reported this success, which another hook now sees. */
static __always_inline bool reported_by_cgroup(struct sock *sk, int ret)
{
	struct cgroup_call *call;

	if (config.cgroup_hooks != CGROUP_AND_ALL || ret)
		return false;
	call = cgroup_call();
	/* The mark is for the thread's last call that cgroup/bind4|6 saw start; other calls need not check it. */
	return call && call->reported && !binds_by_itself(sk);
}

static __always_inline bool binds_without_port(struct sock *sk)
{
	struct inet_sock *inet = CAST(struct inet_sock, sk);
	struct inet_sock___bits *bits = (void *)sk;

	if (bpf_core_field_exists(inet->inet_flags))
		return LOAD(false, inet, inet_flags) >> (config.bind_address_no_port_bit & 63) & 1;
	return BPF_CORE_READ_BITFIELD_PROBED(bits, bind_address_no_port);
}

static __always_inline void cgroup_entered(void *ctx, __u16 family)
{
	struct bpf_sock_addr_kern *kernel = CAST(struct bpf_sock_addr_kern, ctx);
	__u32 thread_id = bpf_get_current_pid_tgid();
	struct cgroup_call *call;
	__u64 awaited = 0;
	/* Until 6.7 (fefba7d1ae19, "bpf: Propagate modified uaddrlen from cgroup sockaddr programs") it is not said. */
	int length = ADDRESS_SIZE;

	call = bpf_map_lookup_elem(&cgroup_calls, &thread_id);
	if (!call) {
		struct cgroup_call first = {};

		bpf_map_update_elem(&cgroup_calls, &thread_id, &first, BPF_ANY);
		call = bpf_map_lookup_elem(&cgroup_calls, &thread_id);
		if (!call) {
			COUNT(missed);
			return;
		}
	}
	/* The thread's last call never returned. */
	if (call->sk)
		COUNT(missed);
	if (bpf_core_field_exists(kernel->uaddrlen))
		length = LOAD(false, kernel, uaddrlen);
	read_kernel_address(&call->requested, LOAD(false, kernel, uaddr), length, family);
	if (config.cgroup_hooks == CGROUP_AND_OWN && !call->requested.port && !reader.leaving) {
		struct sock *sk = LOAD(false, kernel, sk);

		if (binds_without_port(sk))
			awaited = (__u64)sk;
	}
	if (awaited && !call->sk) {
		COUNT(entered);
		__sync_fetch_and_add(&awaited_calls, 1);
	} else if (!awaited && call->sk) {
		__sync_fetch_and_sub(&awaited_calls, 1);
	}
	call->sk = awaited;
	call->reported = 0;
}

/* The result of IP_BIND_ADDRESS_NO_PORT with port 0, if only this is still to be reported. */
static __always_inline int no_port_returned(int ret)
{
	struct outcome call = { .ret = ret };
	struct cgroup_call *entered;
	union sock_copy copy;

	if (!awaited_calls)
		return 0;
	entered = cgroup_call();
	if (!entered || !entered->sk)
		return 0;
	call.sk = CAST(struct sock, entered->sk);
	call.requested = entered->requested;
	entered->sk = 0;
	__sync_fetch_and_sub(&awaited_calls, 1);
	COUNT(left);
	if (!caller_wanted() || !call_wanted(ret))
		return filtered();
	call.common = head_of(false, call.sk, &copy);
	call.family = call.common->skc_family;
	call.kind = kind_of(false, call.sk);
	return report(false, &call);
}

static __always_inline void cgroup_bound(void *ctx)
{
	struct outcome call = { .sk = CAST(struct sock, ctx), .requested.family = NO_ADDRESS };
	struct endpoint named;
	union sock_copy copy;

	/*
	 * A program of a cgroup below has refused, and the caller gets an error. Since 6.1 (dea6a4e17013, "bpf: Introduce
	 * cgroup_{common,current}_func_proto") such programs can ask.
	 */
	if ((kernel_has_helper(get_retval) && bpf_get_retval()) || !caller_wanted() || !call_wanted(0)) {
		/* Else the other hook counts it. */
		if (config.cgroup_hooks != CGROUP_AND_ALL)
			filtered();
		return;
	}
	if (config.cgroup_hooks == CGROUP_AND_ALL) {
		struct cgroup_call *entered = cgroup_call();

		if (entered)
			entered->reported = true;
	}
	call.common = head_of(false, call.sk, &copy);
	call.family = call.common->skc_family;
	call.kind = kind_of(false, call.sk);
	/* For an MPTCP socket, the first subflow is bound. */
	if (is_subflow(call.sk, call.kind.protocol)) {
		call.kind.protocol = IPPROTO_MPTCP;
		call.owner = mptcp_socket_of(call.sk);
	}
	if (request_matters(0)) {
		struct cgroup_call *entered = cgroup_call();

		if (entered) {
			call.requested = entered->requested;
			/*
			 * Where the length is not known, the bytes after a shorter address may be anything. A link-local
			 * one that names an interface has bound the socket to it.
			 */
			if (!bpf_core_field_exists(((struct bpf_sock_addr_kern *)ctx)->uaddrlen) &&
			    call.requested.scope_id != (__u32)call.common->skc_bound_dev_if)
				call.requested.scope_id = 0;
		}
	}
	if (config.by_port || config.by_address) {
		named = call.requested;
		read_named_address(&named, call.family);
		call.named = &named;
	}
	report(false, &call);
}

/* They always allow: returning anything but 1 would refuse the bind. */
SEC("cgroup/bind4")
int cgroup_bind4(struct bpf_sock_addr *ctx)
{
	cgroup_entered(ctx, AF_INET);
	return 1;
}

SEC("cgroup/bind6")
int cgroup_bind6(struct bpf_sock_addr *ctx)
{
	cgroup_entered(ctx, AF_INET6);
	return 1;
}

SEC("cgroup/post_bind4")
int cgroup_post_bind4(struct bpf_sock *ctx)
{
	cgroup_bound(ctx);
	return 1;
}

SEC("cgroup/post_bind6")
int cgroup_post_bind6(struct bpf_sock *ctx)
{
	cgroup_bound(ctx);
	return 1;
}
