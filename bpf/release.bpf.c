/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* Bound IPv4 and IPv6 sockets that release their ports: when closed, or disconnected or shut down before. */
#include "bound.h"
#include "calls.h"
#include "filter.h"

enum release_flag {
	LEAVES_TIME_WAIT = 1, /* its connection is to keep the port in TIME_WAIT */
	CONNECTED = 2,	      /* it has, or had, a connection */
};

struct release_sample {
	struct origin origin;
	__u8 address[16] __attribute__((aligned(8)));
	__u64 bound_at; /* ns, CLOCK_BOOTTIME; 0 if that was not seen */
	__u32 interface_index;
	__u16 address_family;
	__u16 port;
	__u16 protocol_number;
	__u16 socket_type;
	__u8 options;
	__u8 ipv6_only;
	__u8 state; /* before */
	__u8 flags; /* enum release_flag */
};

/* When a socket was bound, and facts about its process that are gone when it exits. */
struct bound {
	__u64 time;  /* ns, CLOCK_BOOTTIME */
	__u64 inode; /* of the socket, for another one may have its address by now */
	__u32 mount_namespace;
	__u16 port; /* 0: listen() was about to choose one */
	__u16 reserved;
};

/* Keyed by address. Closing a socket deletes its entry, whatever the filter; when full, no more are stored. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, struct bound);
} bound_sockets SEC(".maps");

static __always_inline int remember(bool typed, struct sock *sk, __u16 port)
{
	struct bound bound = {
		.time = bpf_ktime_get_boot_ns(),
		.inode = inode_of(typed, sk),
		.mount_namespace = current_mount_namespace(),
		.port = port,
	};
	__u64 key = (__u64)sk;

	if (bpf_map_update_elem(&bound_sockets, &key, &bound, BPF_ANY))
		COUNT(forgotten);
	return 0;
}

/* What is known of a socket's bind, or nothing if that was not seen. Only the first call gets it. */
static __always_inline struct bound recall(bool typed, struct sock *sk)
{
	__u64 key = (__u64)sk;
	struct bound *entry = bpf_map_lookup_elem(&bound_sockets, &key), bound = {};

	if (entry) {
		bound = *entry;
		bpf_map_delete_elem(&bound_sockets, &key);
		if (bound.inode != inode_of(typed, sk))
			bound = (struct bound){};
	}
	return bound;
}

/* A released port. */
struct release {
	struct sock *sk;
	const struct sock_common *common; /* its head */
	struct kind kind;
	__u16 port; /* 0: the kernel took it when the socket's connection ended */
	bool closes;
};

static __always_inline bool is_stream(struct kind kind)
{
	return kind.type == SOCK_STREAM || kind.type == SOCK_DCCP;
}

/*
 * Whether the socket itself shows that it was bound. A connected socket whose port was not requested by number may have got
 * it from connect() or accept(), a datagram socket without an address and a port requested by number from sendto(), and any
 * SCTP socket from either: uncertain cases are not reported.
 */
static __always_inline bool shows_bind(const struct release *release, const struct endpoint *bound)
{
	const struct sock_common *common = release->common;
	struct sock *holder = port_holder_of(release->sk, common->skc_family, release->kind.protocol);
	__u8 locks = holder ? LOAD_BITS(false, holder, sk_userlocks) : 0;

	if (common->skc_state == TCP_LISTEN || locks & SOCK_BINDPORT_LOCK)
		return true;
	if (release->kind.protocol == IPPROTO_SCTP)
		return false;
	if (release->kind.type == SOCK_RAW) {
		const __u64 *address = (const void *)bound->address;

		return (address[0] || address[1]) && common->skc_state != TCP_ESTABLISHED;
	}
	if (is_stream(release->kind))
		return common->skc_state == TCP_CLOSE && !common->skc_dport;
	return locks & SOCK_BINDADDR_LOCK;
}

/* Whether the socket's own connection enters TIME_WAIT: this end closes it first, and does not reset it. */
static __always_inline bool leaves_time_wait(bool typed, const struct release *release)
{
	const __u32 first =
		1 << TCP_ESTABLISHED | 1 << TCP_SYN_RECV | 1 << TCP_FIN_WAIT1 | 1 << TCP_FIN_WAIT2 | 1 << TCP_CLOSING;
	struct sock *sk = release->sk;
	unsigned long flags;

	if (!release->closes || !is_stream(release->kind) || !(first >> (release->common->skc_state & 31) & 1))
		return false;
	flags = LOAD(typed, sk, __sk_common.skc_flags);
	if (flags >> bpf_core_enum_value(enum sock_flags, SOCK_LINGER) & 1 && !LOAD(typed, sk, sk_lingertime))
		return false;
	return !LOAD(typed, sk, sk_receive_queue.qlen);
}

static __always_inline int emit(bool typed, const struct release *release, const struct endpoint *bound,
				const struct bound *known)
{
	struct release_sample *sample = bpf_ringbuf_reserve(&events, sizeof(*sample), 0);
	const struct sock_common *common = release->common;
	struct net *net = common->skc_net.net;
	__u8 bits, flags = 0;

	if (!sample)
		return dropped();
	fill_origin(&sample->origin, current_task(), inode_of(typed, release->sk), cgroup_of_socket(typed, release->sk),
		    LOAD(typed, net, ns.inum), 0);
	if (!sample->origin.mount_namespace)
		sample->origin.mount_namespace = known->mount_namespace;
	__builtin_memcpy(sample->address, bound->address, sizeof(sample->address));
	sample->bound_at = known->time;
	sample->interface_index = common->skc_bound_dev_if;
	sample->address_family = bound->family;
	sample->port = bound->port;
	sample->protocol_number = release->kind.protocol;
	sample->socket_type = release->kind.type;
	bits = BYTE_OF(common, skc_reuse);
	sample->options = options_of(release->sk, common, bits);
	sample->ipv6_only = BITS(common, skc_reuse, bits, skc_ipv6only);
	sample->state = common->skc_state;
	if (leaves_time_wait(typed, release))
		flags |= LEAVES_TIME_WAIT;
	if (common->skc_dport)
		flags |= CONNECTED;
	sample->flags = flags;
	submit(sample);
	return 0;
}

/* The one place where a release is judged and reported. */
static __always_inline int report(bool typed, const struct release *release)
{
	struct bound known = recall(typed, release->sk);
	const struct sock_common *common = release->common;
	struct endpoint bound = { .family = common->skc_family, .port = release->port ?: known.port };
	__u32 mount_namespace;
	bool seen;

	if (!bound.port || (bound.family != AF_INET && bound.family != AF_INET6))
		return 0;
	seen = known.time && (known.port ? known.port == bound.port : common->skc_state == TCP_LISTEN);
	if (!seen)
		known = (struct bound){};
	read_bound_address(bound.address, common, bound.family);
	if (!seen && !shows_bind(release, &bound))
		return 0;
	/* A raw socket has no port; its number is its protocol. */
	if (release->kind.type == SOCK_RAW)
		bound.port = 0;
	if (!caller_wanted() || !family_wanted(bound.family) || !protocol_wanted(release->kind.protocol) ||
	    !network_namespace_wanted(typed, common->skc_net.net) || !place_wanted())
		return filtered();
	if (config.by_mount_namespace_map) {
		mount_namespace = current_mount_namespace() ?: known.mount_namespace;
		/* An exiting process has left its own, and nothing is known of the bind. */
		if (!mount_namespace)
			return missed();
		if (!mount_namespace_wanted(mount_namespace))
			return filtered();
	}
	if (config.by_port && !passes(in_bitmap(ports, bound.port)))
		return filtered();
	if (config.by_address && !passes(prefix_matches(&address_filter, &bound)))
		return filtered();
	return emit(typed, release, &bound, &known);
}

/* A socket that is closed. Most are not bound, which one check shows. */
static __always_inline int closed(bool typed, struct sock *sk, bool has_file)
{
	struct release release = { .sk = sk, .closes = true };
	union sock_copy copy;

	release.common = head_of(typed, sk, &copy);
	if (!release.common->skc_num && !release.common->skc_dport)
		return 0;
	release.kind = kind_of(typed, sk);
	if (!has_file && is_subflow(sk, release.kind.protocol))
		return 0;
	release.port = release.common->skc_num;
	return report(typed, &release);
}

/* A socket that loses its connection or stops listening, but stays open: its port stays if it was requested by number. */
static __always_inline int disconnected(bool typed, struct sock *sk)
{
	struct sock___wait_pending *waiting = (void *)sk;
	struct release release = { .sk = sk };
	union sock_copy copy;

	release.common = head_of(typed, sk, &copy);
	if (!release.common->skc_num || LOAD_BITS(typed, sk, sk_userlocks) & SOCK_BINDPORT_LOCK)
		return 0;
	release.kind = kind_of(typed, sk);
	/* TCP does nothing then. */
	if (is_stream(release.kind) && release.common->skc_state == TCP_CLOSE)
		return 0;
	if (is_subflow(sk, release.kind.protocol) ||
	    (bpf_core_field_exists(waiting->sk_wait_pending) && BPF_CORE_READ(waiting, sk_wait_pending)))
		return 0;
	release.port = release.common->skc_num;
	return report(typed, &release);
}

static __always_inline int socket_disconnected(bool typed, void *sk)
{
	return disconnected(typed, typed ? sk : CAST(struct sock, sk));
}

static __always_inline int socket_closed(bool typed, void *socket)
{
	union socket_copy copied;
	struct socket *sock = socket_at(typed, socket, &copied);
	struct sock *sk = sock->sk;

	/* accept() created it, and then found no connection. */
	if (!sk)
		return 0;
	return closed(typed, sk, sock->file);
}

static __always_inline int bind_returned(bool typed, void *socket, int ret)
{
	const struct sock_common *common;
	union socket_copy copied;
	union sock_copy copy;
	struct socket *sock;
	struct sock *sk;

	if (ret)
		return 0;
	sock = socket_at(typed, socket, &copied);
	sk = sock->sk;
	common = head_of(typed, sk, &copy);
	/* Up to 6.5, the first subflow of an MPTCP socket passes here, too; IP_BIND_ADDRESS_NO_PORT assigns no port. */
	if (!common->skc_num || (!sock->file && is_subflow(sk, kind_of(typed, sk).protocol)))
		return 0;
	return remember(typed, sk, common->skc_num);
}

/* A socket that starts to listen without a port gets one, and is bound from then on. */
static __always_inline int listen_entered(bool typed, void *socket)
{
	union socket_copy copied;
	union sock_copy copy;
	struct socket *sock = socket_at(typed, socket, &copied);
	struct sock *sk = sock->sk;

	if (head_of(typed, sk, &copy)->skc_num || (!sock->file && is_subflow(sk, kind_of(typed, sk).protocol)))
		return 0;
	return remember(typed, sk, 0);
}

enum function { INET_BIND, INET6_BIND, MPTCP_BIND };

#define BIND(function, id)                                                                      \
	SEC("fexit/" #function)                                                                 \
	int BPF_PROG(fexit_##function, struct socket *sock, void *address, int length, int ret) \
	{                                                                                       \
		return bind_returned(true, sock, ret);                                          \
	}                                                                                       \
	SEC("kprobe/" #function)                                                                \
	int BPF_KPROBE(kprobe_##function, void *sock)                                           \
	{                                                                                       \
		return enter(id, (__u64)sock, 0, 0, 0);                                         \
	}                                                                                       \
	SEC("kretprobe/" #function)                                                             \
	int BPF_KRETPROBE(kretprobe_##function, int ret)                                        \
	{                                                                                       \
		struct call call;                                                               \
                                                                                                \
		return leave(id, &call) ? bind_returned(false, (void *)call.args[0], ret) : 0;  \
	}

BIND(inet_bind, INET_BIND)
BIND(inet6_bind, INET6_BIND)
BIND(mptcp_bind, MPTCP_BIND)

#define ENTRY(function, type, entered)                    \
	SEC("fentry/" #function)                          \
	int BPF_PROG(fentry_##function, type *argument)   \
	{                                                 \
		return entered(true, argument);           \
	}                                                 \
	SEC("kprobe/" #function)                          \
	int BPF_KPROBE(kprobe_##function, void *argument) \
	{                                                 \
		return entered(false, argument);          \
	}

ENTRY(inet_listen, struct socket, listen_entered)
ENTRY(mptcp_listen, struct socket, listen_entered)
ENTRY(sctp_inet_listen, struct socket, listen_entered)
ENTRY(inet_dccp_listen, struct socket, listen_entered)
ENTRY(inet_release, struct socket, socket_closed)
ENTRY(tcp_disconnect, struct sock, socket_disconnected)
ENTRY(tcp_abort, struct sock, socket_disconnected)
ENTRY(__udp_disconnect, struct sock, socket_disconnected)

/*
 * A socket that stops listening, before its state changes. If it is being closed, or its port was not requested by number, it
 * releases the port, which the socket may no longer show. A backlog of 0 leaves an SCTP socket its port.
 */
static __always_inline int stops_listening(struct sock *sk)
{
	struct inet_sock *inet = CAST(struct inet_sock, sk);
	struct release release = { .sk = sk };
	union sock_copy copy;
	struct sock *holder;

	release.common = head_of(false, sk, &copy);
	release.kind = kind_of(false, sk);
	release.closes = LOAD(false, sk, sk_shutdown) == SHUTDOWN_MASK;
	/* Reported by the cgroup program. */
	if (config.cgroup_hooks && release.closes)
		return 0;
	/* The MPTCP socket stops, too. */
	if (is_subflow(sk, release.kind.protocol))
		return 0;
	holder = port_holder_of(sk, release.common->skc_family, release.kind.protocol);
	if (!release.closes && (release.kind.protocol == IPPROTO_SCTP || !holder ||
				LOAD_BITS(false, holder, sk_userlocks) & SOCK_BINDPORT_LOCK))
		return 0;
	release.port = bpf_ntohs(LOAD(false, inet, inet_sport));
	return report(false, &release);
}

SEC("raw_tp/inet_sock_set_state")
int raw_inet_sock_set_state(struct bpf_raw_tracepoint_args *ctx)
{
	int before = ctx->args[1], after = ctx->args[2];

	/* New connections start as copies of their listener, and then change their state. SCTP closes through the second. */
	return before == TCP_LISTEN && (after == TCP_CLOSE || after == TCP_CLOSE_WAIT) ?
		       stops_listening(CAST(struct sock, ctx->args[0])) :
		       0;
}

/* Runs at the start of inet_release(), for all sockets except the kernel's own. */
SEC("cgroup/sock_release")
int cgroup_sock_release(struct bpf_sock *ctx)
{
	closed(false, CAST(struct sock, ctx), true);
	return 1;
}

static __always_inline void cgroup_bound(void *ctx)
{
	struct sock *sk = CAST(struct sock, ctx), *owner;
	union sock_copy copy;
	__u16 port = head_of(false, sk, &copy)->skc_num;

	/* A program of a cgroup below has refused. */
	if (kernel_has_helper(get_retval) && bpf_get_retval())
		return;
	if (is_subflow(sk, kind_of(false, sk).protocol)) {
		owner = mptcp_socket_of(sk);
		/* After this, the MPTCP socket gets the port of its first subflow; other subflows have separate ports. */
		if (!BPF_CORE_READ(owner, __sk_common.skc_num))
			remember(false, CAST(struct sock, owner), port);
		return;
	}
	remember(false, sk, port);
}

/* They always allow: returning anything but 1 would refuse the bind. */
SEC("cgroup/post_bind4")
int cgroup_post_bind4(struct bpf_sock *ctx)
{
	cgroup_bound(ctx);
	return 1;
}

SEC("cgroup/post_bind6")
int cgroup_post_bind6(struct bpf_sock *ctx)
{
	cgroup_bound(ctx);
	return 1;
}

DESCRIBE(release_sample)
