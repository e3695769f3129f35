/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * What every tracer shares: the configuration user space fills in before loading, the filters, the
 * head of every record, the ring buffer and the accounting. A tracer adds its hooks and its record.
 */
#ifndef BINDSNOOP_TRACE_H
#define BINDSNOOP_TRACE_H

#include "kernel.h"

/* Addresses are in network byte order, an IPv4 one in the first four bytes; ports in host order. */
struct endpoint {
	__u8 address[16] __attribute__((aligned(8))); /* to be copied in words */
	__u32 scope_id;
	__u16 family;
	__u16 port;
};

/* Who did it and how it ended: the first part of every record. */
struct origin {
	__u64 time;      /* ns, CLOCK_BOOTTIME */
	__u64 cgroup_id;
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

/* Set by user space before loading, so that the verifier drops the code of what is not asked for. */
struct config {
	__u64 protocols[8];   /* bit n: protocol n */
	__u32 cgroups;        /* how many of cgroup_filter are set */
	__u32 process_id;     /* with the next two: the only one asked for */
	__u32 uid;
	__u32 gid;
	__u8 by_port;
	__u8 by_remote_port;
	__u8 by_process_id;
	__u8 by_uid;
	__u8 by_gid;
	__u8 by_protocol;
	__u8 by_address;
	__u8 by_remote_address;
	__u8 by_comm;
	__u8 by_cgroup_map;
	__u8 by_mount_namespace_map;
	__u8 ipv4;
	__u8 ipv6;
	__u8 include_error;
	__u8 include_would_block;
	__u8 count;
	/* Bit numbers in inet_sock.inet_flags, of an enum without a name, which CO-RE cannot find. */
	__u8 freebind_bit;
	__u8 transparent_bit;
	__u8 bind_address_no_port_bit;
	__u8 reserved[5];
};

const volatile struct config config SEC(".rodata.config") = {};

/* One bit a port, so that a range costs no more than a number. */
const volatile __u64 ports[1024] SEC(".rodata.ports") = {};
const volatile __u64 remote_ports[1024] SEC(".rodata.remote") = {};

#define FILTER_MAP(name, key_type, value_type)                                                     \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_HASH);                                                   \
		__uint(max_entries, 1);                                                            \
		__type(key, key_type);                                                             \
		__type(value, value_type);                                                         \
	} name SEC(".maps")

struct comm {
	char bytes[TASK_COMM_LEN];
};

FILTER_MAP(process_id_filter, __u32, __u8);
FILTER_MAP(uid_filter, __u32, __u8);
FILTER_MAP(gid_filter, __u32, __u8);
FILTER_MAP(comm_filter, struct comm, __u8);

/* Replaced by pinned maps of the user's; key and value sizes are those that bcc's tools document. */
FILTER_MAP(cgroup_map, __u64, __u64);
FILTER_MAP(mount_namespace_map, __u64, __u32);

struct address_key {
	__u32 prefix_length; /* counts the family's 32 bits too */
	__u32 family;
	__u8 address[16];
};

#define ADDRESS_FILTER_MAP(name)                                                                   \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_LPM_TRIE);                                               \
		__uint(max_entries, 1);                                                            \
		__uint(map_flags, BPF_F_NO_PREALLOC);                                              \
		__type(key, struct address_key);                                                   \
		__type(value, __u8);                                                               \
	} name SEC(".maps")

ADDRESS_FILTER_MAP(address_filter);
ADDRESS_FILTER_MAP(remote_address_filter);

/* Asked with bpf_current_task_under_cgroup(), which takes in the whole subtree. */
#define MAX_CGROUPS 64
struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} cgroup_filter SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

/* Every call that the hooks saw ends up in one of these or in the ring buffer, which counts by itself. */
struct counters {
	__u64 counted;  /* in count mode */
	__u64 dropped;  /* the buffer, or the count map, was full */
	__u64 filtered; /* not asked for */
	__u64 missed;   /* its return was never seen, or there was no room to remember its entry */
	/* Not ends but beginnings: remembered entries, and how many of them their returns found. */
	__u64 entered;
	__u64 left;
} __attribute__((aligned(64))); /* a cache line */

/*
 * One for every CPU, or for several of a large machine. User space maps them, since to read a map by bpf(2)
 * keeps kprobes from running meanwhile, long where the kernel preempts.
 */
#define COUNTER_SETS 256
struct counters counters[COUNTER_SETS] SEC(".data.counters") = {};

#define COUNT(member)                                                                              \
	__sync_fetch_and_add(&counters[bpf_get_smp_processor_id() & (COUNTER_SETS - 1)].member, 1)

static __always_inline int filtered(void)
{
	COUNT(filtered);
	return 0;
}

/*
 * Set by the reader before it goes to sleep for long. Waking it costs more than all the rest of an
 * event, so it is done once, for the first event after that; while busy, the reader comes by itself.
 */
volatile __u32 reader_waiting SEC(".data.reader") = 0;

static __always_inline void submit(void *record)
{
	__u64 flags = BPF_RB_NO_WAKEUP;

	if (reader_waiting) {
		reader_waiting = 0;
		flags = BPF_RB_FORCE_WAKEUP;
	}
	bpf_ringbuf_submit(record, flags);
}

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

	/* ::ffff:192.0.2.1 takes 192.0.2.1 away from others, so a filter for the latter wants it. */
	key.family = AF_INET;
	key.prefix_length = 64;
	__builtin_memcpy(key.address, endpoint->address + 12, 4);
	return bpf_map_lookup_elem(filter, &key);
}

static __always_inline bool cgroup_matches(void)
{
	for (__u32 i = 0; i < MAX_CGROUPS; i++) {
		if (i >= config.cgroups)
			break;
		if (bpf_current_task_under_cgroup(&cgroup_filter, i) == 1)
			return true;
	}
	return false;
}

/* To compare with the only value asked for costs a fraction of looking it up. */
enum by { ANY, ONE, SOME };

#define MATCHES(name, value)                                                                       \
	(config.by_##name == ONE ? value == config.name : bpf_map_lookup_elem(&name##_filter, &value) != NULL)

/* The filters on who makes the call; those on what it names are the tracer's own. */
static __always_inline bool caller_wanted(void)
{
	if (config.by_process_id) {
		__u32 process_id = bpf_get_current_pid_tgid() >> 32;

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

/* The others of them, whose answer somebody else may change during the call: asked once, as it returns. */
static __always_inline bool surroundings_wanted(void)
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
	if (config.by_mount_namespace_map) {
		struct task_struct *task = current_task();
		struct nsproxy *nsproxy = LOAD_TASK(task, nsproxy);
		struct mnt_namespace *mnt_ns = LOAD_TASK(nsproxy, mnt_ns);
		__u64 inode = LOAD_TASK(mnt_ns, ns.inum);

		if (!bpf_map_lookup_elem(&mount_namespace_map, &inode))
			return false;
	}
	return true;
}

static __always_inline bool protocol_wanted(__u16 protocol)
{
	if (!config.by_protocol)
		return true;
	return protocol < 512 && config.protocols[(protocol >> 6) & 7] >> (protocol & 63) & 1;
}

static __always_inline bool family_wanted(__u16 family)
{
	return family == AF_INET ? config.ipv4 : config.ipv6;
}

static __always_inline void fill_origin(struct origin *origin, struct task_struct *task, __u32 network_namespace, int ret)
{
	/* First, so that the times of records are in the order of their places in the buffer but for moments. */
	__u64 time = bpf_ktime_get_boot_ns();
	struct task_struct *parent = LOAD_TASK(task, real_parent);
	struct nsproxy *nsproxy = LOAD_TASK(task, nsproxy);
	struct mnt_namespace *mnt_ns = LOAD_TASK(nsproxy, mnt_ns);
	struct cred *cred = LOAD_TASK(task, cred);

	origin->time = time;
	origin->parent_process_id = LOAD_TASK(parent, tgid);
	origin->uid = LOAD_TASK(cred, uid.val);
	origin->gid = LOAD_TASK(cred, gid.val);
	if (!network_namespace) {
		struct net *net_ns = LOAD_TASK(nsproxy, net_ns);

		network_namespace = LOAD_TASK(net_ns, ns.inum);
	}
	origin->network_namespace = network_namespace;
	origin->mount_namespace = LOAD_TASK(mnt_ns, ns.inum);
	origin->error_code = ret < 0 ? -ret : 0;
	/* A typed task is read for less than helpers ask for the same. */
	if (kernel_has_helper(get_current_task_btf)) {
		__u64 *comm = (void *)origin->comm;

		comm[0] = *(__u64 *)&task->comm[0];
		comm[1] = *(__u64 *)&task->comm[8];
		origin->process_id = task->tgid;
		origin->thread_id = task->pid;
		origin->cgroup_id = task->cgroups->dfl_cgrp->kn->id;
	} else {
		__u64 ids = bpf_get_current_pid_tgid();

		bpf_get_current_comm(origin->comm, sizeof(origin->comm));
		origin->process_id = ids >> 32;
		origin->thread_id = ids;
		origin->cgroup_id = bpf_get_current_cgroup_id();
	}
}

/*
 * A call between its entry and its return, for hooks that see only one of them at a time. Keyed by thread
 * and function, one of which may call another: mptcp_bind() inet_bind(). The maps for them, "calls", are
 * the tracers' own. What was entered and not left when nothing is hooked any more has lost its return,
 * unless it is still there and its function may wait for long.
 */
#define MAY_WAIT 0x80000000u

struct call_key {
	__u32 thread_id;
	__u32 function;
};

struct call {
	__u64 args[3];
	__u64 under_way;
};

/* The sock behind a descriptor of the current task, or null. */
static __always_inline struct sock *sock_of(struct task_struct *task, int fd)
{
	struct files_struct *files = LOAD_TASK(task, files);
	struct fdtable *fdt = LOAD_TASK(files, fdt);
	struct file **slot = LOAD_TASK(fdt, fd);
	union socket_copy copy;
	struct socket *sock;
	struct file *file;
	void *address;

	if ((__u32)fd >= LOAD_TASK(fdt, max_fds))
		return NULL;
	address = pointer_at(slot + fd);
	if (!address)
		return NULL;
	file = CAST(struct file, address);
	address = LOAD(false, file, private_data);
	if (!address)
		return NULL;
	sock = socket_at(false, address, &copy);
	/* private_data is a socket only in a socket's file, and only a socket points back at it. */
	return sock->file == file ? sock->sk : NULL;
}

/*
 * Never loaded. It keeps the layout of a record in the object's type information, where a test compares
 * it with that of the reader.
 */
#define DESCRIBE(type)                                                                             \
	SEC("?socket")                                                                             \
	int describe_##type(struct type *record)                                                   \
	{                                                                                          \
		return 0;                                                                          \
	}

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#endif
