// The cases of listen(), with ports 21200 to 21299. Only the listens get lines, not the binds before them.

#include "bindtruth.h"

#include <errno.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

struct listen_call {
	int fd;
	int backlog;
	enum via via;
	struct ring *ring;
	bool hidden;
	bool chosen; // before the call, the kernel has chosen the port
	unsigned somaxconn; // of the socket's network, where that is not the caller's
};

// ---- a listen and its record

static unsigned read_somaxconn(void)
{
	char text[32];
	if (!read_file("/proc/sys/net/core/somaxconn", text, sizeof text))
		skip("/proc/sys/net/core/somaxconn cannot be read: %s", error_name(errno));
	return (unsigned)strtoul(text, NULL, 10);
}

static bool read_name(int fd, char text[INET6_ADDRSTRLEN], unsigned *port)
{
	struct sockaddr_storage name = {.ss_family = 0};
	socklen_t length = sizeof name;
	return getsockname(fd, (struct sockaddr *)&name, &length) == 0 && text_of(&name, text, port);
}

static bool is_listening(int fd)
{
	int listening = 0;
	socklen_t length = sizeof listening;
	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) == 0 && listening != 0;
}

// The kernel itself reports the limit of a TCP socket that listens.
static void check_limit(const struct listen_call *call, const struct listen_record *record)
{
	struct tcp_info info = {.tcpi_sacked = 0};
	socklen_t length = sizeof info;
	if (record->socket.protocol == IPPROTO_TCP && getsockopt(call->fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 &&
		info.tcpi_sacked != record->limit)
		skip("broken: the kernel took a backlog of %u instead of %u", info.tcpi_sacked, record->limit);
}

static int listen_and_report(const struct listen_call *call)
{
	struct listen_record record;
	memset(&record, 0, sizeof record);
	record.via = call->via;
	record.shown = !call->hidden;
	record.backlog = call->backlog;
	read_who(&record.who);
	read_socket(call->fd, &record.socket);
	record.already = is_listening(call->fd);
	char before[INET6_ADDRSTRLEN];
	unsigned portBefore = 0;
	bool named = read_name(call->fd, before, &portBefore);
	unsigned somaxconn = call->somaxconn != 0 ? call->somaxconn : read_somaxconn();

	record.error = -make_listen(call->via, call->ring, call->fd, call->backlog);
	record.hasAddress = read_name(call->fd, record.address, &record.port);
	if (record.socket.type == SOCK_RAW)
		record.port = 0;
	record.implicit = named && portBefore == 0 && record.error == 0 && record.port != 0;
	record.chosen = call->chosen || record.implicit;
	record.hasLimit = record.error == 0;
	if (record.hasLimit && is_listening(call->fd))
		record.limit = (unsigned)call->backlog < somaxconn ? (unsigned)call->backlog : somaxconn;
	record.atLimit = (unsigned)call->backlog >= somaxconn;
	check_limit(call, &record);
	print_listen(&record);
	return record.error;
}

static void report(int fd, int backlog)
{
	listen_and_report(&(struct listen_call){.fd = fd, .backlog = backlog});
}

// ---- sockets

static int bound4(unsigned port)
{
	return bound_of(AF_INET, SOCK_STREAM, 0, "127.0.0.1", port, "R");
}

static int unbound4(void)
{
	return open_socket(AF_INET, SOCK_STREAM, 0);
}

// ---- addresses

static void tcp4(const struct call_case *c)
{
	report(bound4(c->port), 5);
}

static void tcp6(const struct call_case *c)
{
	report(bound_of(AF_INET6, SOCK_STREAM, 0, "::1", c->port, "R"), 5);
}

static void any(const struct call_case *c)
{
	report(bound_of(AF_INET, SOCK_STREAM, 0, "0.0.0.0", c->port, "Rr"), 5);
	report(bound_of(AF_INET6, SOCK_STREAM, 0, "::", c->port + 1, "."), 5);
}

static void mapped(const struct call_case *c)
{
	report(bound_of(AF_INET6, SOCK_STREAM, 0, "::ffff:127.0.0.1", c->port, "."), 5);
}

static void v6only(const struct call_case *c)
{
	int fd = open_socket(AF_INET6, SOCK_STREAM, 0), on = 1;
	setsockopt(fd, SOL_IPV6, IPV6_V6ONLY, &on, sizeof on);
	struct place place = place_of("::", c->port);
	if (bind(fd, (struct sockaddr *)&place.address, (socklen_t)place.length) != 0)
		skip("bind: %s", error_name(errno));
	report(fd, 5);
}

static void link_local(const struct call_case *c)
{
	if (!privateNetwork)
		skip("needs a network namespace of its own");
	int fd = open_socket(AF_INET6, SOCK_STREAM, 0);
	struct place place = place_scoped("fe80::1", c->port, ifindex_of("lo"));
	if (bind(fd, (struct sockaddr *)&place.address, (socklen_t)place.length) != 0)
		skip("bind: %s", error_name(errno));
	report(fd, 5);
}

static void device(const struct call_case *c)
{
	int fd = bound4(c->port);
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3) != 0)
		skip("SO_BINDTODEVICE: %s", error_name(errno));
	report(fd, 5);
}

static void chosen(const struct call_case *c)
{
	(void)c;
	listen_and_report(&(struct listen_call){.fd = bound_of(AF_INET, SOCK_STREAM, 0, "127.0.0.1", 0, "."), .backlog = 5, .chosen = true});
	listen_and_report(&(struct listen_call){.fd = bound_of(AF_INET, SOCK_STREAM, 0, "0.0.0.0", 0, "."), .backlog = 5, .chosen = true});
}

// ---- without bind()

static void implicit4(const struct call_case *c)
{
	(void)c;
	report(unbound4(), 5);
}

static void implicit6(const struct call_case *c)
{
	(void)c;
	report(open_socket(AF_INET6, SOCK_STREAM, 0), 5);
}

// Bound to an address, but without a port.
static void implicit_no_port(const struct call_case *c)
{
	(void)c;
	report(bound_of(AF_INET, SOCK_STREAM, 0, "127.0.0.1", 0, "N"), 5);
}

static void implicit_mptcp(const struct call_case *c)
{
	(void)c;
	report(open_socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP), 5);
}

static void no_port_left(const struct call_case *c)
{
	char range[32];
	if (!privateNetwork)
		skip("needs a network namespace of its own");
	snprintf(range, sizeof range, "%u %u", c->port, c->port);
	if (!write_file("/proc/sys/net/ipv4/ip_local_port_range", range))
		skip("net.ipv4.ip_local_port_range: %s", error_name(errno));
	report(unbound4(), 5);
	report(unbound4(), 5);
}

// ---- backlogs

static void backlogs(const struct call_case *c)
{
	static const int asked[] = {0, 1, -1, INT_MAX, INT_MIN, 70000};
	for (unsigned i = 0; i < sizeof asked / sizeof *asked; i++)
		report(bound4(c->port + i), asked[i]);
}

static void set_somaxconn(unsigned most)
{
	char text[16];
	if (!privateNetwork)
		skip("needs a network namespace of its own");
	snprintf(text, sizeof text, "%u", most);
	if (!write_file("/proc/sys/net/core/somaxconn", text))
		skip("net.core.somaxconn: %s", error_name(errno));
}

static void at_somaxconn(const struct call_case *c)
{
	set_somaxconn(7);
	report(bound4(c->port), 6);
	report(bound4(c->port + 1), 7);
	report(bound4(c->port + 2), 8);
}

static void again(const struct call_case *c)
{
	int fd = bound4(c->port);
	report(fd, 5);
	report(fd, 9);
	report(fd, 9);
	report(fd, 0);
}

static void again_mptcp(const struct call_case *c)
{
	int fd = bound_of(AF_INET, SOCK_STREAM, IPPROTO_MPTCP, "127.0.0.1", c->port, ".");
	report(fd, 5);
	report(fd, 9);
}

static void after_shutdown(const struct call_case *c)
{
	int fd = bound4(c->port);
	report(fd, 5);
	shutdown(fd, SHUT_RDWR);
	report(fd, 5);
}

// ---- by whom

static void *thread_body(void *argument)
{
	prctl(PR_SET_NAME, "listener");
	report(*(int *)argument, 5);
	report(*(int *)argument, 9);
	return NULL;
}

static void thread(const struct call_case *c)
{
	int fd = bound4(c->port);
	pthread_t other;
	int error = pthread_create(&other, NULL, thread_body, &fd);
	if (error != 0)
		skip("pthread_create: %s", error_name(error));
	pthread_join(other, NULL);
}

static void child_process(const struct call_case *c)
{
	int fd = bound4(c->port);
	pid_t child = fork();
	if (child == 0) {
		report(fd, 5);
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

static void other_netns(const struct call_case *c)
{
	report(bound4(c->port), 5);
	if (!enter_private_network())
		skip("unshare(CLONE_NEWNET): %s", error_name(errno));
	report(bound4(c->port), 5);
}

// The limit is that of the socket's network.
static void foreign_netns(const struct call_case *c)
{
	set_somaxconn(7);
	int fd = bound4(c->port);
	if (!enter_private_network())
		skip("unshare(CLONE_NEWNET): %s", error_name(errno));
	listen_and_report(&(struct listen_call){.fd = fd, .backlog = 100, .somaxconn = 7});
}

static void other_user(const struct call_case *c)
{
	int fd = bound4(c->port);
	become(12345, 23456);
	report(fd, 5);
}

static void other_mntns(const struct call_case *c)
{
	int fd = bound4(c->port);
	if (unshare(CLONE_NEWNS) != 0)
		skip("unshare(CLONE_NEWNS): %s", error_name(errno));
	report(fd, 5);
}

static void odd_comm(const struct call_case *c)
{
	int fd = bound4(c->port);
	prctl(PR_SET_NAME, "\033[31m\"\\\377\n");
	report(fd, 5);
}

// ---- protocols

static void mptcp(const struct call_case *c)
{
	report(bound_of(AF_INET, SOCK_STREAM, IPPROTO_MPTCP, "127.0.0.1", c->port, "."), 5);
	report(bound_of(AF_INET6, SOCK_STREAM, IPPROTO_MPTCP, "::1", c->port, "."), 5);
}

static void sctp(const struct call_case *c)
{
	report(bound_of(AF_INET, SOCK_STREAM, IPPROTO_SCTP, "127.0.0.1", c->port, "."), 5);
}

// To SCTP a backlog of 0 is to listen no more.
static void sctp_many(const struct call_case *c)
{
	int fd = bound_of(AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP, "127.0.0.1", c->port, ".");
	report(fd, 5);
	report(fd, 0);
	report(fd, 9);
}

static void hidden_unix(const struct call_case *c)
{
	(void)c;
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = open_socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(fd, (struct sockaddr *)&name, sizeof name.sun_family) != 0)
		skip("bind of an AF_UNIX socket: %s", error_name(errno));
	listen_and_report(&(struct listen_call){.fd = fd, .backlog = 5, .hidden = true});
	listen_and_report(&(struct listen_call){.fd = open_socket(AF_UNIX, SOCK_DGRAM, 0), .backlog = 5, .hidden = true});
}

static void hidden_netlink(const struct call_case *c)
{
	(void)c;
	listen_and_report(&(struct listen_call){.fd = open_socket(AF_NETLINK, SOCK_RAW, 0), .backlog = 5, .hidden = true});
}

// ---- failures

static void shared_port(const struct call_case *c)
{
	int first = bound4(c->port), second = bound4(c->port);
	report(first, 5);
	report(second, 70000);
}

static void connected(const struct call_case *c)
{
	int listener = bound4(c->port), client = unbound4();
	struct place place = place_of("127.0.0.1", c->port);
	report(listener, 5);
	if (connect(client, (struct sockaddr *)&place.address, (socklen_t)place.length) != 0)
		skip("connect: %s", error_name(errno));
	listen_and_report(&(struct listen_call){.fd = client, .backlog = 5, .chosen = true});
}

static void datagrams(const struct call_case *c)
{
	report(bound_of(AF_INET, SOCK_DGRAM, 0, "127.0.0.1", c->port, "."), 5);
	report(open_socket(AF_INET6, SOCK_DGRAM, 0), -1);
}

static void raw(const struct call_case *c)
{
	(void)c;
	report(open_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), 5);
}

static void not_a_socket(const struct call_case *c)
{
	(void)c;
	int ends[2];
	if (pipe(ends) != 0)
		skip("pipe: %s", error_name(errno));
	listen_and_report(&(struct listen_call){.fd = ends[0], .backlog = 5, .hidden = true});
}

static void closed(const struct call_case *c)
{
	int fd = bound4(c->port);
	close(fd);
	listen_and_report(&(struct listen_call){.fd = fd, .backlog = 5, .hidden = true});
	listen_and_report(&(struct listen_call){.fd = -1, .backlog = 5, .hidden = true});
}

static void refused(const struct call_case *c)
{
	int fd = bound4(c->port);
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_listen, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {.len = sizeof program / sizeof *program, .filter = program};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
		skip("seccomp: %s", error_name(errno));
	report(fd, 5);
}

// ---- other ways in

static void via_low(const struct call_case *c)
{
	need_int80();
	enum via via = strstr(c->name, "int80") != NULL ? VIA_INT80 : VIA_SOCKETCALL;
	listen_and_report(&(struct listen_call){.fd = bound4(c->port), .backlog = 5, .via = via});
	listen_and_report(&(struct listen_call){.fd = bound4(c->port + 1), .backlog = -1, .via = via});
}

static void uring(const struct call_case *c)
{
	struct ring ring;
	open_ring(&ring, 0, RING_LISTEN);
	listen_and_report(&(struct listen_call){.fd = bound4(c->port), .backlog = 5, .via = VIA_URING, .ring = &ring});
	listen_and_report(&(struct listen_call){.fd = bound4(c->port + 1), .backlog = 70000, .via = VIA_URING, .ring = &ring});
	listen_and_report(&(struct listen_call){.fd = unbound4(), .backlog = 5, .via = VIA_URING, .ring = &ring});
}

// ---- the table

static const struct call_case cases[] = {
	{"listen-tcp4", 21200, tcp4, NULL},
	{"listen-tcp6", 21201, tcp6, NULL},
	{"listen-any", 21202, any, "0.0.0.0 and ::"},
	{"listen-mapped", 21204, mapped, "::ffff:127.0.0.1"},
	{"listen-v6only", 21205, v6only, NULL},
	{"listen-linklocal", 21206, link_local, NULL},
	{"listen-device", 21207, device, "SO_BINDTODEVICE lo"},
	{"listen-chosen", 0, chosen, "bound to port 0"},
	{"listen-implicit4", 0, implicit4, "without bind()"},
	{"listen-implicit6", 0, implicit6, NULL},
	{"listen-implicit-no-port", 0, implicit_no_port, "IP_BIND_ADDRESS_NO_PORT"},
	{"listen-implicit-mptcp", 0, implicit_mptcp, NULL},
	{"listen-no-port-left", 21208, no_port_left, "the second without bind() finds no port"},
	{"listen-backlogs", 21210, backlogs, "0, 1, -1, and more than there can be"},
	{"listen-somaxconn", 21220, at_somaxconn, "net.core.somaxconn is 7; 6, 7, 8"},
	{"listen-again", 21223, again, "four times, with another backlog, the same, 0"},
	{"listen-again-mptcp", 21224, again_mptcp, NULL},
	{"listen-after-shutdown", 21225, after_shutdown, NULL},
	{"listen-thread", 21226, thread, "twice"},
	{"listen-child", 21227, child_process, "the socket is inherited"},
	{"listen-other-netns", 21228, other_netns, "the same port in two networks"},
	{"listen-foreign-netns", 21229, foreign_netns, "the socket is of a network with another net.core.somaxconn"},
	{"listen-other-user", 21230, other_user, "uid 12345, gid 23456"},
	{"listen-other-mntns", 21231, other_mntns, NULL},
	{"listen-comm", 21232, odd_comm, "escape sequence, not UTF-8"},
	{"listen-mptcp", 21233, mptcp, "IPv4 and IPv6"},
	{"listen-sctp", 21234, sctp, NULL},
	{"listen-sctp-many", 21235, sctp_many, "one-to-many; 0 ends the listening"},
	{"listen-hidden-unix", 0, hidden_unix, NULL},
	{"listen-hidden-netlink", 0, hidden_netlink, NULL},
	{"listen-eaddrinuse", 21236, shared_port, "two sockets share the port, the other listens"},
	{"listen-einval", 21237, connected, "a connection"},
	{"listen-eopnotsupp", 21238, datagrams, "UDP, bound and unbound"},
	{"listen-eopnotsupp-raw", 0, raw, NULL},
	{"listen-enotsock", 0, not_a_socket, NULL},
	{"listen-ebadf", 21239, closed, NULL},
	{"listen-seccomp", 21240, refused, "EACCES by a filter"},
	{"listen-int80", 21241, via_low, "5, then -1"},
	{"listen-socketcall", 21243, via_low, "5, then -1"},
	{"listen-uring", 21245, uring, "5, 70000, and without bind()"},
};

enum { CASES = sizeof cases / sizeof *cases };

int list_listens(bool verbose)
{
	return list_cases(cases, CASES, verbose);
}

int run_listens(int count, char **names)
{
	return run_cases(cases, CASES, count, names);
}
