/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* What user space sets before loading. */
#ifndef BINDSNOOP_CONFIG_H
#define BINDSNOOP_CONFIG_H

#include "kernel.h"

/* Which hooks run beside those of the Cgroup back end. */
enum cgroup_hooks {
	NO_CGROUP, /* it is another back end */
	CGROUP_ALONE,
	CGROUP_AND_OWN, /* others for nothing but what cgroup programs cannot see of successes */
	CGROUP_AND_ALL, /* others for all calls, which leave out what cgroup programs have reported */
};

/* Whom calls are counted for; bits. */
enum count_by {
	BY_CGROUP = 1,
	BY_COMM = 2,
	BY_UID = 4,
};

/* Set by user space before loading, so that the verifier removes code for features that are off. */
struct config {
	__u64 protocols[8]; /* bit n: protocol n */
	__u32 cgroups;	    /* how many of cgroup_filter are set */
	__u32 process_id;   /* with the next three: the only one asked for */
	__u32 uid;
	__u32 gid;
	__u32 network_namespace;
	__u32 pid_namespace; /* inode of the one whose ids are wanted; 0: the initial one */
	__u8 by_port;
	__u8 by_remote_port;
	__u8 by_process_id;
	__u8 by_uid;
	__u8 by_gid;
	__u8 by_network_namespace;
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
	__u8 requested_only;
	/* Bit numbers in inet_sock.inet_flags, of an enum without a name, which CO-RE cannot find. */
	__u8 freebind_bit;
	__u8 transparent_bit;
	__u8 bind_address_no_port_bit;
	__u8 cgroup_hooks; /* enum cgroup_hooks */
	__u8 count_by;	   /* enum count_by; 0: calls are counted whoever makes them */
	__u8 reserved[5];
};

const volatile struct config config SEC(".rodata.config") = {};

/* One bit a port, so that a range costs no more than a number. */
const volatile __u64 ports[1024] SEC(".rodata.ports") = {};
const volatile __u64 remote_ports[1024] SEC(".rodata.remote") = {};

#endif
