/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Users give cgroups as paths. One that is removed and created again under its path, as when a service restarts, is
 * a different cgroup to the kernel. So these programs follow the creation of cgroups: the kernel reports it while it
 * holds the lock that a process needs to enter the new one, so no call of its processes is missed.
 */
#ifndef BINDSNOOP_CGROUP_FILTER_H
#define BINDSNOOP_CGROUP_FILTER_H

#include "config.h"

#define MAX_CGROUPS 64
#define CGROUP_NAME_SIZE 256 /* NAME_MAX, and the zero */

/* A cgroup of one of the paths or above it, whether it exists or not. Names are padded with zeros. */
struct cgroup_place {
	__u64 parent;
	char name[CGROUP_NAME_SIZE];
};

/* Which paths lead there; all of them at the same depth. */
struct cgroup_paths {
	__u64 paths; /* bit n: path n */
	__u64 depth;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct cgroup_place);
	__type(value, struct cgroup_paths);
} cgroup_places SEC(".maps");

struct cgroup_part {
	__u32 path;
	__u32 depth;
};

struct cgroup_name {
	char bytes[CGROUP_NAME_SIZE];
};

/* The paths' parts by their depth. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct cgroup_part);
	__type(value, struct cgroup_name);
} cgroup_parts SEC(".maps");

/* What has happened to a path since the start. */
struct cgroup_state {
	__u64 id; /* of the cgroup made last; 0: it is still the one in the array, if any */
	__u32 level;
	__u32 made;
	__u32 removed;
	__u32 lost; /* a part could not be noted: the path is followed no more */
};

struct cgroup_state cgroup_states[MAX_CGROUPS] SEC(".data.cgroups") = {};

/* Space for keys that do not fit on a program's stack. The kernel reports one change at a time (cgroup_mutex). */
struct cgroup_place changed_place SEC(".data.places") = {};
struct cgroup_place lower_place SEC(".data.places") = {};

/*
 * Since 6.1 cgroups have pointers to their ancestors: 7f203bc89eb6 ("cgroup: Replace cgroup->ancestor_ids[] with
 * ->ancestors[]"). In line, the compiler would take the offset out of the guard, where the kernel does not have it.
 */
static __noinline __u64 ancestor_id_by_pointer(struct cgroup *cgroup, __u32 level)
{
	struct cgroup *ancestor =
		pointer_at((void *)cgroup + bpf_core_field_offset(struct cgroup, ancestors) + level * sizeof(void *));

	return BPF_CORE_READ(ancestor, kn, id);
}

static __noinline __u64 ancestor_id_in_place(struct cgroup *cgroup, __u32 level)
{
	return word_at((void *)cgroup + bpf_core_field_offset(struct cgroup___ids, ancestor_ids) +
		       level * sizeof(__u64));
}

static __always_inline __u64 ancestor_id(struct cgroup *cgroup, __u32 level)
{
	if (level > (__u32)BPF_CORE_READ(cgroup, level))
		return 0;
	return bpf_core_field_exists(cgroup->ancestors) ? ancestor_id_by_pointer(cgroup, level) :
							  ancestor_id_in_place(cgroup, level);
}

/* Whether the current task is in the cgroup that was created again under path `i`, or below it. */
static __always_inline bool in_cgroup_made_anew(__u32 i)
{
	__u64 id = cgroup_states[i].id;

	return id && ancestor_id(BPF_CORE_READ(current_task(), cgroups, dfl_cgrp), cgroup_states[i].level) == id;
}

/* Where a cgroup is, if that is of interest. */
static __always_inline struct cgroup_paths *paths_through(struct cgroup *cgroup)
{
	__u32 level = BPF_CORE_READ(cgroup, level);

	/* Hierarchies of version 1 have ids for their cgroups, too. */
	if (!level || BPF_CORE_READ(cgroup, root, hierarchy_id))
		return NULL;
	__builtin_memset(&changed_place, 0, sizeof(changed_place));
	changed_place.parent = ancestor_id(cgroup, level - 1);
	bpf_probe_read_kernel_str(changed_place.name, sizeof(changed_place.name), BPF_CORE_READ(cgroup, kn, name));
	return bpf_map_lookup_elem(&cgroup_places, &changed_place);
}

static __always_inline void note_place(const struct cgroup_place *place, __u64 depth, __u32 path)
{
	struct cgroup_paths first = { .paths = 1ull << path, .depth = depth },
			    *known = bpf_map_lookup_elem(&cgroup_places, place);

	if (known)
		known->paths |= first.paths;
	else if (bpf_map_update_elem(&cgroup_places, place, &first, BPF_ANY))
		cgroup_states[path & (MAX_CGROUPS - 1)].lost = true;
}

static __always_inline int cgroup_changed(struct cgroup *cgroup, bool made)
{
	struct cgroup_paths *through = paths_through(cgroup), paths;

	if (!through)
		return 0;
	paths = *through;
	lower_place.parent = BPF_CORE_READ(cgroup, kn, id);
	for (__u32 i = 0; i < MAX_CGROUPS; i++) {
		struct cgroup_part lower = { .path = i, .depth = paths.depth + 1 };
		struct cgroup_name *name;

		if (i >= config.cgroups)
			break;
		if (!(paths.paths >> i & 1))
			continue;
		name = bpf_map_lookup_elem(&cgroup_parts, &lower);
		if (name) {
			/* A copy in line would need all of the stack. */
			bpf_probe_read_kernel(lower_place.name, sizeof(lower_place.name), name->bytes);
			if (made)
				note_place(&lower_place, lower.depth, i);
			else
				bpf_map_delete_elem(&cgroup_places, &lower_place);
		} else if (made) {
			cgroup_states[i].level = BPF_CORE_READ(cgroup, level);
			cgroup_states[i].id = lower_place.parent;
			cgroup_states[i].made++;
		} else {
			cgroup_states[i].removed++;
		}
	}
	return 0;
}

SEC("raw_tp/cgroup_mkdir")
int raw_cgroup_mkdir(struct bpf_raw_tracepoint_args *ctx)
{
	return cgroup_changed((void *)ctx->args[0], true);
}

SEC("raw_tp/cgroup_rmdir")
int raw_cgroup_rmdir(struct bpf_raw_tracepoint_args *ctx)
{
	return cgroup_changed((void *)ctx->args[0], false);
}

#endif
