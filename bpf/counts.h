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

/* The same of each caller, as far as config.count_by distinguishes callers. */
struct owned_count_key {
	struct bind_count_key call;
	__u64 cgroup_id;
	char comm[TASK_COMM_LEN];
	__u32 uid;
	__u32 padding;
};

#define COUNT_MAP(name, key_type)                \
	struct {                                 \
		__uint(type, BPF_MAP_TYPE_HASH); \
		__uint(max_entries, 1);          \
		__type(key, key_type);           \
		__type(value, __u64);            \
	} name SEC(".maps")

COUNT_MAP(counts, struct bind_count_key);
COUNT_MAP(owned_counts, struct owned_count_key);

/* The cgroups that were sent to user space. One that had to make room for others is sent once more. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, __u8);
} sent_cgroups SEC(".maps");

/* Sends the id of a cgroup, to be looked up while it is there. If there is no room, user space finds it in the counts. */
static __always_inline void send_cgroup(const __u64 *id)
{
	__u8 known = 1;
	__u64 *sample;

	if (bpf_map_update_elem(&sent_cgroups, id, &known, BPF_NOEXIST))
		return;
	sample = bpf_ringbuf_reserve(&events, sizeof(*sample), 0);
	if (!sample) {
		bpf_map_delete_elem(&sent_cgroups, id);
		return;
	}
	*sample = *id;
	submit(sample);
}

static __always_inline int send_proof(const void *key, __u32 size)
{
	void *sample = bpf_ringbuf_reserve(&events, size, 0);

	if (!sample)
		return dropped();
	__builtin_memcpy(sample, key, size);
	submit(sample);
	return 0;
}

enum counting { COUNTED, COUNTED_FIRST, FULL };

static __always_inline enum counting add_one(void *map, const void *key)
{
	__u64 one = 1, *count;

	count = bpf_map_lookup_elem(map, key);
	if (!count) {
		if (!bpf_map_update_elem(map, key, &one, BPF_NOEXIST))
			return COUNTED_FIRST;
		/* Full; or another CPU was first, and then the entry is there now. */
		count = bpf_map_lookup_elem(map, key);
		if (!count)
			return FULL;
	}
	__sync_fetch_and_add(count, 1);
	return COUNTED;
}

/* Of the key, the caller has set `call`: a second one would not fit on the stack on 5.10. */
static __always_inline int count_one_more(struct owned_count_key *key)
{
	enum counting counting;

	if (config.count_by) {
		key->cgroup_id = config.count_by & BY_CGROUP ? bpf_get_current_cgroup_id() : 0;
		__builtin_memset(key->comm, 0, sizeof(key->comm));
		if (config.count_by & BY_COMM)
			bpf_get_current_comm(key->comm, sizeof(key->comm));
		key->uid = config.count_by & BY_UID ? bpf_get_current_uid_gid() : 0;
		key->padding = 0;
		if (is_proof())
			return send_proof(key, sizeof(*key));
		counting = add_one(&owned_counts, key);
		if (counting == COUNTED_FIRST && config.count_by & BY_CGROUP)
			send_cgroup(&key->cgroup_id);
	} else {
		if (is_proof())
			return send_proof(&key->call, sizeof(key->call));
		counting = add_one(&counts, &key->call);
	}
	if (counting == FULL)
		return dropped();
	COUNT(counted);
	return 0;
}

#endif
