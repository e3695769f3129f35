/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Before a trace reports that it has started, a thread of user space makes calls whose details it knows, and checks
 * whether they are reported correctly. They pass all filters, whose verdict is recorded instead; their samples are
 * discarded instead of submitted, so only the prover sees them; and they are not counted.
 */
#ifndef BINDSNOOP_PROOF_H
#define BINDSNOOP_PROOF_H

#include "kernel.h"

struct proof {
	__u32 thread_id; /* whose calls they are, in the initial namespace; 0: nobody's, as nearly always */
	__u32 elsewhere; /* they prove another trace of the same process, and are nothing to this one */
	__u32 refused;	 /* a filter was against the last of them */
	__u32 sent;	 /* how many samples they had */
	__u32 lost;	 /* and how many were seen and have none */
	__u32 reserved;
};

volatile struct proof proof SEC(".data.proof") = {};

static __always_inline bool is_proof(void)
{
	return proof.thread_id && proof.thread_id == (__u32)bpf_get_current_pid_tgid();
}

/* Whether a call passes a filter. The prover's calls always do, and a refusal is recorded. */
static __always_inline bool passes(bool wanted)
{
	if (wanted || !is_proof())
		return wanted;
	proof.refused = true;
	return true;
}

#endif
