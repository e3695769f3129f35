/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* Calls that are counted instead of sent, by address, port and result. */
#ifndef BINDSNOOP_COUNTS_H
#define BINDSNOOP_COUNTS_H

#include "accounting.h"
#include "sample.h"

struct bind_count_key {
	__u8 address[16] __attribute__((aligned(8)));
	__u32 interface_index;
	__s32 error_code;
	__u16 address_family;
	__u16 port;
	__u16 protocol_number;
	__u16 named_family; /* of the address: of failed calls what was asked for, perhaps NO_ADDRESS */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct bind_count_key);
	__type(value, __u64);
} counts SEC(".maps");

static __always_inline int count_one_more(const struct bind_count_key *key)
{
	__u64 one = 1, *count;

	if (is_proof()) {
		struct bind_count_key *sample = bpf_ringbuf_reserve(&events, sizeof(*sample), 0);

		if (!sample)
			return dropped();
		*sample = *key;
		submit(sample);
		return 0;
	}
	count = bpf_map_lookup_elem(&counts, key);
	if (!count && bpf_map_update_elem(&counts, key, &one, BPF_NOEXIST)) {
		/* Full; or another CPU was first, and then the entry is there now. */
		count = bpf_map_lookup_elem(&counts, key);
		if (!count)
			return dropped();
	}
	if (count)
		__sync_fetch_and_add(count, 1);
	COUNT(counted);
	return 0;
}

#endif
