/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * The current sockets of all network namespaces: first from the descriptors of all processes, then from the kernel's own
 * lists of bound sockets, which include those that no process holds.
 */
#include "sockets.h"

#define FREE_BIND 1
#define TRANSPARENT 2
#define BIND_ADDRESS_NO_PORT 4
#define REUSE_ADDRESS 8
#define REUSE_PORT 16

/* Set by user space before loading: bit numbers in inet_sock.inet_flags, which CO-RE cannot find. */
struct socket_config {
	__u8 freebind_bit;
	__u8 transparent_bit;
	__u8 bind_address_no_port_bit;
	__u8 reserved;
};

const volatile struct socket_config config SEC(".rodata.config") = {};

#define FILE_BITS 4096

/* The filter; may change between runs. */
struct socket_request {
	__u64 ports[1024];	     /* bit n: port n */
	__u64 files[FILE_BITS / 64]; /* bit of a file, see looked_for(): files whose descriptors are looked for */
	__u32 process_id;	     /* 0, or the only process that is looked at */
	__u8 by_port;
	__u8 connections; /* also what does not hold a port for itself */
	__u8 reserved[2];
};

volatile struct socket_request request SEC(".data.request") = {};

/* A walk over one table continues where it stopped because space or steps ran out. */
#define FOUND 4096
#define RESTARTS 16
struct socket_walk {
	__u64 table;
	__u64 ports; /* the rest of the bucket under way: buckets of ports, of addresses, sockets */
	__u64 addresses;
	__u64 sockets;
	__u32 descriptor; /* of a socket of ours that is in the table */
	__u32 bucket;
	__u32 end; /* the bucket behind the last one that is walked */
	__u32 buckets;
	__u32 found;
	__u32 restarts;		 /* of the bucket under way */
	__u32 given_up;		 /* buckets that changed every time they were looked at */
	__u32 network_namespace; /* 0, or where the port below is the only one that is wanted */
	__u16 port;
	__u8 udp;
	__u8 begun;
	__u8 done;
	__u8 one_bucket; /* whether the others could be left out */
	__u8 reserved[6];
};

struct socket_walk walk SEC(".data.walk") = {};
struct socket_sample found[FOUND];

/*
 * The following functions are not inlined if a kernel may lack a field: the compiler hoists relocations out of loops, into
 * code that runs on such a kernel, too.
 */
static __noinline __u8 options_in_bits(struct inet_sock___bits *inet)
{
	return (BPF_CORE_READ_BITFIELD_PROBED(inet, freebind) ? FREE_BIND : 0) |
	       (BPF_CORE_READ_BITFIELD_PROBED(inet, transparent) ? TRANSPARENT : 0) |
	       (BPF_CORE_READ_BITFIELD_PROBED(inet, bind_address_no_port) ? BIND_ADDRESS_NO_PORT : 0);
}

/*
 * Since 6.6: c274af224269 ("inet: introduce inet->inet_flags"), 3f7e753206bb ("inet: move inet->freebind to
 * inet->inet_flags"), 4bd0623f04ee ("inet: move inet->transparent to inet->inet_flags") and ca571e2eb7eb ("inet: move
 * inet->bind_address_no_port to inet->inet_flags").
 */
static __noinline __u8 options_in_flags(struct inet_sock *address)
{
	struct inet_sock *inet = CAST(struct inet_sock, address);
	unsigned long flags = LOAD(false, inet, inet_flags);

	return (flags >> (config.freebind_bit & 63) & 1 ? FREE_BIND : 0) |
	       (flags >> (config.transparent_bit & 63) & 1 ? TRANSPARENT : 0) |
	       (flags >> (config.bind_address_no_port_bit & 63) & 1 ? BIND_ADDRESS_NO_PORT : 0);
}

/* The first subflow of an MPTCP socket, which has its backlog. */
static __noinline struct sock *first_subflow(struct mptcp_sock *address)
{
	struct mptcp_sock *socket = CAST(struct mptcp_sock, address);

	return LOAD(false, socket, first);
}

/* The id of the cgroup that it was created in. */
static __noinline __u64 made_in(struct sock *address)
{
	return cgroup_of_socket(false, CAST(struct sock, address));
}

static __always_inline __u8 options_of(struct sock *sk, const struct sock_common *common)
{
	__u8 bits = BYTE_OF(common, skc_reuse), options = 0;

	if (BITS(common, skc_reuse, bits, skc_reuse))
		options |= REUSE_ADDRESS;
	if (BITS(common, skc_reuse, bits, skc_reuseport))
		options |= REUSE_PORT;
	if (common->skc_state == TCP_TIME_WAIT)
		return options;
	if (bpf_core_field_exists(struct inet_sock, inet_flags))
		return options | options_in_flags((void *)sk);
	return options | options_in_bits((void *)sk);
}

static __always_inline void read_addresses(struct socket_sample *sample, const struct sock_common *common)
{
	const struct sock_common___ipv6 *ipv6 = (const void *)common;
	__u32 *local = (void *)sample->address, *remote = (void *)sample->remote_address;

	if (sample->address_family == AF_INET) {
		local[0] = common->skc_rcv_saddr;
		remote[0] = common->skc_daddr;
	} else if (bpf_core_field_exists(ipv6->skc_v6_rcv_saddr)) {
		local[0] = ipv6->skc_v6_rcv_saddr.in6_u.u6_addr32[0];
		local[1] = ipv6->skc_v6_rcv_saddr.in6_u.u6_addr32[1];
		local[2] = ipv6->skc_v6_rcv_saddr.in6_u.u6_addr32[2];
		local[3] = ipv6->skc_v6_rcv_saddr.in6_u.u6_addr32[3];
		remote[0] = ipv6->skc_v6_daddr.in6_u.u6_addr32[0];
		remote[1] = ipv6->skc_v6_daddr.in6_u.u6_addr32[1];
		remote[2] = ipv6->skc_v6_daddr.in6_u.u6_addr32[2];
		remote[3] = ipv6->skc_v6_daddr.in6_u.u6_addr32[3];
	}
}

static __always_inline bool has_address(const struct socket_sample *sample)
{
	const __u32 *word = (const void *)sample->address;

	return word[0] || word[1] || word[2] || word[3];
}

/* Whether it is bound and matches the filter. */
static __always_inline bool wanted(const struct socket_sample *sample, __u16 number, bool waits)
{
	if (!number && !waits)
		return false;
	if (!request.connections && sample->state != TCP_CLOSE && sample->state != TCP_LISTEN)
		return false;
	return !request.by_port || request.ports[sample->port >> 6] >> (sample->port & 63) & 1;
}

/*
 * Whether a socket without a number was bound to an address and gets its port when it connects (IP_BIND_ADDRESS_NO_PORT).
 * One that still has a source port is no longer bound. During bind(), there is an address without a port as well, but the
 * kernel locks the address only after it has taken the port.
 */
static __noinline bool waits_for_port(struct sock *sk, __be16 source)
{
	struct sock___more *more = (void *)sk;
	unsigned int locks = BPF_CORE_READ_BITFIELD_PROBED(more, sk_userlocks);

	return !source && (locks & (SOCK_BINDADDR_LOCK | SOCK_BINDPORT_LOCK)) == SOCK_BINDADDR_LOCK;
}

enum reading { NOT_WANTED, WANTED, CHANGED };

/* Sockets in TIME_WAIT have only the common part. */
static __always_inline enum reading read_once(struct socket_sample *sample, struct sock *sk, bool typed)
{
	struct inet_sock *inet = CAST(struct inet_sock, sk);
	struct sock___more *more = (void *)sk;
	struct sock_common *common;
	union sock_copy copy;
	__be16 source, remote_port;
	struct kind kind;
	struct net *net;
	bool waits = false;
	__u16 number;
	__u8 bits;

	common = head_of(typed, sk, &copy);
	sample->address_family = common->skc_family;
	if (sample->address_family != AF_INET && sample->address_family != AF_INET6)
		return NOT_WANTED;
	sample->state = common->skc_state;
	number = common->skc_num;
	remote_port = common->skc_dport;
	sample->remote_port = bpf_ntohs(remote_port);
	sample->interface_index = common->skc_bound_dev_if;
	bits = BYTE_OF(common, skc_reuse);
	sample->ipv6_only = sample->address_family == AF_INET6 && BITS(common, skc_reuse, bits, skc_ipv6only);
	sample->options = options_of(sk, common);
	read_addresses(sample, common);
	net = common->skc_net.net;
	sample->network_namespace = LOAD(typed, CAST(struct net, net), ns.inum);
	if (sample->state == TCP_TIME_WAIT) {
		sample->protocol_number = IPPROTO_TCP;
		sample->socket_type = SOCK_STREAM;
		sample->port = number;
		sample->held_by = HELD_BY_TIME_WAIT;
	} else {
		kind = kind_of(typed, sk);
		sample->protocol_number = kind.protocol;
		sample->socket_type = kind.type;
		sample->port = kind.type == SOCK_RAW || kind.protocol == IPPROTO_L2TP ? 0 : number;
		sample->uid = LOAD(typed, more, sk_uid.val);
		sample->socket_cgroup_id = made_in(sk);
		source = LOAD(false, inet, inet_sport);
		/* Before the number is compared again below, because a bind() that ends meanwhile sets it. */
		if (!number && sample->state == TCP_CLOSE && has_address(sample))
			waits = waits_for_port(sk, source);
		if (sample->state == TCP_LISTEN) {
			if (kind.protocol == IPPROTO_MPTCP && bpf_core_type_exists(struct mptcp_sock)) {
				more = (void *)CAST(struct sock, first_subflow((void *)sk));
				sample->backlog = LOAD(false, more, sk_ack_backlog);
				sample->backlog_limit = LOAD(false, more, sk_max_ack_backlog);
			} else {
				sample->backlog = LOAD(typed, more, sk_ack_backlog);
				sample->backlog_limit = LOAD(typed, more, sk_max_ack_backlog);
			}
		}
	}

	/* The socket may change meanwhile, and its memory may belong to another one. */
	barrier();
	common = head_of(typed, sk, &copy);
	if (common->skc_family != sample->address_family || common->skc_state != sample->state ||
	    common->skc_num != number || common->skc_dport != remote_port || common->skc_net.net != net)
		return CHANGED;
	/* A closed connection that waits for the other end to close is also kept as if in TIME_WAIT. */
	if (sample->state == TCP_TIME_WAIT)
		sample->state = LOAD(false, CAST(struct inet_timewait_sock, sk), tw_substate);
	return wanted(sample, number, waits) ? WANTED : NOT_WANTED;
}

static __always_inline bool read_socket(struct socket_sample *sample, struct sock *sk, bool typed)
{
	for (int i = 0; i < 4; i++) {
		enum reading reading = read_once(sample, sk, typed);

		if (reading != CHANGED)
			return reading == WANTED;
	}
	/* A socket that changes that often is given up here; the kernel's list may have it. */
	return false;
}

/* With a filter for few ports, one number decides for nearly all sockets, and the rest need not be read. */
static __always_inline bool left_out(struct sock *sk, bool typed)
{
	__u16 number = LOAD(typed, sk, __sk_common.skc_num);

	/* A socket whose number is not a port counts as port 0. */
	return request.by_port && !(request.ports[0] & 1) && !(request.ports[number >> 6] >> (number & 63) & 1);
}

static __always_inline void read_process(struct socket_sample *sample, struct task_struct *task)
{
	struct task_struct *leader = ((struct task_struct___more *)task)->group_leader;
	__u64 *comm = (void *)sample->comm;

	sample->process_id = task->tgid;
	sample->process_start = ((struct task_struct___more *)leader)->start_boottime;
	sample->cgroup_id = task->cgroups->dfl_cgrp->kn->id;
	comm[0] = *(__u64 *)&leader->comm[0];
	comm[1] = *(__u64 *)&leader->comm[8];
}

#define SLOTS 64

struct table_scan {
	__u64 file;  /* of the descriptor under way */
	__u64 files; /* of the task under way */
	__u64 slots;
	__u64 candidates; /* of the slots below: those that may be of such a file */
	__u64 slot[SLOTS];
	__u32 first;
};

struct table_scan scan SEC(".data.scan") = {};

/* As user space has it. */
static __always_inline bool looked_for(__u64 file)
{
	__u32 bit = file * 0x9e3779b97f4a7c15 >> 52;

	return request.files[bit / 64] >> (bit & 63) & 1;
}

SEC("iterator/task_file")
int files(struct bpf_iter__task_file *context)
{
	struct task_struct *task = context->task;
	struct file *file = context->file;
	struct socket_sample sample = {};
	/* bpf_sock_from_file() is of 5.11 (4f19cab76136, "bpf: Add a bpf_sock_from_file helper"). */
	bool typed = kernel_has_helper(sock_from_file);
	struct inode *inode;
	struct sock *sk;

	if (!task || !file)
		return 0;
	/* The verifier forbids arithmetic with the pointer, but not with what memory has of it. */
	scan.file = (__u64)file;
	barrier();
	if (!looked_for(scan.file))
		return 0;
	inode = ((struct file___inode *)file)->f_inode;
	if (typed) {
		struct socket *socket = bpf_sock_from_file(file);

		if (!socket)
			return 0;
		sk = socket->sk;
	} else {
		struct socket *socket;

		if ((inode->i_mode & S_IFMT) != S_IFSOCK || inode->i_sb->s_magic != SOCKFS_MAGIC)
			return 0;
		/* Null for a descriptor opened with O_PATH. */
		socket = file->private_data;
		if (!socket)
			return 0;
		sk = LOAD(false, socket, sk);
	}
	if (!sk || left_out(sk, typed) || !read_socket(&sample, sk, typed))
		return 0;
	sample.socket = (__u64)sk;
	sample.inode = inode->i_ino;
	sample.descriptor = context->fd;
	read_process(&sample, CAST(struct task_struct, task));
	bpf_seq_write(context->meta->seq, &sample, sizeof(sample));
	return 0;
}

/*
 * Writes a byte for each task that has released its descriptors and has not ended: it may still be closing them, which
 * takes a while if there are many.
 */
SEC("iterator/task")
int exiting(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;
	__u8 one = 1;

	if (task && task->flags & PF_EXITING && !task->files && !((struct task_struct___more *)task)->exit_state)
		bpf_seq_write(context->meta->seq, &one, sizeof(one));
	return 0;
}

/* ---- descriptors of some files -------------------------------------------- */

/*
 * Walking all descriptors reads each file, its socket and more, most of which is not cached. If the relevant files are
 * known, reading the descriptor tables is enough.
 */

struct owner_context {
	struct seq_file *seq;
	struct task_struct *task;
};

/*
 * The memory may be freed and reused meanwhile. But a task releases its descriptors before that, so a slot that can be
 * reached in the same way again still belongs to it.
 */
static __always_inline bool is_still(struct task_struct *task, __u32 descriptor, __u64 file)
{
	__u64 files = scan.files;
	struct fdtable *table;
	struct file **slots;

	barrier();
	table = LOAD(false, CAST(struct files_struct, files), fdt);
	slots = LOAD(false, CAST(struct fdtable, table), fd);
	return word_at(slots + descriptor) == file && (__u64)LOAD_TASK(task, files) == files;
}

static long take_slot(__u32 index, void *data)
{
	struct owner_context *context = data;
	struct socket_sample sample = {};
	union socket_copy copy;
	struct socket *socket;
	struct sock *sk;
	void *address;
	__u64 file;

	index &= SLOTS - 1;
	if (!(scan.candidates >> index & 1))
		return 0;
	file = scan.slot[index];
	address = LOAD(false, CAST(struct file, file), private_data);
	if (!address)
		return 0;
	socket = socket_at(false, address, &copy);
	/* private_data is a socket only in a socket's file, and only a socket points back at it. */
	if ((__u64)socket->file != file)
		return 0;
	sk = CAST(struct sock, socket->sk);
	if (!sk || !read_socket(&sample, sk, false))
		return 0;
	sample.socket = (__u64)sk;
	sample.inode = LOAD(false, CAST(struct socket_alloc, address), vfs_inode.i_ino);
	sample.descriptor = scan.first + index;
	if (!is_still(context->task, sample.descriptor, file))
		return 0;
	read_process(&sample, context->task);
	bpf_seq_write(context->seq, &sample, sizeof(sample));
	return 0;
}

static long scan_slots(__u32 index, void *data)
{
	__u64 candidates = 0;

	scan.first = index * SLOTS;
	if (bpf_probe_read_kernel(scan.slot, sizeof(scan.slot), (void *)(scan.slots + scan.first * 8ull)))
		return 1;
	for (int i = 0; i < SLOTS; i++)
		candidates |= (__u64)looked_for(scan.slot[i]) << i;
	scan.candidates = candidates;
	if (candidates)
		bpf_loop(SLOTS, take_slot, data, 0);
	return 0;
}

SEC("iterator/task")
int owners(struct bpf_iter__task *context)
{
	struct owner_context owner = {};
	struct task_struct *task = context->task;
	struct files_struct *files;
	struct fdtable *table;

	if (!task || (request.process_id && (__u32)task->tgid != request.process_id))
		return 0;
	task = CAST(struct task_struct, task);
	files = LOAD_TASK(task, files);
	/* Threads share their process's table, except for those with a separate one. */
	if (!files || (task->pid != task->tgid && files == LOAD_TASK(task->group_leader, files)))
		return 0;
	table = LOAD(false, CAST(struct files_struct, files), fdt);
	scan.files = (__u64)files;
	scan.slots = (__u64)LOAD(false, CAST(struct fdtable, table), fd);
	owner.seq = context->meta->seq;
	owner.task = task;
	bpf_loop(LOAD(false, CAST(struct fdtable, table), max_fds) / SLOTS, scan_slots, &owner, 0);
	return 0;
}

/* ---- what the kernel lists as bound -------------------------------------- */

/* The socket of one of our descriptors; user space knows that it is a socket. */
static __always_inline struct sock *own_socket(__u32 descriptor)
{
	struct task_struct *task = current_task();
	struct files_struct *files = LOAD_TASK(task, files);
	struct fdtable *fdt = LOAD_TASK(files, fdt);
	struct file **slot = LOAD_TASK(fdt, fd);
	struct file *file = CAST(struct file, pointer_at(slot + descriptor));
	struct socket *socket = CAST(struct socket, LOAD(false, file, private_data));

	return CAST(struct sock, LOAD(false, socket, sk));
}

static __always_inline struct net___tables *net_of(struct sock *sk)
{
	return (void *)CAST(struct net, LOAD(false, sk, __sk_common.skc_net.net));
}

static __always_inline bool begin(void)
{
	struct sock *sk = own_socket(walk.descriptor);
	struct proto *proto = CAST(struct proto, LOAD(false, (struct sock_common___listed *)sk, skc_prot));
	struct net___tables *net = net_of(sk);

	if (walk.udp) {
		struct udp_table *table = NULL;

		if (bpf_core_field_exists(proto->h.udp_table))
			table = LOAD(false, proto, h.udp_table);
		if (!table && bpf_core_field_exists(net->ipv4.udp_table))
			table = LOAD(false, net, ipv4.udp_table);
		if (!table)
			return false;
		table = CAST(struct udp_table, table);
		walk.table = (__u64)LOAD(false, table, hash);
		walk.buckets = LOAD(false, table, mask) + 1;
	} else {
		struct inet_hashinfo *table = LOAD(false, proto, h.hashinfo);

		if (!table && bpf_core_field_exists(net->ipv4.tcp_death_row.hashinfo))
			table = LOAD(false, net, ipv4.tcp_death_row.hashinfo);
		if (!table)
			return false;
		table = CAST(struct inet_hashinfo, table);
		walk.table = (__u64)LOAD(false, table, bhash);
		walk.buckets = LOAD(false, table, bhash_size);
	}
	walk.end = walk.buckets;
	/* A port's bucket in another namespace depends on a number that only the namespace has. */
	if (walk.network_namespace && LOAD(false, net, ns.inum) == walk.network_namespace) {
		walk.one_bucket = 1;
		walk.bucket = (walk.port + LOAD(false, net, hash_mix)) & (walk.buckets - 1);
		walk.end = walk.bucket + 1;
	}
	walk.begun = 1;
	return true;
}

/* Whether a socket belongs to the current bucket: the lists are read without their locks. */
static __always_inline bool belongs(struct sock *sk)
{
	__u16 number = LOAD(false, sk, __sk_common.skc_num);
	struct net___tables *net = net_of(sk);

	return ((number + LOAD(false, net, hash_mix)) & (walk.buckets - 1)) == walk.bucket;
}

/* Whether no one holds the file any more, and only its task still has to release it. */
static __noinline bool is_closed(struct file *address)
{
	struct file___count *counted = (void *)address;
	struct file___ref *referenced = (void *)address;
	__s64 references = 0;

	if (bpf_core_field_exists(counted->f_count)) {
		bpf_core_read(&references, sizeof(references), &counted->f_count.counter);
		return !references;
	}
	/* Counted from 0; the top bits mark a released file. */
	bpf_core_read(&references, sizeof(references), &referenced->f_ref.refcnt.counter);
	return references < 0;
}

/* What a socket without a descriptor is, in order of how little the kernel still knows. */
static __always_inline void read_holder(struct socket_sample *sample, struct sock *sk)
{
	struct socket *socket;
	struct file *file;

	if (sample->held_by == HELD_BY_TIME_WAIT) {
		if (sample->state != TCP_TIME_WAIT)
			sample->held_by = HELD_BY_ORPHAN;
		return;
	}
	socket = LOAD(false, sk, sk_socket);
	if (!socket) {
		struct sock_common___listed *listed = (void *)sk;
		bool dead = LOAD(false, listed, skc_flags) >> bpf_core_enum_value(enum sock_flags, SOCK_DEAD) & 1;

		sample->held_by = dead ? HELD_BY_ORPHAN : HELD_BY_ACCEPT_QUEUE;
		return;
	}
	sample->inode = LOAD(false, CAST(struct socket_alloc, socket), vfs_inode.i_ino);
	file = LOAD(false, CAST(struct socket, socket), file);
	sample->file = (__u64)file;
	sample->held_by = !file ? HELD_BY_KERNEL : is_closed(file) ? HELD_BY_NOTHING : HELD_BY_FILE;
}

/* The MPTCP socket that a TCP socket is a subflow of, or null. */
static __always_inline struct sock *connection_of(struct sock *sk)
{
	struct tcp_sock *tcp = CAST(struct tcp_sock, sk);
	struct mptcp_subflow_context *context;
	void *connection;

	if (!bpf_core_type_exists(struct mptcp_subflow_context) || !BPF_CORE_READ_BITFIELD_PROBED(tcp, is_mptcp))
		return NULL;
	context = LOAD(false, CAST(struct inet_connection_sock, sk), icsk_ulp_data);
	if (!context)
		return NULL;
	connection = LOAD(false, CAST(struct mptcp_subflow_context, context), conn);
	return connection ? CAST(struct sock, connection) : NULL;
}

/* False if the chain has left its list. */
static __always_inline bool find(struct sock *sk)
{
	struct socket_sample *sample = &found[walk.found & (FOUND - 1)];
	struct sock *connection, *holder = sk;

	if (!belongs(sk))
		return false;
	if (left_out(sk, false))
		return true;
	__builtin_memset(sample, 0, sizeof(*sample));
	if (!read_socket(sample, sk, false))
		return true;
	if (sample->protocol_number == IPPROTO_TCP && sample->held_by != HELD_BY_TIME_WAIT) {
		connection = connection_of(sk);
		/* A subflow has no file, or that of its connection. */
		if (connection) {
			sample->protocol_number = IPPROTO_MPTCP;
			holder = connection;
		}
	}
	sample->socket = (__u64)holder;
	read_holder(sample, holder);
	if (!belongs(sk))
		return false;
	walk.found++;
	return true;
}

static __always_inline void leave_bucket(void)
{
	walk.bucket++;
	walk.restarts = 0;
	walk.ports = walk.addresses = walk.sockets = 0;
	walk.begun = 1;
}

static __always_inline void begin_bucket(void)
{
	void *table = (void *)walk.table;

	if (walk.udp)
		walk.sockets = (__u64)pointer_at(table + walk.bucket * bpf_core_type_size(struct udp_hslot) +
						 bpf_core_field_offset(struct udp_hslot, head));
	else
		walk.ports = (__u64)pointer_at(table + walk.bucket * bpf_core_type_size(struct inet_bind_hashbucket) +
					       bpf_core_field_offset(struct inet_bind_hashbucket, chain));
	walk.begun = 2;
}

/*
 * One node of a list; 0 when done. Not static, so the verifier checks it only once, however often it is called.
 */
__noinline int advance(void)
{
	if (walk.sockets) {
		void *node = (void *)walk.sockets;
		__u64 offset = walk.udp ? bpf_core_field_offset(struct sock_common___listed, skc_node) :
					  bpf_core_field_offset(struct sock_common___listed, skc_bind_node);

		if (walk.found >= FOUND)
			return 0;
		if (find(CAST(struct sock, node - offset))) {
			walk.sockets = (__u64)pointer_at(node);
		} else if (walk.restarts++ < RESTARTS) {
			walk.ports = walk.addresses = walk.sockets = 0;
			walk.begun = 1;
		} else {
			walk.given_up++;
			leave_bucket();
		}
	} else if (bpf_core_field_exists(struct inet_bind2_bucket, bhash_node) && walk.addresses) {
		void *node = (void *)walk.addresses;
		void *bucket = node - bpf_core_field_offset(struct inet_bind2_bucket, bhash_node);

		walk.sockets = (__u64)pointer_at(bucket + bpf_core_field_offset(struct inet_bind2_bucket, owners));
		walk.addresses = (__u64)pointer_at(node);
	} else if (walk.ports) {
		void *node = (void *)walk.ports;
		void *bucket = node - bpf_core_field_offset(struct inet_bind_bucket, node);

		if (bpf_core_field_exists(struct inet_bind_bucket, owners))
			walk.sockets =
				(__u64)pointer_at(bucket + bpf_core_field_offset(struct inet_bind_bucket, owners));
		else
			walk.addresses = (__u64)pointer_at(
				bucket + bpf_core_field_offset(struct inet_bind_bucket___bhash2, bhash2));
		walk.ports = (__u64)pointer_at(node);
	} else if (walk.begun == 2) {
		leave_bucket();
	} else if (walk.bucket >= walk.end) {
		walk.done = 1;
		return 0;
	} else {
		begin_bucket();
	}
	return 1;
}

#define STEPS_OF_LOOP (1 << 15)
#define STEPS_UNROLLED 32

static long step(__u32 index, void *context)
{
	int more = advance();

	/* clang knows that it is 0 or 1; the verifier does not. */
	barrier_var(more);
	return more == 0;
}

/* Not attached to anything: user space runs them. */
SEC("raw_tp")
int walk_loop(void *context)
{
	if (!walk.begun && !begin())
		return 1;
	bpf_loop(STEPS_OF_LOOP, step, NULL, 0);
	return 0;
}

/* bpf_loop() is of 5.17 (e6f2dd0f8067, "bpf: Add bpf_loop helper"). */
SEC("raw_tp")
int walk_steps(void *context)
{
	if (!walk.begun && !begin())
		return 1;
	for (int i = 0; i < STEPS_UNROLLED; i++)
		if (!advance())
			break;
	return 0;
}

#define DESCRIBE(type)                           \
	SEC("?socket")                           \
	int describe_##type(struct type *sample) \
	{                                        \
		return 0;                        \
	}

DESCRIBE(socket_sample)
DESCRIBE(socket_request)
DESCRIBE(socket_config)
DESCRIBE(socket_walk)

char LICENSE[] SEC("license") = "Dual MIT/GPL";
