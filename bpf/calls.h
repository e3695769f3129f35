/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* Calls in progress, of functions that do not wait. */
#ifndef BINDSNOOP_CALLS_H
#define BINDSNOOP_CALLS_H

#include "accounting.h"

/*
 * Entries stay for the thread's next call, because looking one up costs a fraction of adding and deleting it;
 * the least recently used is evicted. If that is a call in progress, it counts as entered and not left.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct call_key);
	__type(value, struct call);
} calls SEC(".maps");

static __always_inline int enter(__u32 function, __u64 arg0, __u64 arg1, __u64 arg2, __u64 arg3)
{
	struct call_key key = { .thread_id = bpf_get_current_pid_tgid(), .function = function };
	struct call *call;

	if (reader.leaving)
		return 0;
	call = bpf_map_lookup_elem(&calls, &key);
	if (!call) {
		struct call first = { .args = { arg0, arg1, arg2, arg3 }, .under_way = true };

		if (bpf_map_update_elem(&calls, &key, &first, BPF_ANY))
			COUNT(missed);
		else
			COUNT(entered);
		return 0;
	}
	/* The thread's last call never returned. */
	if (call->under_way)
		COUNT(missed);
	else
		COUNT(entered);
	call->args[0] = arg0;
	call->args[1] = arg1;
	call->args[2] = arg2;
	call->args[3] = arg3;
	call->under_way = true;
	return 0;
}

/* False if the entry was not seen. */
static __always_inline bool leave(__u32 function, struct call *call)
{
	struct call_key key = { .thread_id = bpf_get_current_pid_tgid(), .function = function };
	struct call *entered = bpf_map_lookup_elem(&calls, &key);

	if (!entered || !entered->under_way) {
		/* Clang may copy it on this path as well, and the verifier requires that it has been written. */
		*call = (struct call){};
		return false;
	}
	*call = *entered;
	entered->under_way = false;
	COUNT(left);
	return true;
}

#endif
