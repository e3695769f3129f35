/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* How a call is sent to user space: the head of every sample, and the ring buffer. */
#ifndef BINDSNOOP_SAMPLE_H
#define BINDSNOOP_SAMPLE_H

#include "process.h"
#include "proof.h"
#include "reader.h"

/* Addresses are in network byte order, an IPv4 one in the first four bytes; ports in host order. */
struct endpoint {
	__u8 address[16] __attribute__((aligned(8))); /* to be copied in words */
	__u32 scope_id;
	__u16 family;
	__u16 port;
};

/* The caller and the result: the first part of every sample. */
struct origin {
	__u64 time; /* ns, CLOCK_BOOTTIME */
	__u64 cgroup_id;
	__u64 inode;		/* of the socket, 0 without one */
	__u64 socket_cgroup_id; /* of the one that the socket was made in, 0 without a socket or where it is not known */
	/* With HOST_ID set in them where config.pid_namespace does not number the process. */
	__u32 process_id;
	__u32 thread_id;
	__u32 parent_process_id;
	__u32 uid;
	__u32 gid;
	__u32 network_namespace;
	__u32 mount_namespace;
	__s32 error_code; /* 0 or a positive errno */
	char comm[TASK_COMM_LEN];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

static __always_inline void submit(void *sample)
{
	__u64 flags = BPF_RB_NO_WAKEUP;

	if (is_proof()) {
		proof.sent++;
		bpf_ringbuf_discard(sample, flags);
		return;
	}
	if (reader.waiting) {
		reader.waiting = 0;
		flags = BPF_RB_FORCE_WAKEUP;
	}
	bpf_ringbuf_submit(sample, flags);
}

static __always_inline void fill_origin(struct origin *origin, struct task_struct *task, __u64 inode,
					__u64 socket_cgroup_id, __u32 network_namespace, int ret)
{
	/* First, so that samples are almost in order of time in the buffer. */
	__u64 time = bpf_ktime_get_boot_ns();
	struct task_struct *parent = LOAD_TASK(task, real_parent);
	struct nsproxy *nsproxy = LOAD_TASK(task, nsproxy);
	struct mnt_namespace *mnt_ns = LOAD_TASK(nsproxy, mnt_ns);
	struct cred *cred = LOAD_TASK(task, cred);
	struct process_ids ids = { .parent = LOAD_TASK(parent, tgid) };

	origin->time = time;
	origin->inode = inode;
	origin->socket_cgroup_id = socket_cgroup_id;
	origin->uid = LOAD_TASK(cred, uid.val);
	origin->gid = LOAD_TASK(cred, gid.val);
	if (!network_namespace) {
		struct net *net_ns = LOAD_TASK(nsproxy, net_ns);

		network_namespace = LOAD_TASK(net_ns, ns.inum);
	}
	origin->network_namespace = network_namespace;
	origin->mount_namespace = LOAD_TASK(mnt_ns, ns.inum);
	origin->error_code = ret < 0 ? -ret : 0;
	/* Reading a typed task costs less than helpers. */
	if (kernel_has_helper(get_current_task_btf)) {
		__u64 *comm = (void *)origin->comm;

		comm[0] = *(__u64 *)&task->comm[0];
		comm[1] = *(__u64 *)&task->comm[8];
		ids.process = task->tgid;
		ids.thread = task->pid;
		origin->cgroup_id = task->cgroups->dfl_cgrp->kn->id;
	} else {
		__u64 thread_in_process = bpf_get_current_pid_tgid();

		bpf_get_current_comm(origin->comm, sizeof(origin->comm));
		ids.process = thread_in_process >> 32;
		ids.thread = thread_in_process;
		origin->cgroup_id = bpf_get_current_cgroup_id();
	}
	if (config.pid_namespace)
		number_in_namespace(&ids, task);
	origin->process_id = ids.process;
	origin->thread_id = ids.thread;
	origin->parent_process_id = ids.parent;
}

/*
 * Never loaded. It keeps the layout of a sample in the object's type information, where a test compares
 * it with that of the reader.
 */
#define DESCRIBE(type)                           \
	SEC("?socket")                           \
	int describe_##type(struct type *sample) \
	{                                        \
		return 0;                        \
	}

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#endif
