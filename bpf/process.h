/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* Process ids, as numbered in the PID namespace that user space's /proc shows. */
#ifndef BINDSNOOP_PROCESS_H
#define BINDSNOOP_PROCESS_H

#include "config.h"

/* MAX_PID_NS_LEVEL of kernel/pid_namespace.c. */
#define MAX_PID_LEVEL 32

/* Marks an id of the initial namespace, for a process without one in the other. No id is larger than 2^22 (PID_MAX_LIMIT). */
#define HOST_ID 0x80000000u

/* A task's id in the namespace config.pid_namespace, or 0 if it cannot be seen there. */
static __always_inline __u32 id_in_namespace(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	void *numbers = (void *)pid + bpf_core_field_offset(struct pid, numbers);
	__u32 level = BPF_CORE_READ(pid, level);

	for (__u32 i = 1; i <= MAX_PID_LEVEL; i++) {
		struct upid *number = numbers + i * bpf_core_type_size(struct upid);

		if (i > level)
			break;
		if (BPF_CORE_READ(number, ns, ns.inum) == config.pid_namespace)
			return BPF_CORE_READ(number, nr);
	}
	return 0;
}

/* The caller's process id, to compare with the filter's. */
static __always_inline __u32 current_process_id(void)
{
	if (config.pid_namespace)
		return id_in_namespace(BPF_CORE_READ(current_task(), group_leader));
	return bpf_get_current_pid_tgid() >> 32;
}

struct process_ids {
	__u32 process;
	__u32 thread;
	__u32 parent;
};

/* Turns ids of the initial namespace into the other's. A parent that cannot be seen there is 0, as for getppid(2). */
static __always_inline void number_in_namespace(struct process_ids *ids, struct task_struct *task)
{
	__u32 process = id_in_namespace(BPF_CORE_READ(task, group_leader));

	if (process) {
		ids->process = process;
		ids->thread = id_in_namespace(task);
		ids->parent = id_in_namespace(BPF_CORE_READ(task, real_parent, group_leader));
	} else {
		ids->process |= HOST_ID;
		ids->thread |= HOST_ID;
		ids->parent |= HOST_ID;
	}
}

#endif
