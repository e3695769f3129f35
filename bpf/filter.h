/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* The filters that all tracers share, and the maps that user space fills for them. */
#ifndef BINDSNOOP_FILTER_H
#define BINDSNOOP_FILTER_H

#include "cgroup_filter.h"
#include "config.h"
#include "process.h"
#include "proof.h"
#include "sample.h"

#define FILTER_MAP(name, key_type, value_type)   \
	struct {                                 \
		__uint(type, BPF_MAP_TYPE_HASH); \
		__uint(max_entries, 1);          \
		__type(key, key_type);           \
		__type(value, value_type);       \
	} name SEC(".maps")

struct comm {
	char bytes[TASK_COMM_LEN];
};

FILTER_MAP(process_id_filter, __u32, __u8);
FILTER_MAP(uid_filter, __u32, __u8);
FILTER_MAP(gid_filter, __u32, __u8);
FILTER_MAP(network_namespace_filter, __u32, __u8);
FILTER_MAP(comm_filter, struct comm, __u8);

/* Replaced by pinned maps of the user's; key and value sizes are those that bcc's tools document. */
FILTER_MAP(cgroup_map, __u64, __u64);
FILTER_MAP(mount_namespace_map, __u64, __u32);

struct address_key {
	__u32 prefix_length; /* counts the family's 32 bits too */
	__u32 family;
	__u8 address[16];
};

#define ADDRESS_FILTER_MAP(name)                      \
	struct {                                      \
		__uint(type, BPF_MAP_TYPE_LPM_TRIE);  \
		__uint(max_entries, 1);               \
		__uint(map_flags, BPF_F_NO_PREALLOC); \
		__type(key, struct address_key);      \
		__type(value, __u8);                  \
	} name SEC(".maps")

ADDRESS_FILTER_MAP(address_filter);
ADDRESS_FILTER_MAP(remote_address_filter);

/* For bpf_current_task_under_cgroup(), which covers the whole subtree. */
struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} cgroup_filter SEC(".maps");

/* The same by id, for cgroup programs, which may call that only since 6.12. */
FILTER_MAP(cgroup_id_filter, __u64, __u8);

/* How deep below one of them to look for a task; systemd and container engines stay below 20. */
#define MAX_CGROUP_LEVEL 64

static __always_inline bool in_bitmap(const volatile __u64 *bitmap, __u16 bit)
{
	return bitmap[(bit >> 6) & 1023] >> (bit & 63) & 1;
}

static __always_inline bool is_mapped(const __u8 *address)
{
	const __u32 *word = (const void *)address;

	return !word[0] && !word[1] && word[2] == bpf_htonl(0xffff);
}

static __always_inline bool prefix_matches(void *filter, const struct endpoint *endpoint)
{
	struct address_key key = { .family = endpoint->family };

	__builtin_memcpy(key.address, endpoint->address, sizeof(key.address));
	key.prefix_length = endpoint->family == AF_INET ? 64 : 160;
	if (bpf_map_lookup_elem(filter, &key))
		return true;
	if (endpoint->family != AF_INET6 || !is_mapped(endpoint->address))
		return false;

	/* ::ffff:192.0.2.1 conflicts with 192.0.2.1, so a filter for the latter matches it. */
	key.family = AF_INET;
	key.prefix_length = 64;
	__builtin_memcpy(key.address, endpoint->address + 12, 4);
	return bpf_map_lookup_elem(filter, &key);
}

/*
 * Zero beyond the task's own cgroup. Tracing programs may ask for it since 5.14 (95b861a7935b, "bpf: Allow
 * bpf_get_current_ancestor_cgroup_id for tracing"), which bpf_task_pt_regs() of 5.15 stands for.
 */
static __always_inline __u64 current_ancestor_id(__u32 level)
{
	struct cgroup *cgroup;
	__u32 own;

	if (kernel_has_helper(task_pt_regs))
		return bpf_get_current_ancestor_cgroup_id(level);
	cgroup = BPF_CORE_READ(current_task(), cgroups, dfl_cgrp);
	own = BPF_CORE_READ(cgroup, level);
	return level <= own ? ancestor_id(cgroup, level) : 0;
}

static __always_inline bool cgroup_matches(void)
{
	if (config.cgroup_hooks) {
		for (int level = 0; level < MAX_CGROUP_LEVEL; level++) {
			__u64 id = current_ancestor_id(level);

			if (!id)
				break;
			if (bpf_map_lookup_elem(&cgroup_id_filter, &id))
				return true;
		}
		for (__u32 i = 0; i < MAX_CGROUPS; i++) {
			if (i >= config.cgroups)
				break;
			if (in_cgroup_made_anew(i))
				return true;
		}
		return false;
	}
	for (__u32 i = 0; i < MAX_CGROUPS; i++) {
		if (i >= config.cgroups)
			break;
		if (bpf_current_task_under_cgroup(&cgroup_filter, i) == 1 || in_cgroup_made_anew(i))
			return true;
	}
	return false;
}

/* Comparing with a single value costs a fraction of looking it up. */
enum by { ANY, ONE, SOME };

#define MATCHES(name, value) \
	(config.by_##name == ONE ? value == config.name : bpf_map_lookup_elem(&name##_filter, &value) != NULL)

/* The filters on the caller; each tracer has its own filters on the arguments. */
static __always_inline bool caller_matches(void)
{
	if (config.by_process_id) {
		__u32 process_id = current_process_id();

		if (!MATCHES(process_id, process_id))
			return false;
	}
	if (config.by_uid) {
		__u32 uid = bpf_get_current_uid_gid();

		if (!MATCHES(uid, uid))
			return false;
	}
	if (config.by_gid) {
		__u32 gid = bpf_get_current_uid_gid() >> 32;

		if (!MATCHES(gid, gid))
			return false;
	}
	return true;
}

static __always_inline bool caller_wanted(void)
{
	if (is_proof() && proof.elsewhere)
		return false;
	return passes(caller_matches());
}

/* The inode number of the current task's mount namespace; 0 for an exiting task that has left it. */
static __always_inline __u32 current_mount_namespace(void)
{
	struct task_struct *task = current_task();
	struct nsproxy *nsproxy = LOAD_TASK(task, nsproxy);
	struct mnt_namespace *mnt_ns = LOAD_TASK(nsproxy, mnt_ns);

	return LOAD_TASK(mnt_ns, ns.inum);
}

/* The filters on where the caller is, except mount namespaces. */
static __always_inline bool place_matches(void)
{
	if (config.by_comm) {
		struct comm comm = {};

		bpf_get_current_comm(&comm, sizeof(comm));
		if (!bpf_map_lookup_elem(&comm_filter, &comm))
			return false;
	}
	if (config.cgroups && !cgroup_matches())
		return false;
	if (config.by_cgroup_map) {
		__u64 cgroup_id = bpf_get_current_cgroup_id();

		if (!bpf_map_lookup_elem(&cgroup_map, &cgroup_id))
			return false;
	}
	return true;
}

static __always_inline bool place_wanted(void)
{
	return passes(place_matches());
}

static __always_inline bool mount_namespace_wanted(__u64 inode)
{
	return !config.by_mount_namespace_map || passes(bpf_map_lookup_elem(&mount_namespace_map, &inode) != NULL);
}

/* Whether a call's network namespace is wanted: the socket's, `net`, or the caller's if the call names no socket. */
static __always_inline bool network_namespace_wanted(bool typed, struct net *net)
{
	struct nsproxy *nsproxy;
	__u32 network_namespace;

	if (!config.by_network_namespace)
		return true;
	if (!net) {
		nsproxy = LOAD_TASK(current_task(), nsproxy);
		net = LOAD_TASK(nsproxy, net_ns);
		network_namespace = LOAD_TASK(net, ns.inum);
	} else {
		network_namespace = LOAD(typed, net, ns.inum);
	}
	return passes(MATCHES(network_namespace, network_namespace));
}

/* The other filters, whose result another process may change during the call: checked once, at the return. */
static __always_inline bool surroundings_wanted(void)
{
	return place_wanted() && mount_namespace_wanted(config.by_mount_namespace_map ? current_mount_namespace() : 0);
}

static __always_inline bool protocol_wanted(__u16 protocol)
{
	if (!config.by_protocol)
		return true;
	return passes(protocol < 512 && config.protocols[(protocol >> 6) & 7] >> (protocol & 63) & 1);
}

static __always_inline bool family_wanted(__u16 family)
{
	return passes(family == AF_INET ? config.ipv4 : config.ipv6);
}

#endif
