/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* What a snapshot of sockets reads from the kernel beyond kernel.h, and its sample. */
#ifndef BINDSNOOP_SOCKETS_H
#define BINDSNOOP_SOCKETS_H

#include "kernel.h"

#define IPPROTO_L2TP 115
#define SOCKFS_MAGIC 0x534f434b
#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define TCP_TIME_WAIT 6
#define TCP_CLOSE 7
#define PF_EXITING 4

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct file___inode {
	struct inode *f_inode;
};

struct file___count {
	struct {
		__s64 counter;
	} f_count;
};

/* Since 6.13: 90ee6ed776c0 ("fs: port files to file_ref"). */
struct file___ref {
	struct {
		struct {
			__s64 counter;
		} refcnt;
	} f_ref;
};

struct sock___more {
	__u32 sk_ack_backlog;
	__u32 sk_max_ack_backlog;
	kuid_t sk_uid;
	unsigned int sk_userlocks : 4;
};

struct inet_timewait_sock {
	unsigned char tw_substate;
};

struct task_struct___more {
	int exit_state;
	__u64 start_boottime;
	struct task_struct *group_leader;
};

/* Where bound sockets are listed: TCP by bind bucket, UDP by slot; both by port and network namespace. */
struct hlist_node {
	struct hlist_node *next;
};

struct inet_bind_hashbucket {
	struct hlist_head chain;
};

struct inet_hashinfo {
	struct inet_bind_hashbucket *bhash;
	unsigned int bhash_size;
};

struct inet_bind_bucket {
	struct hlist_node node;
	struct hlist_head owners;
};

/*
 * Since 6.8 (8191792c18c5, "tcp: Remove dead code and fields for bhash2.") a bucket lists the buckets by address in it,
 * and those the sockets.
 */
struct inet_bind_bucket___bhash2 {
	struct hlist_head bhash2;
};

struct inet_bind2_bucket {
	struct hlist_node bhash_node;
	struct hlist_head owners;
};

struct udp_hslot {
	struct hlist_head head;
};

struct udp_table {
	struct udp_hslot *hash;
	unsigned int mask;
};

struct proto {
	union {
		struct inet_hashinfo *hashinfo;
		struct udp_table *udp_table;
	} h;
};

struct sock_common___listed {
	struct proto *skc_prot;
	unsigned long skc_flags;
	struct hlist_node skc_bind_node;
	struct hlist_node skc_node;
};

struct inet_timewait_death_row {
	struct inet_hashinfo *hashinfo;
};

struct netns_ipv4 {
	/*
	 * Since 6.1 (d1e5e6408b30, "tcp: Introduce optional per-netns ehash.") TCP's is here and not in proto, since 6.2
	 * (ba6aac151677, "udp: Access &udp_table via net.") UDP's is, too.
	 */
	struct inet_timewait_death_row tcp_death_row;
	struct udp_table *udp_table;
};

struct net___tables {
	struct ns_common ns;
	struct netns_ipv4 ipv4;
	__u32 hash_mix;
};

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

#pragma clang attribute pop

/* What holds a socket without a known process, as far as the socket shows it. */
enum held_by {
	HELD_BY_PROCESS,
	HELD_BY_FILE, /* a file, which may be in flight or registered with io_uring */
	HELD_BY_KERNEL,
	HELD_BY_ACCEPT_QUEUE,
	HELD_BY_ORPHAN,
	HELD_BY_TIME_WAIT,
	HELD_BY_NOTHING, /* closed, and about to go */
};

/* One descriptor of one process that leads to a bound socket; or a bound socket as the kernel lists it. */
struct socket_sample {
	__u64 socket; /* its address, which only joins samples */
	__u64 file;   /* the same of its file; 0 in samples of descriptors */
	__u64 inode;
	__u64 process_start;	  /* ns, CLOCK_BOOTTIME */
	__u64 cgroup_id;	  /* of the process */
	__u64 socket_cgroup_id;	  /* of the one that the socket was made in; 0 where it is not known */
	char comm[TASK_COMM_LEN]; /* of the process */
	__u32 process_id;
	__u32 descriptor;
	__u32 uid; /* of the socket */
	__u32 network_namespace;
	__u32 interface_index;
	__u32 backlog;
	__u32 backlog_limit;
	__u8 address[16] __attribute__((aligned(4)));
	__u8 remote_address[16];
	__u16 address_family;
	__u16 protocol_number;
	__u16 socket_type;
	__u16 port;
	__u16 remote_port;
	__u8 state; /* TCP_* of include/net/tcp_states.h, for every protocol */
	__u8 options;
	__u8 ipv6_only;
	__u8 held_by;
	__u8 reserved[6];
};

#endif
