/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * What no tracer can go below: an empty program at each kind of hook, empty ones wherever a bind may fail,
 * one that only sends a sample of the right size through a ring buffer, the same beside empty ones on the
 * other hooks, with what pairs of kprobes must deliver, one that wakes its reader for every sample, one
 * that only counts, and an empty one where sockets close.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define SAMPLE_SIZE 120

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 * 1024 * 1024);
} events SEC(".maps");

__u64 sent, lost;

static __always_inline int send(__u64 flags)
{
	__u64 *sample = bpf_ringbuf_reserve(&events, SAMPLE_SIZE, 0);

	if (!sample) {
		__sync_fetch_and_add(&lost, 1);
		return 0;
	}
	*sample = bpf_ktime_get_boot_ns();
	bpf_ringbuf_submit(sample, flags);
	__sync_fetch_and_add(&sent, 1);
	return 0;
}

/* The return of a function does not know its arguments, so its entry stores them. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u64);
} arguments SEC(".maps");

static __always_inline __u64 *argument(__u64 function)
{
	__u64 key = function << 32 | (__u32)bpf_get_current_pid_tgid();

	return bpf_map_lookup_elem(&arguments, &key);
}

static __always_inline int enter(__u64 function, void *ctx)
{
	__u64 key = function << 32 | (__u32)bpf_get_current_pid_tgid(), first = (__u64)ctx, *value = argument(function);

	if (value)
		*value = first;
	else
		bpf_map_update_elem(&arguments, &key, &first, BPF_ANY);
	return 0;
}

struct key {
	__u64 words[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct key);
	__type(value, __u64);
} counts SEC(".maps");

static __always_inline int count(void)
{
	struct key key = {};
	__u64 first = 1, *value;

	/* As many as the kernel has ports to give out, at random: what it costs is to reach their entries. */
	key.words[0] = bpf_get_prandom_u32() % 14116;
	value = bpf_map_lookup_elem(&counts, &key);
	if (value)
		__sync_fetch_and_add(value, 1);
	else
		bpf_map_update_elem(&counts, &key, &first, BPF_NOEXIST);
	return 0;
}

/* Named KIND_LAYER: the loader takes those of one of each. */
#define EMPTY(kind, number, target) SEC(target) int empty_##kind##_##number(void *ctx) { return 0; }
#define EMPTIES(kind, number, target) SEC(target) int empties_##kind##_##number(void *ctx) { return 0; }
#define RING(kind, number, target) SEC(target) int ring_##kind##_##number(void *ctx) { return send(BPF_RB_NO_WAKEUP); }
#define LEAST(kind, number, target, work) SEC(target) int least_##kind##_##number(void *ctx) { return work; }
#define LEAST_PAIR(entry, exit, function, work)                                                    \
	LEAST(kprobe, entry, "kprobe/" #function, enter(entry, ctx))                               \
	LEAST(kprobe, exit, "kretprobe/" #function, argument(entry) ? work : 0)
#define BARE_COUNT(kind, number, target) SEC(target) int count_##kind##_##number(void *ctx) { return count(); }

EMPTY(fentry, 1, "fexit/inet_bind")
EMPTY(kprobe, 1, "kprobe/inet_bind")
EMPTY(kprobe, 2, "kretprobe/inet_bind")
EMPTY(tracepoint, 1, "tracepoint/syscalls/sys_exit_bind")

EMPTIES(fentry, 1, "fexit/inet_bind")
EMPTIES(fentry, 2, "fexit/security_socket_bind")
EMPTIES(fentry, 3, "fexit/__sys_bind")
EMPTIES(kprobe, 1, "kprobe/inet_bind")
EMPTIES(kprobe, 2, "kretprobe/inet_bind")
EMPTIES(kprobe, 3, "kprobe/security_socket_bind")
EMPTIES(kprobe, 4, "kretprobe/security_socket_bind")
EMPTIES(kprobe, 5, "kprobe/__sys_bind")
EMPTIES(kprobe, 6, "kretprobe/__sys_bind")
EMPTIES(tracepoint, 1, "tracepoint/syscalls/sys_exit_bind")

RING(fentry, 1, "fexit/inet_bind")
RING(kprobe, 2, "kretprobe/inet_bind")
RING(tracepoint, 1, "tracepoint/syscalls/sys_exit_bind")

SEC("tracepoint/syscalls/sys_exit_bind") int wake_tracepoint_1(void *ctx) { return send(BPF_RB_FORCE_WAKEUP); }

LEAST(fentry, 1, "fexit/inet_bind", send(BPF_RB_NO_WAKEUP))
LEAST(fentry, 2, "fexit/security_socket_bind", 0)
LEAST(fentry, 3, "fexit/__sys_bind", 0)
LEAST_PAIR(1, 2, inet_bind, send(BPF_RB_NO_WAKEUP))
LEAST_PAIR(3, 4, security_socket_bind, 0)
LEAST_PAIR(5, 6, __sys_bind, 0)
LEAST(tracepoint, 1, "tracepoint/syscalls/sys_exit_bind", send(BPF_RB_NO_WAKEUP))

/* Where a release trace looks at every socket that closes. */
SEC("raw_tp/inet_sock_set_state") int closed_tracepoint_1(void *ctx) { return 0; }
SEC("cgroup/bind4") int empty_cgroup_1(void *ctx) { return 1; }
SEC("cgroup/bind6") int empty_cgroup_2(void *ctx) { return 1; }
SEC("cgroup/post_bind4") int empty_cgroup_3(void *ctx) { return 1; }
SEC("cgroup/post_bind6") int empty_cgroup_4(void *ctx) { return 1; }
SEC("cgroup/sock_release") int closed_cgroup_1(void *ctx) { return 1; }

BARE_COUNT(fentry, 1, "fexit/inet_bind")
BARE_COUNT(kprobe, 2, "kretprobe/inet_bind")
BARE_COUNT(tracepoint, 1, "tracepoint/syscalls/sys_exit_bind")

char LICENSE[] SEC("license") = "Dual MIT/GPL";
