/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* What a socket shows of how it is bound. */
#ifndef BINDSNOOP_BOUND_H
#define BINDSNOOP_BOUND_H

#include "config.h"

enum bind_option {
	FREE_BIND = 1,
	TRANSPARENT = 2,
	BIND_ADDRESS_NO_PORT = 4,
	REUSE_ADDRESS = 8,
	REUSE_PORT = 16,
};

/* The address a socket is bound to. Not inet_saddr, which is 0 for multicast and broadcast addresses. */
static __always_inline void read_bound_address(__u8 *address, const struct sock_common *common, __u16 family)
{
	const struct sock_common___ipv6 *ipv6 = (const void *)common;
	__u32 *word = (void *)address;

	if (family == AF_INET) {
		word[0] = common->skc_rcv_saddr;
	} else if (bpf_core_field_exists(ipv6->skc_v6_rcv_saddr)) {
		word[0] = ipv6->skc_v6_rcv_saddr.in6_u.u6_addr32[0];
		word[1] = ipv6->skc_v6_rcv_saddr.in6_u.u6_addr32[1];
		word[2] = ipv6->skc_v6_rcv_saddr.in6_u.u6_addr32[2];
		word[3] = ipv6->skc_v6_rcv_saddr.in6_u.u6_addr32[3];
	}
}

/* `bits` are those of skc_reuse and its neighbours. */
static __always_inline __u8 options_of(struct sock *sk, const struct sock_common *common, __u8 bits)
{
	struct inet_sock *inet = CAST(struct inet_sock, sk);
	__u8 options = 0;

	if (BITS(common, skc_reuse, bits, skc_reuse))
		options |= REUSE_ADDRESS;
	if (BITS(common, skc_reuse, bits, skc_reuseport))
		options |= REUSE_PORT;

	/* Typed arguments end with struct sock. */
	if (bpf_core_field_exists(inet->inet_flags)) {
		/*
		 * Since 6.6: c274af224269 ("inet: introduce inet->inet_flags"), 3f7e753206bb ("inet: move inet->freebind to
		 * inet->inet_flags"), 4bd0623f04ee ("inet: move inet->transparent to inet->inet_flags") and ca571e2eb7eb
		 * ("inet: move inet->bind_address_no_port to inet->inet_flags").
		 */
		unsigned long flags = LOAD(false, inet, inet_flags);

		if (flags >> (config.freebind_bit & 63) & 1)
			options |= FREE_BIND;
		if (flags >> (config.transparent_bit & 63) & 1)
			options |= TRANSPARENT;
		if (flags >> (config.bind_address_no_port_bit & 63) & 1)
			options |= BIND_ADDRESS_NO_PORT;
	} else {
		/* All three are in the byte of the first and the one after it. */
		long start = __CORE_RELO((struct inet_sock___bits *)sk, freebind, BYTE_OFFSET), back = 0;
		struct inet_sock___bits *bits;
		__u8 copy[8];

		bpf_probe_read_kernel(copy, sizeof(copy), (void *)sk + start);
		/* Only written this way does the verifier see that this stays on the stack. */
		barrier_var(back);
		back -= start;
		barrier_var(back);
		bits = (void *)copy + back;
		if (BPF_CORE_READ_BITFIELD(bits, freebind))
			options |= FREE_BIND;
		if (BPF_CORE_READ_BITFIELD(bits, transparent))
			options |= TRANSPARENT;
		if (BPF_CORE_READ_BITFIELD(bits, bind_address_no_port))
			options |= BIND_ADDRESS_NO_PORT;
	}
	return options;
}

/* The first of the TCP sockets that carry an MPTCP socket's data; null before there is one. */
static __always_inline struct sock *first_subflow(struct sock *sk)
{
	struct mptcp_sock *mptcp = CAST(struct mptcp_sock, sk);
	struct sock *first = bpf_core_field_exists(mptcp->first) ? LOAD(false, mptcp, first) : NULL;

	return first ? CAST(struct sock, first) : NULL;
}

/* The socket that has the port: for an MPTCP socket its first subflow, or null before there is one. */
static __always_inline struct sock *port_holder_of(struct sock *sk, __u16 family, __u16 protocol)
{
	return (family == AF_INET || family == AF_INET6) && protocol == IPPROTO_MPTCP ? first_subflow(sk) : sk;
}

/* Whether a TCP socket carries the data of an MPTCP one. */
static __always_inline bool is_subflow(struct sock *sk, __u16 protocol)
{
	struct tcp_sock *tcp = (struct tcp_sock *)sk;

	return protocol == IPPROTO_TCP && bpf_core_field_exists(tcp->is_mptcp) &&
	       BPF_CORE_READ_BITFIELD_PROBED(tcp, is_mptcp);
}

/* The MPTCP socket that a subflow belongs to. */
static __always_inline struct sock *mptcp_socket_of(struct sock *sk)
{
	struct inet_connection_sock *connection = (struct inet_connection_sock *)sk;
	struct mptcp_subflow_context *subflow = BPF_CORE_READ(connection, icsk_ulp_data);

	return BPF_CORE_READ(subflow, conn);
}

#endif
