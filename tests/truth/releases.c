// The cases of ports that are let go of, with ports 21300 to 21399. Whatever of a case is bound has its line, or an end in
// a case with "hidden" in its name.

#include "bindtruth.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// ---- a socket, from its bind to its end

struct held {
	int fd;
	const char *state;
	bool implicit, timeWait, hidden;
	uint64_t before, after; // nanoseconds, around what bound it
};

static uint64_t now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static struct held hold_of(int family, int type, int protocol, const char *address, unsigned port, const char *options)
{
	struct held held = {.state = type == SOCK_STREAM || type == SOCK_SEQPACKET ? "Bound" : "Unconnected"};
	held.fd = open_socket(family, type, protocol);
	set_options(held.fd, options);
	held.before = now();
	bind_to(held.fd, address, port);
	held.after = now();
	return held;
}

static struct held hold(const char *address, unsigned port, int type, int protocol)
{
	return hold_of(strchr(address, ':') != NULL ? AF_INET6 : AF_INET, type, protocol, address, port, ".");
}

static struct held tcp(unsigned port)
{
	return hold_of(AF_INET, SOCK_STREAM, 0, "127.0.0.1", port, "R");
}

static void listen_on(struct held *held)
{
	if (listen(held->fd, 5) != 0)
		skip("listen: %s", error_name(errno));
	held->state = "Listen";
}

static struct held listener(const char *address, unsigned port)
{
	struct held held = hold(address, port, SOCK_STREAM, 0);
	listen_on(&held);
	return held;
}

// Everything about it, while it still is.
static struct release_record before(const struct held *held, enum way way)
{
	struct release_record record;
	struct sockaddr_storage name = {.ss_family = 0};
	socklen_t length = sizeof name;
	memset(&record, 0, sizeof record);
	record.way = way;
	record.shown = !held->hidden;
	read_who(&record.who);
	read_socket(held->fd, &record.socket);
	if (getsockname(held->fd, (struct sockaddr *)&name, &length) != 0 || !text_of(&name, record.address, &record.port))
		skip("broken: getsockname: %s", error_name(errno));
	if (record.socket.type == SOCK_RAW)
		record.port = 0;
	record.state = held->state;
	record.implicit = held->implicit;
	record.hasTimeWait = strcmp(held->state, "Listen") != 0;
	record.timeWait = held->timeWait;
	uint64_t time = now();
	record.boundLeast = time > held->after ? time - held->after : 1;
	return record;
}

static void after(const struct held *held, struct release_record *record)
{
	record->boundMost = now() - held->before;
	print_release(record);
}

static void finish(const struct held *held)
{
	struct release_record record = before(held, BY_CLOSE);
	close(held->fd);
	after(held, &record);
}

// ---- addresses and protocols

static void tcp4(const struct call_case *c)
{
	struct held held = listener("127.0.0.1", c->port);
	nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	finish(&held);
}

static void tcp6(const struct call_case *c)
{
	struct held held = listener("::1", c->port), any = listener("::", c->port + 1);
	finish(&held);
	finish(&any);
}

static void not_listening(const struct call_case *c)
{
	struct held held = hold_of(AF_INET, SOCK_STREAM, 0, "0.0.0.0", c->port, "Rr");
	struct held mapped = hold_of(AF_INET6, SOCK_STREAM, 0, "::ffff:127.0.0.1", c->port + 1, ".");
	finish(&held);
	finish(&mapped);
}

static void chosen(const struct call_case *c)
{
	(void)c;
	struct held held = tcp(0), other = listener("0.0.0.0", 0);
	finish(&held);
	finish(&other);
}

static void link_local(const struct call_case *c)
{
	if (!privateNetwork)
		skip("needs a network namespace of its own");
	struct held held = {.state = "Bound", .fd = open_socket(AF_INET6, SOCK_STREAM, 0)};
	struct place place = place_scoped("fe80::1", c->port, ifindex_of("lo"));
	held.before = now();
	if (bind(held.fd, (struct sockaddr *)&place.address, (socklen_t)place.length) != 0)
		skip("bind: %s", error_name(errno));
	held.after = now();
	finish(&held);
}

static void device(const struct call_case *c)
{
	struct held held = tcp(c->port);
	if (setsockopt(held.fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3) != 0)
		skip("SO_BINDTODEVICE: %s", error_name(errno));
	listen_on(&held);
	finish(&held);
}

static void udp(const struct call_case *c)
{
	struct held four = hold("127.0.0.1", c->port, SOCK_DGRAM, 0), six = hold("::", c->port + 1, SOCK_DGRAM, 0);
	finish(&four);
	finish(&six);
}

static void udp_chosen(const struct call_case *c)
{
	(void)c;
	struct held any = hold("0.0.0.0", 0, SOCK_DGRAM, 0), one = hold("::1", 0, SOCK_DGRAM, 0);
	finish(&any);
	finish(&one);
}

static void udp_connected(const struct call_case *c)
{
	struct held held = hold("127.0.0.1", c->port, SOCK_DGRAM, 0), other = hold("0.0.0.0", 0, SOCK_DGRAM, 0);
	connect_to(held.fd, "127.0.0.1", 9);
	connect_to(other.fd, "127.0.0.1", 9);
	held.state = other.state = "Established";
	finish(&held);
	finish(&other);
}

static void udplite(const struct call_case *c)
{
	struct held held = hold("127.0.0.1", c->port, SOCK_DGRAM, IPPROTO_UDPLITE);
	finish(&held);
}

static void ping(const struct call_case *c)
{
	if (!privateNetwork || !write_file("/proc/sys/net/ipv4/ping_group_range", "0 2147483647"))
		skip("net.ipv4.ping_group_range: %s", error_name(errno));
	struct held held = hold("127.0.0.1", c->port, SOCK_DGRAM, IPPROTO_ICMP);
	finish(&held);
}

static void raw(const struct call_case *c)
{
	(void)c;
	struct held four = hold("127.0.0.1", 0, SOCK_RAW, IPPROTO_ICMP), six = hold("::1", 0, SOCK_RAW, IPPROTO_ICMPV6);
	finish(&four);
	finish(&six);
}

static void mptcp(const struct call_case *c)
{
	struct held held = hold("127.0.0.1", c->port, SOCK_STREAM, IPPROTO_MPTCP);
	struct held other = hold("::1", c->port + 1, SOCK_STREAM, IPPROTO_MPTCP);
	listen_on(&held);
	finish(&held);
	finish(&other);
}

static void sctp(const struct call_case *c)
{
	struct held held = hold("127.0.0.1", c->port, SOCK_STREAM, IPPROTO_SCTP);
	struct held many = hold("127.0.0.1", c->port + 1, SOCK_SEQPACKET, IPPROTO_SCTP);
	listen_on(&held);
	finish(&held);
	finish(&many);
}

// ---- bound by listen()

static void implicit_of(int protocol, const char *options)
{
	struct held held = {.state = "Listen", .implicit = true, .fd = open_socket(AF_INET, SOCK_STREAM, protocol)};
	set_options(held.fd, options);
	if (strcmp(options, "N") == 0)
		bind_to(held.fd, "127.0.0.1", 0);
	held.before = now();
	listen_on(&held);
	held.after = now();
	finish(&held);
}

static void implicit(const struct call_case *c)
{
	(void)c;
	implicit_of(0, ".");
}

static void implicit_no_port(const struct call_case *c)
{
	(void)c;
	implicit_of(0, "N");
}

static void implicit_mptcp(const struct call_case *c)
{
	(void)c;
	implicit_of(IPPROTO_MPTCP, ".");
}

// ---- by whom

static void exit_with(unsigned port, int signal)
{
	pid_t child = fork();
	if (child == 0) {
		struct held held = tcp(port);
		listen_on(&held);
		struct release_record record = before(&held, BY_EXIT);
		print_release(&record);
		if (signal != 0)
			raise(signal);
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

static void by_exit(const struct call_case *c)
{
	exit_with(c->port, 0);
}

static void killed(const struct call_case *c)
{
	exit_with(c->port, SIGKILL);
}

// Runs in a child, once nobody else has `held`.
static void in_child(const struct held *held, void (*run)(const struct held *))
{
	int ready[2];
	char byte;
	if (pipe(ready) != 0)
		skip("pipe: %s", error_name(errno));
	pid_t child = fork();
	if (child == 0) {
		close(ready[1]);
		if (read(ready[0], &byte, 1) != 0)
			_exit(1);
		run(held);
		_exit(0);
	}
	close(ready[0]);
	close(held->fd);
	close(ready[1]);
	waitpid(child, NULL, 0);
}

static void try_to_start(const struct held *held)
{
	struct release_record record = before(held, BY_EXIT);
	if (listen(held->fd, 5) == 0)
		skip("broken: listen() succeeded");
	print_release(&record);
}

// The second may not listen where the first does, and gives up.
static void failed_start(const struct call_case *c)
{
	struct held first = tcp(c->port), second = tcp(c->port);
	listen_on(&first);
	in_child(&second, try_to_start);
	finish(&first);
}

// Two processes have it: the one that lets go last counts.
static void last_of_two(const struct call_case *c)
{
	struct held held = tcp(c->port);
	listen_on(&held);
	in_child(&held, finish);
}

static void *thread_body(void *argument)
{
	prctl(PR_SET_NAME, "closer");
	finish(argument);
	return NULL;
}

static void thread(const struct call_case *c)
{
	struct held held = tcp(c->port);
	pthread_t other;
	listen_on(&held);
	int error = pthread_create(&other, NULL, thread_body, &held);
	if (error != 0)
		skip("pthread_create: %s", error_name(error));
	pthread_join(other, NULL);
}

static void other_netns(const struct call_case *c)
{
	struct held held = tcp(c->port);
	listen_on(&held);
	if (!enter_private_network())
		skip("unshare(CLONE_NEWNET): %s", error_name(errno));
	struct held other = tcp(c->port);
	listen_on(&other);
	finish(&held);
	finish(&other);
}

static void other_user(const struct call_case *c)
{
	struct held held = tcp(c->port);
	listen_on(&held);
	become(12345, 23456);
	finish(&held);
}

static void other_mntns(const struct call_case *c)
{
	struct held held = tcp(c->port);
	listen_on(&held);
	if (unshare(CLONE_NEWNS) != 0)
		skip("unshare(CLONE_NEWNS): %s", error_name(errno));
	finish(&held);
}

static void odd_comm(const struct call_case *c)
{
	struct held held = tcp(c->port);
	listen_on(&held);
	prctl(PR_SET_NAME, "\033[31m\"\\\377\n");
	finish(&held);
}

// ---- without being closed

static void shut_down(const struct call_case *c)
{
	struct held held = tcp(c->port);
	listen_on(&held);
	if (shutdown(held.fd, SHUT_RDWR) != 0)
		skip("shutdown: %s", error_name(errno));
	held.state = "Bound";
	finish(&held);
}

static void let_go_by(struct held *held, enum way way)
{
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	struct release_record record = before(held, way);
	int result = way == BY_SHUTDOWN ? shutdown(held->fd, SHUT_RDWR) : connect(held->fd, &none, sizeof none);
	if (result != 0)
		skip("broken: %s", error_name(errno));
	after(held, &record);
	close(held->fd);
}

static void shut_down_chosen(const struct call_case *c)
{
	(void)c;
	struct held held = listener("127.0.0.1", 0);
	let_go_by(&held, BY_SHUTDOWN);
}

static void disconnected_udp(const struct call_case *c)
{
	struct held held = hold("127.0.0.1", 0, SOCK_DGRAM, 0), stays = hold("127.0.0.1", c->port, SOCK_DGRAM, 0);
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	connect_to(held.fd, "127.0.0.1", 9);
	connect_to(stays.fd, "127.0.0.1", 9);
	held.state = "Established";
	let_go_by(&held, BY_DISCONNECT);
	if (connect(stays.fd, &none, sizeof none) != 0)
		skip("broken: connect: %s", error_name(errno));
	finish(&stays);
}

// ---- connections

struct ends {
	struct held listener, client;
	int server;
};

static struct ends connection(unsigned port, unsigned own)
{
	struct ends ends = {.listener = listener("127.0.0.1", port), .client = tcp(own)};
	connect_to(ends.client.fd, "127.0.0.1", port);
	ends.server = accept_one(ends.listener.fd);
	ends.client.state = "Established";
	return ends;
}

// Until what the other end has done is seen at this one.
static void await_event(int fd, short events)
{
	struct pollfd one = {.fd = fd, .events = events};
	if (poll(&one, 1, 5000) != 1)
		skip("broken: poll: %s", error_name(errno));
}

static void reset(int fd)
{
	struct linger now_or_never = {.l_onoff = 1};
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now_or_never, sizeof now_or_never);
}

static void closes_first(const struct call_case *c)
{
	struct ends ends = connection(c->port, c->port + 1);
	ends.client.timeWait = true;
	finish(&ends.client);
	close(ends.server);
	finish(&ends.listener);
}

static void closes_second(const struct call_case *c)
{
	struct ends ends = connection(c->port, c->port + 1);
	close(ends.server);
	await_event(ends.client.fd, POLLRDHUP);
	ends.client.state = "CloseWait";
	finish(&ends.client);
	finish(&ends.listener);
}

static void resets(const struct call_case *c)
{
	struct ends ends = connection(c->port, c->port + 1);
	reset(ends.client.fd);
	finish(&ends.client);
	close(ends.server);
	finish(&ends.listener);
}

static void leaves_unread(const struct call_case *c)
{
	struct ends ends = connection(c->port, c->port + 1);
	if (write(ends.server, "x", 1) != 1)
		skip("broken: write: %s", error_name(errno));
	await_event(ends.client.fd, POLLIN);
	finish(&ends.client);
	close(ends.server);
	finish(&ends.listener);
}

static void is_reset(const struct call_case *c)
{
	struct ends ends = connection(c->port, c->port + 1);
	reset(ends.server);
	close(ends.server);
	await_event(ends.client.fd, POLLHUP);
	ends.client.state = "Closed";
	finish(&ends.client);
	finish(&ends.listener);
}

// The kernel takes the port, which was not requested by number, with the connection.
static void is_reset_chosen(const struct call_case *c)
{
	struct ends ends = connection(c->port, 0);
	struct release_record record = before(&ends.client, BY_CLOSE);
	reset(ends.server);
	close(ends.server);
	await_event(ends.client.fd, POLLHUP);
	record.state = "Closed";
	close(ends.client.fd);
	after(&ends.client, &record);
	finish(&ends.listener);
}

static void disconnected_tcp(const struct call_case *c)
{
	struct ends ends = connection(c->port, 0);
	let_go_by(&ends.client, BY_DISCONNECT);
	close(ends.server);
	finish(&ends.listener);
}

// ---- what nobody bound

static void hidden_of(int fd, const char *state)
{
	struct held held = {.fd = fd, .state = state, .hidden = true};
	finish(&held);
}

static void hidden_clients(const struct call_case *c)
{
	struct held server = listener("127.0.0.1", c->port);
	int client = open_socket(AF_INET, SOCK_STREAM, 0), datagram = open_socket(AF_INET, SOCK_DGRAM, 0);
	struct place place = place_of("127.0.0.1", c->port);
	connect_to(client, "127.0.0.1", c->port);
	int accepted = accept_one(server.fd);
	if (sendto(datagram, "x", 1, 0, (struct sockaddr *)&place.address, (socklen_t)place.length) != 1)
		skip("sendto: %s", error_name(errno));
	hidden_of(client, "Established");
	hidden_of(accepted, "CloseWait");
	hidden_of(datagram, "Unconnected");
	datagram = open_socket(AF_INET6, SOCK_DGRAM, 0);
	connect_to(datagram, "::1", 9);
	hidden_of(datagram, "Established");
	finish(&server);
}

static void hidden_unbound(const struct call_case *c)
{
	(void)c;
	hidden_of(open_socket(AF_INET, SOCK_STREAM, 0), "Bound");
	hidden_of(open_socket(AF_INET6, SOCK_DGRAM, 0), "Unconnected");
	hidden_of(open_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), "Unconnected");
}

// Bound to an address, and given a port by connect().
static void hidden_no_port(const struct call_case *c)
{
	struct held server = listener("127.0.0.1", c->port);
	int client = bound_of(AF_INET, SOCK_STREAM, 0, "127.0.0.1", 0, "N");
	connect_to(client, "127.0.0.1", c->port);
	hidden_of(client, "Established");
	finish(&server);
}

// ---- the table

static const struct call_case cases[] = {
	{"release-tcp4", 21300, tcp4, "after 20 ms"},
	{"release-tcp6", 21301, tcp6, "::1 and ::"},
	{"release-bound", 21303, not_listening, "not listening; 0.0.0.0 and ::ffff:127.0.0.1"},
	{"release-chosen", 0, chosen, "bound to port 0"},
	{"release-linklocal", 21305, link_local, NULL},
	{"release-device", 21306, device, "SO_BINDTODEVICE lo"},
	{"release-udp", 21307, udp, "IPv4 and IPv6"},
	{"release-udp-chosen", 0, udp_chosen, "bound to port 0"},
	{"release-udp-connected", 21309, udp_connected, NULL},
	{"release-udplite", 21310, udplite, NULL},
	{"release-ping", 21311, ping, NULL},
	{"release-raw", 0, raw, "IPv4 and IPv6"},
	{"release-mptcp", 21312, mptcp, "listening and not"},
	{"release-sctp", 21314, sctp, "listening and not"},
	{"release-implicit", 0, implicit, "listen() without bind()"},
	{"release-implicit-no-port", 0, implicit_no_port, "IP_BIND_ADDRESS_NO_PORT"},
	{"release-implicit-mptcp", 0, implicit_mptcp, NULL},
	{"release-exit", 21316, by_exit, NULL},
	{"release-killed", 21317, killed, NULL},
	{"release-failed-start", 21318, failed_start, "listen() fails, the process exits"},
	{"release-thread", 21319, thread, NULL},
	{"release-last", 21320, last_of_two, "of two processes"},
	{"release-other-netns", 21321, other_netns, "sockets of two networks"},
	{"release-other-user", 21322, other_user, "uid 12345, gid 23456"},
	{"release-other-mntns", 21323, other_mntns, NULL},
	{"release-comm", 21324, odd_comm, "escape sequence, not UTF-8"},
	{"release-shutdown", 21325, shut_down, "keeps the port"},
	{"release-shutdown-chosen", 0, shut_down_chosen, "lets go of it"},
	{"release-disconnect-udp", 21326, disconnected_udp, "lets go of the port that the kernel chose, keeps the other"},
	{"release-disconnect-tcp", 21327, disconnected_tcp, "bound to port 0"},
	{"release-closes-first", 21328, closes_first, "TIME_WAIT"},
	{"release-closes-second", 21330, closes_second, NULL},
	{"release-resets", 21332, resets, "SO_LINGER"},
	{"release-unread", 21334, leaves_unread, "resets the connection"},
	{"release-is-reset", 21336, is_reset, "by the other end"},
	{"release-is-reset-chosen", 21338, is_reset_chosen, "bound to port 0"},
	{"release-hidden-clients", 21339, hidden_clients, "ports by connect(), accept() and sendto()"},
	{"release-hidden-unbound", 0, hidden_unbound, NULL},
	{"release-hidden-no-port", 21340, hidden_no_port, "IP_BIND_ADDRESS_NO_PORT, connect()"},
};

enum { CASES = sizeof cases / sizeof *cases };

int list_releases(bool verbose)
{
	return list_cases(cases, CASES, verbose);
}

int run_releases(int count, char **names)
{
	return run_cases(cases, CASES, count, names);
}
