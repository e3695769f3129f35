/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* What happens to each call that the hooks see, and the calls in progress. */
#ifndef BINDSNOOP_ACCOUNTING_H
#define BINDSNOOP_ACCOUNTING_H

#include "proof.h"
#include "reader.h"

/* Every call that the hooks saw ends up in one of these or in the ring buffer, which counts by itself. */
struct counters {
	__u64 counted;	/* in count mode */
	__u64 dropped;	/* the buffer, or the count map, was full */
	__u64 filtered; /* not asked for */
	/* Its return was never seen, its entry did not fit into the map, or its socket cannot be known. */
	__u64 missed;
	/* Not outcomes but entries: those remembered, and how many of them their returns found. */
	__u64 entered;
	__u64 left;
	__u64 forgotten;	/* bound sockets whose bind could not be remembered for want of room */
} __attribute__((aligned(64))); /* a cache line */

/*
 * One for each CPU, or for several on a large machine. User space maps them, because no kprobe runs while bpf(2)
 * reads a map, which takes long if the kernel preempts.
 */
#define COUNTER_SETS 256
struct counters counters[COUNTER_SETS] SEC(".data.counters") = {};

#define COUNT(member) __sync_fetch_and_add(&counters[bpf_get_smp_processor_id() & (COUNTER_SETS - 1)].member, 1)

static __always_inline int filtered(void)
{
	if (!is_proof())
		COUNT(filtered);
	return 0;
}

static __always_inline int missed(void)
{
	if (is_proof())
		proof.lost++;
	else
		COUNT(missed);
	return 0;
}

static __always_inline int dropped(void)
{
	if (is_proof())
		proof.lost++;
	else
		COUNT(dropped);
	return 0;
}

/*
 * A call between its entry and its return, for hooks that see only one of them at a time. Keyed by thread
 * and function, because one may call another, as mptcp_bind() calls inet_bind(). Each tracer has its own map for
 * them, "calls". A call that was entered and not left when the hooks are gone has lost its return, unless its
 * entry is still there and its function may wait for long.
 */
#define MAY_WAIT 0x80000000u

struct call_key {
	__u32 thread_id;
	__u32 function;
};

struct call {
	__u64 args[4];
	__u64 under_way;
};

#endif
