// `bindtruth sockets`: sockets of every kind, kept until the end of the input, with a line for each that reports
// what is true of it. A case is a process of its own, in one private network namespace for all; several hold a
// socket together where that is the case. What a line has, beside bindtruth.h's names for the same things:
//
//   state            as BindSnoop names it
//   remoteAddress, remotePort  null if not connected
//   inode            null for a socket without a descriptor, as are options, v6only, uid
//   backlog, backlogLimit      null if not listening
//   heldBy           "Process", or what keeps a socket that no process holds
//   owners           objects of pid and fd
//
// A last line {"ready":true} follows all others.

#include "bindtruth.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef IPPROTO_L2TP
#define IPPROTO_L2TP 115
#endif

// ---- what is true

static struct { pid_t pid; int fd; } owners[8];
static int ownerCount;
static int keepOpen = -1;

static void held_by(pid_t pid, int fd)
{
	owners[ownerCount].pid = pid;
	owners[ownerCount++].fd = fd;
}

struct socket_line {
	const char *name, *state, *heldBy;
	int family, type, protocol;
	char address[INET6_ADDRSTRLEN], remoteAddress[INET6_ADDRSTRLEN];
	unsigned port, remotePort, netns;
	bool hasRemote, hasDescriptor, listening;
	unsigned long inode;
	struct socket_facts facts;
	uid_t uid;
	unsigned backlog, backlogLimit;
};

static const char *type_name(int type)
{
	return type == SOCK_STREAM ? "STREAM" : type == SOCK_DGRAM ? "DGRAM" : type == SOCK_RAW ? "RAW" : "SEQPACKET";
}

static void print_socket(const struct socket_line *line)
{
	char text[4096], remote[128] = "\"remoteAddress\":null,\"remotePort\":null", own[512] = "\"inode\":null,\"options\":null,\"v6only\":null,\"ifindex\":null,\"uid\":null";
	char backlog[64] = "\"backlog\":null,\"backlogLimit\":null", holders[256] = "";
	if (line->hasRemote)
		snprintf(remote, sizeof remote, "\"remoteAddress\":\"%s\",\"remotePort\":%u", line->remoteAddress, line->remotePort);
	if (line->hasDescriptor)
		snprintf(own, sizeof own, "\"inode\":%lu,\"options\":\"%s\",\"v6only\":%s,\"ifindex\":%u,\"uid\":%u", line->inode,
			line->facts.options, line->facts.v6only ? "true" : "false", line->facts.ifindex, (unsigned)line->uid);
	if (line->listening)
		snprintf(backlog, sizeof backlog, "\"backlog\":%u,\"backlogLimit\":%u", line->backlog, line->backlogLimit);
	for (int i = 0; i < ownerCount; i++) {
		size_t used = strlen(holders);
		snprintf(holders + used, sizeof holders - used, "%s{\"pid\":%d,\"fd\":%d}", i > 0 ? "," : "", (int)owners[i].pid, owners[i].fd);
	}
	snprintf(text, sizeof text, "{\"case\":\"%s\",\"protocol\":%d,\"family\":\"%s\",\"type\":\"%s\",\"address\":\"%s\",\"port\":%u,%s,"
		"\"state\":\"%s\",\"netns\":%u,%s,%s,\"heldBy\":\"%s\",\"owners\":[%s]}\n", line->name, line->protocol,
		line->family == AF_INET6 ? "IPv6" : "IPv4", type_name(line->type), line->address, line->port, remote, line->state, line->netns,
		own, backlog, line->heldBy, holders);
	print_text(text);
	ownerCount = 0;
}

// A socket that a descriptor of the caller's leads to, whoever holds it.
static void show_as(const char *name, int fd, const char *state, const char *heldBy)
{
	struct socket_line line = {.name = name, .state = state, .heldBy = heldBy, .hasDescriptor = true, .netns = own_netns()};
	struct sockaddr_storage address = {0};
	socklen_t length = sizeof address;
	struct stat status;
	read_socket(fd, &line.facts);
	line.family = line.facts.family;
	line.type = line.facts.type;
	line.protocol = line.facts.protocol;
	getsockname(fd, (struct sockaddr *)&address, &length);
	text_of(&address, line.address, &line.port);
	if (line.type == SOCK_RAW || line.protocol == IPPROTO_L2TP)
		line.port = 0;
	length = sizeof address;
	memset(&address, 0, sizeof address);
	if (getpeername(fd, (struct sockaddr *)&address, &length) == 0)
		line.hasRemote = text_of(&address, line.remoteAddress, &line.remotePort);
	fstat(fd, &status);
	line.inode = status.st_ino;
	line.uid = status.st_uid;
	line.listening = strcmp(state, "Listen") == 0;
	struct tcp_info info;
	length = sizeof info;
	if (line.listening && getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0) {
		line.backlog = info.tcpi_unacked;
		line.backlogLimit = info.tcpi_sacked;
	}
	print_socket(&line);
}

static void show(const char *name, int fd, const char *state)
{
	if (ownerCount == 0)
		held_by(getpid(), fd);
	show_as(name, fd, state, "Process");
}

// The same where the backlog cannot be requested, but is known.
static void show_listening(const char *name, int fd, unsigned backlog, unsigned limit)
{
	struct socket_line line = {.name = name, .state = "Listen", .heldBy = "Process", .hasDescriptor = true, .netns = own_netns(),
		.listening = true, .backlog = backlog, .backlogLimit = limit};
	struct sockaddr_storage address = {0};
	socklen_t length = sizeof address;
	struct stat status;
	read_socket(fd, &line.facts);
	line.family = line.facts.family;
	line.type = line.facts.type;
	line.protocol = line.facts.protocol;
	getsockname(fd, (struct sockaddr *)&address, &length);
	text_of(&address, line.address, &line.port);
	fstat(fd, &status);
	line.inode = status.st_ino;
	line.uid = status.st_uid;
	held_by(getpid(), fd);
	print_socket(&line);
}

// One without a descriptor.
static void show_bare(const char *name, const char *address, unsigned port, const char *remote, unsigned remotePort, const char *state,
	const char *heldBy)
{
	struct socket_line line = {.name = name, .state = state, .heldBy = heldBy, .netns = own_netns(), .port = port,
		.type = remote != NULL ? SOCK_STREAM : SOCK_DGRAM, .protocol = remote != NULL ? IPPROTO_TCP : IPPROTO_UDP,
		.hasRemote = remote != NULL, .remotePort = remotePort, .family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET};
	snprintf(line.address, sizeof line.address, "%s", address);
	snprintf(line.remoteAddress, sizeof line.remoteAddress, "%s", remote != NULL ? remote : "");
	print_socket(&line);
}

// ---- making them

static pid_t fork_holder(void)
{
	pid_t child = fork();
	if (child != 0)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

static _Noreturn void *wait_forever(void *unused)
{
	(void)unused;
	for (;;)
		pause();
}

// ---- the cases

static void tcp_listen(void) { show("tcp4-listen", listening("127.0.0.1", 2001, 7), "Listen"); }
static void tcp_listen_any(void) { show("tcp4-listen-any", listening("0.0.0.0", 2002, 128), "Listen"); }
static void tcp_listen_dual(void) { show("tcp6-listen-dual", listening("::", 2004, 9), "Listen"); }
static void tcp_listen_specific(void) { show("tcp6-listen-specific", listening("::1", 2005, 9), "Listen"); }
static void tcp_listen_mapped(void) { show("tcp6-listen-mapped", listening("::ffff:127.0.0.1", 2105, 9), "Listen"); }
static void tcp_bound(void) { show("tcp4-bound", bound("127.0.0.1", 2006, SOCK_STREAM, 0), "Bound"); }
static void tcp6_bound(void) { show("tcp6-bound", bound("::1", 2007, SOCK_STREAM, 0), "Bound"); }
static void tcp_bound_port0(void) { show("tcp4-bound-port0", bound("127.0.0.1", 0, SOCK_STREAM, 0), "Bound"); }

static void tcp_listen_v6only(void)
{
	int fd = open_for("::", SOCK_STREAM, 0);
	set(fd, SOL_IPV6, IPV6_V6ONLY, 1);
	bind_to(fd, "::", 2003);
	listen(fd, 9);
	show("tcp6-listen-v6only", fd, "Listen");
}

static void tcp_established(void)
{
	int listener = listening("127.0.0.1", 2008, 5), client = bound("127.0.0.1", 2009, SOCK_STREAM, 0);
	connect_to(client, "127.0.0.1", 2008);
	int server = accept_one(listener);
	show("tcp4-established-bound", client, "Established");
	show("tcp4-established-server", server, "Established");
	int other = open_for("127.0.0.1", SOCK_STREAM, 0);
	connect_to(other, "127.0.0.1", 2008);
	accept_one(listener);
	show("tcp4-established-autobound", other, "Established");
	other = open_for("127.0.0.1", SOCK_STREAM, 0);
	connect_to(other, "127.0.0.1", 2008);
	close(accept_one(listener));
	usleep(20000);
	show("tcp4-close-wait", other, "CloseWait");
}

static void tcp_mapped_server(void)
{
	int listener = listening("::", 2010, 5), client = open_for("127.0.0.1", SOCK_STREAM, 0);
	connect_to(client, "127.0.0.1", 2010);
	show("tcp6-established-mapped", accept_one(listener), "Established");
}

static void tcp_accept_queue(void)
{
	int listener = listening("127.0.0.1", 2011, 5);
	connect_to(bound("127.0.0.1", 2111, SOCK_STREAM, 0), "127.0.0.1", 2011);
	usleep(20000);
	show("tcp4-listen-backlog", listener, "Listen");
	show_bare("tcp4-accept-queue", "127.0.0.1", 2011, "127.0.0.1", 2111, "Established", "AcceptQueue");
}

static void tcp_time_wait(void)
{
	int listener = listening("127.0.0.1", 2113, 5), client = bound("127.0.0.1", 2012, SOCK_STREAM, 0);
	connect_to(client, "127.0.0.1", 2113);
	int server = accept_one(listener);
	close(client);
	usleep(20000);
	close(server);
	usleep(20000);
	show_bare("tcp4-time-wait", "127.0.0.1", 2012, "127.0.0.1", 2113, "TimeWait", "TimeWait");
	int listener6 = listening("::1", 2212, 5), client6 = bound("::1", 2312, SOCK_STREAM, 0);
	connect_to(client6, "::1", 2212);
	server = accept_one(listener6);
	close(client6);
	usleep(20000);
	close(server);
	usleep(20000);
	show_bare("tcp6-time-wait", "::1", 2312, "::1", 2212, "TimeWait", "TimeWait");
}

static void tcp_orphan(void)
{
	int listener = listening("127.0.0.1", 2114, 5);
	int client = bound("127.0.0.1", 2013, SOCK_STREAM, 0);
	connect_to(client, "127.0.0.1", 2114);
	accept_one(listener);
	close(client);
	usleep(20000);
	show_bare("tcp4-orphan", "127.0.0.1", 2013, "127.0.0.1", 2114, "FinWait2", "Orphan");
}

static void tcp_syn_sent(void)
{
	// A listener whose queue is full does not answer.
	listening("127.0.0.1", 2115, 0);
	connect_to(open_for("127.0.0.1", SOCK_STREAM, 0), "127.0.0.1", 2115);
	int fd = bound("127.0.0.1", 2014, SOCK_STREAM, 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	connect_to(fd, "127.0.0.1", 2115);
	// getpeername() knows no other end yet.
	struct socket_line line = {.name = "tcp4-syn-sent", .state = "SynSent", .heldBy = "Process", .hasDescriptor = true, .netns = own_netns(),
		.family = AF_INET, .type = SOCK_STREAM, .protocol = IPPROTO_TCP, .address = "127.0.0.1", .port = 2014, .hasRemote = true,
		.remoteAddress = "127.0.0.1", .remotePort = 2115};
	struct stat status;
	fstat(fd, &status);
	line.inode = status.st_ino;
	read_socket(fd, &line.facts);
	held_by(getpid(), fd);
	print_socket(&line);
}

static void tcp_closed_listener(void)
{
	int listener = listening("127.0.0.1", 2056, 5), client = open_for("127.0.0.1", SOCK_STREAM, 0);
	connect_to(client, "127.0.0.1", 2056);
	int server = accept_one(listener);
	close(listener);
	show("tcp4-child-of-closed-listener", server, "Established");
}

static void udp_bound(void) { show("udp4-bound", bound("127.0.0.1", 2016, SOCK_DGRAM, 0), "Unconnected"); }
static void udp_dual(void) { show("udp6-dual", bound("::", 2017, SOCK_DGRAM, 0), "Unconnected"); }

static void udp_connected(void)
{
	int fd = bound("127.0.0.1", 2018, SOCK_DGRAM, 0);
	connect_to(fd, "127.0.0.1", 9);
	show("udp4-connected", fd, "Established");
	fd = open_for("127.0.0.1", SOCK_DGRAM, 0);
	connect_to(fd, "127.0.0.1", 9);
	show("udp4-autobound-connect", fd, "Established");
	struct place place = place_of("127.0.0.1", 9);
	fd = open_for("127.0.0.1", SOCK_DGRAM, 0);
	sendto(fd, "x", 1, 0, (struct sockaddr *)&place.address, (socklen_t)place.length);
	show("udp4-autobound-send", fd, "Unconnected");
}

static void udplite(void) { show("udplite4-bound", bound("127.0.0.1", 2019, SOCK_DGRAM, IPPROTO_UDPLITE), "Unconnected"); }
static void udplite6(void) { show("udplite6-bound", bound("::1", 2119, SOCK_DGRAM, IPPROTO_UDPLITE), "Unconnected"); }
static void raw_bound(void) { show("raw4-icmp-bound", bound("127.0.0.1", 0, SOCK_RAW, IPPROTO_ICMP), "Unconnected"); }
static void raw6_bound(void) { show("raw6-bound", bound("::1", 0, SOCK_RAW, 253), "Unconnected"); }
static void raw_unbound(void) { show("raw4-unbound", open_for("127.0.0.1", SOCK_RAW, 254), "Unconnected"); }

static void ping(void)
{
	write_file("/proc/sys/net/ipv4/ping_group_range", "0 2147483647");
	show("ping4-bound", bound("127.0.0.1", 2021, SOCK_DGRAM, IPPROTO_ICMP), "Unconnected");
	show("ping6-bound", bound("::1", 2121, SOCK_DGRAM, IPPROTO_ICMPV6), "Unconnected");
}

static void mptcp(void)
{
	int listener = bound("127.0.0.1", 2022, SOCK_STREAM, IPPROTO_MPTCP);
	listen(listener, 6);
	show_listening("mptcp4-listen", listener, 0, 6);
	int client = bound("127.0.0.1", 2122, SOCK_STREAM, IPPROTO_MPTCP);
	connect_to(client, "127.0.0.1", 2022);
	int server = accept_one(listener);
	show("mptcp4-established-client", client, "Established");
	show("mptcp4-established-server", server, "Established");
	show("mptcp6-bound", bound("::", 2023, SOCK_STREAM, IPPROTO_MPTCP), "Bound");
}

static void sctp(void)
{
	int fd = bound("127.0.0.1", 2043, SOCK_STREAM, IPPROTO_SCTP);
	listen(fd, 4);
	show_listening("sctp4-listen", fd, 0, 4);
	show("sctp6-seqpacket-bound", bound("::", 2044, SOCK_SEQPACKET, IPPROTO_SCTP), "Bound");
}

static void l2tp(void) { show("l2tp4-bound", bound("127.0.0.1", 77, SOCK_DGRAM, IPPROTO_L2TP), "Unconnected"); }

static void option_case(const char *name, const char *letters, const char *address, unsigned port, bool listens)
{
	int fd = open_for(address, SOCK_STREAM, 0);
	set_options(fd, letters);
	bind_to(fd, address, port);
	if (listens)
		listen(fd, 3);
	show(name, fd, listens ? "Listen" : "Bound");
}

static void option_freebind(void) { option_case("option-freebind", "F", "192.0.2.7", 2039, true); }
static void option_transparent(void) { option_case("option-transparent", "T", "192.0.2.8", 2040, false); }
static void option_no_port(void) { option_case("option-no-port", "N", "127.0.0.1", 0, false); }
static void option_no_port6(void) { option_case("option-no-port6", "N", "::1", 0, false); }
static void option_reuse_address(void) { option_case("option-reuse-address", "R", "127.0.0.1", 2042, true); }
static void option_all(void) { option_case("option-all", "FTNRr", "127.0.0.1", 2241, true); }

static void option_device(void)
{
	int fd = open_for("0.0.0.0", SOCK_STREAM, 0);
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3) != 0)
		skip("SO_BINDTODEVICE: %s", error_name(errno));
	bind_to(fd, "0.0.0.0", 2038);
	listen(fd, 3);
	show("option-device", fd, "Listen");
}

static void reuse_port(const char *name, int type, unsigned port)
{
	int fd = open_for("127.0.0.1", type, 0);
	set_options(fd, "r");
	bind_to(fd, "127.0.0.1", port);
	if (type == SOCK_STREAM)
		listen(fd, 5);
	show(name, fd, type == SOCK_STREAM ? "Listen" : "Unconnected");
}

static void reuse_port_tcp1(void) { reuse_port("reuseport-tcp-1", SOCK_STREAM, 2024); }
static void reuse_port_tcp2(void) { reuse_port("reuseport-tcp-2", SOCK_STREAM, 2024); }
static void reuse_port_udp1(void) { reuse_port("reuseport-udp-1", SOCK_DGRAM, 2025); }
static void reuse_port_udp2(void) { reuse_port("reuseport-udp-2", SOCK_DGRAM, 2025); }

static void shared_by_three(void)
{
	int fd = listening("127.0.0.1", 2026, 3);
	held_by(getpid(), fd);
	held_by(fork_holder(), fd);
	held_by(fork_holder(), fd);
	show("shared-by-three", fd, "Listen");
}

static void two_descriptors(void)
{
	int fd = listening("127.0.0.1", 2145, 3);
	held_by(getpid(), fd);
	held_by(getpid(), dup2(fd, 300));
	char path[64];
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	// Shows as a socket in /proc, and is none.
	if (open(path, O_PATH | O_CLOEXEC) < 0)
		skip("O_PATH: %s", error_name(errno));
	show("two-descriptors", fd, "Listen");
}

static void passed(void)
{
	int pair[2];
	socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair);
	int fd = listening("127.0.0.1", 2027, 3), ready[2];
	if (pipe(ready) != 0)
		skip("pipe: %s", error_name(errno));
	send_descriptor(pair[0], fd);
	close(fd);
	fflush(NULL);
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fd = receive_descriptor(pair[1]);
		show("passed", fd, "Listen");
		close(ready[1]);
		wait_forever(NULL);
	}
	close(ready[1]);
	char byte;
	if (read(ready[0], &byte, 1) < 0)
		skip("read: %s", error_name(errno));
}

static void in_flight(void)
{
	int pair[2];
	socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair);
	int fd = listening("127.0.0.1", 2031, 3);
	send_descriptor(pair[0], fd);
	show_as("in-flight-tcp", fd, "Listen", "InFlight");
	close(fd);
	fd = bound("127.0.0.1", 2231, SOCK_STREAM, 0);
	send_descriptor(pair[0], fd);
	show_as("in-flight-tcp-bound", fd, "Bound", "InFlight");
	close(fd);
	fd = bound("127.0.0.1", 2232, SOCK_DGRAM, 0);
	send_descriptor(pair[0], fd);
	show_as("in-flight-udp", fd, "Unconnected", "InFlight");
	close(fd);
	fd = bound("127.0.0.1", 0, SOCK_RAW, 250);
	send_descriptor(pair[0], fd);
	show_as("in-flight-raw", fd, "Unconnected", "InFlight");
	close(fd);
}

static void mptcp_in_flight(void)
{
	int pair[2];
	socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair);
	int fd = bound("127.0.0.1", 2233, SOCK_STREAM, IPPROTO_MPTCP);
	if (listen(fd, 3) != 0)
		skip("listen: %s", error_name(errno));
	send_descriptor(pair[0], fd);
	show_as("in-flight-mptcp", fd, "Listen", "InFlight");
	close(fd);
}

static void registered(void)
{
	struct io_uring_params parameters = {0};
	int ring = (int)syscall(SYS_io_uring_setup, 4, &parameters);
	if (ring < 0)
		skip("io_uring_setup: %s", error_name(errno));
	int fd = listening("127.0.0.1", 2032, 3);
	if (syscall(SYS_io_uring_register, ring, IORING_REGISTER_FILES, &fd, 1) != 0)
		skip("IORING_REGISTER_FILES: %s", error_name(errno));
	show_as("io-uring-registered", fd, "Listen", "InFlight");
	close(fd);
}

static void netns_of_process(void)
{
	new_netns();
	show("netns-of-process", listening("0.0.0.0", 2001, 3), "Listen");
	show("netns-of-process-bound", bound("0.0.0.0", 2130, SOCK_STREAM, 0), "Bound");
	show("netns-of-process-udp6", bound("::", 2030, SOCK_DGRAM, 0), "Unconnected");
}

static void netns_of_socket(void)
{
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	new_netns();
	show("netns-of-socket", listening("0.0.0.0", 2029, 3), "Listen");
	show("netns-of-socket-udp", bound("::", 2129, SOCK_DGRAM, 0), "Unconnected");
	int pair[2];
	socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair);
	new_netns();
	int fd = listening("0.0.0.0", 2329, 3);
	send_descriptor(pair[0], fd);
	show_as("netns-in-flight", fd, "Listen", "InFlight");
	close(fd);
	if (setns(home, CLONE_NEWNET) != 0)
		skip("setns: %s", error_name(errno));
	close(home);
}

static void *thread_in_netns(void *done)
{
	new_netns();
	show("netns-of-thread", listening("0.0.0.0", 2046, 3), "Listen");
	close(*(int *)done);
	return wait_forever(NULL);
}

static void *thread_with_files(void *done)
{
	int out = *(int *)done;
	if (unshare(CLONE_FILES) != 0)
		skip("unshare: %s", error_name(errno));
	int fd = listening("127.0.0.1", 2034, 3);
	dup2(fd, 500);
	close(fd);
	held_by(getpid(), 500);
	show("thread-with-own-files", 500, "Listen");
	if (write(out, "x", 1) != 1)
		skip("write: %s", error_name(errno));
	return wait_forever(NULL);
}

static void in_thread(void *(*body)(void *))
{
	int ends[2];
	char byte;
	pthread_t thread;
	if (pipe(ends) != 0 || pthread_create(&thread, NULL, body, &ends[1]) != 0)
		skip("a thread: %s", error_name(errno));
	if (read(ends[0], &byte, 1) < 0)
		skip("read: %s", error_name(errno));
}

static void netns_of_thread(void) { in_thread(thread_in_netns); }
static void thread_own_files(void) { in_thread(thread_with_files); }

static void shared_table(void)
{
	int fd = listening("127.0.0.1", 2147, 3);
	pid_t other = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
	if (other == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		wait_forever(NULL);
	}
	held_by(getpid(), fd);
	held_by(other, fd);
	show("shared-table", fd, "Listen");
}

static void other_user(void)
{
	become(1000, 1000);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	show("other-user", listening("127.0.0.1", 2037, 3), "Listen");
	show("other-user-udp", bound("127.0.0.1", 2137, SOCK_DGRAM, 0), "Unconnected");
}

static void nested_pidns(void)
{
	int ready[2];
	char byte;
	if (pipe(ready) != 0 || unshare(CLONE_NEWPID) != 0)
		skip("unshare: %s", error_name(errno));
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		int fd = listening("127.0.0.1", 2036, 3);
		char self[32] = "";
		// The /proc mounted here is the outer one.
		if (readlink("/proc/self", self, sizeof self - 1) > 0)
			held_by(atoi(self), fd);
		show("nested-pidns", fd, "Listen");
		close(ready[1]);
		wait_forever(NULL);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) < 0)
		skip("read: %s", error_name(errno));
}

static int leaderDone;
static void *survive(void *unused)
{
	(void)unused;
	usleep(100000);
	if (write(leaderDone, "x", 1) != 1)
		_exit(74);
	return wait_forever(NULL);
}

static void zombie_leader(void)
{
	pthread_t thread;
	show("zombie-leader", listening("127.0.0.1", 2035, 3), "Listen");
	leaderDone = keepOpen;
	if (pthread_create(&thread, NULL, survive, NULL) != 0)
		skip("a thread: %s", error_name(errno));
	syscall(SYS_exit, 0);
}

static void hostile_name(void)
{
	prctl(PR_SET_NAME, "\033[31m\n\xff\"");
	show("hostile-name", listening("127.0.0.1", 2148, 3), "Listen");
}

static void (*const s_cases[])(void) = {
	tcp_listen, tcp_listen_any, tcp_listen_v6only, tcp_listen_dual, tcp_listen_specific, tcp_listen_mapped, tcp_bound, tcp6_bound,
	tcp_bound_port0, tcp_established, tcp_mapped_server, tcp_accept_queue, tcp_time_wait, tcp_orphan, tcp_syn_sent,
	tcp_closed_listener, udp_bound, udp_dual, udp_connected, udplite, udplite6, raw_bound, raw6_bound, raw_unbound, ping, mptcp, sctp, l2tp,
	option_freebind, option_transparent, option_no_port, option_no_port6, option_reuse_address, option_all, option_device,
	reuse_port_tcp1, reuse_port_tcp2, reuse_port_udp1, reuse_port_udp2, shared_by_three, two_descriptors, passed, in_flight,
	mptcp_in_flight, registered,
	netns_of_process, netns_of_socket, netns_of_thread, thread_own_files, shared_table, other_user, nested_pidns, zombie_leader, hostile_name,
};

int run_sockets(void)
{
	if (geteuid() == 0)
		enter_private_network();
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < sizeof s_cases / sizeof *s_cases; i++) {
		int done[2];
		char byte, name[32];
		if (pipe(done) != 0)
			return 71;
		snprintf(name, sizeof name, "number %zu", i);
		currentCase = name;
		pid_t child = fork();
		if (child == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			close(done[0]);
			keepOpen = done[1];
			s_cases[i]();
			if (write(done[1], "x", 1) != 1)
				_exit(74);
			wait_forever(NULL);
		}
		close(done[1]);
		if (child < 0 || read(done[0], &byte, 1) < 0)
			return 71;
		close(done[0]);
	}
	print_text("{\"ready\":true}\n");
	char rest[64];
	while (read(STDIN_FILENO, rest, sizeof rest) > 0)
		;
	// The others end with their parent.
	return 0;
}

// ---- sockets that come and go

enum { SLOTS = 4, PORTS_OF_SLOT = 1000, FIRST_PORT = 20000 };

// What a socket of a port is like follows from the port alone, so that a mixture of two shows.
static void churn_once(unsigned port)
{
	char address[32];
	bool datagram = port % 3 == 0;
	snprintf(address, sizeof address, "127.0.%u.%u", port >> 8, port & 255);
	int fd = socket(AF_INET, (datagram ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	int odd = port % 2 == 1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &odd, sizeof odd);
	struct place place = place_of(address, port);
	if (bind(fd, (struct sockaddr *)&place.address, (socklen_t)place.length) == 0 && !datagram && port % 5 != 0)
		listen(fd, (int)(port % 100) + 1);
	if (port % 7 == 0)
		usleep(200);
	close(fd);
}

static void churn_slot(unsigned slot)
{
	char name[16];
	snprintf(name, sizeof name, "churn-%u", slot);
	prctl(PR_SET_NAME, name);
	// Each process is soon followed by another, and the numbers of descriptors and addresses of sockets are used again.
	for (unsigned i = 0;; i++) {
		pid_t child = fork();
		if (child == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (unsigned j = 0; j < 200; j++)
				churn_once(FIRST_PORT + slot * PORTS_OF_SLOT + (i * 200 + j) % PORTS_OF_SLOT);
			_exit(0);
		}
		waitpid(child, NULL, 0);
	}
}

int run_socket_churn(void)
{
	if (geteuid() == 0)
		enter_private_network();
	for (unsigned slot = 0; slot < SLOTS; slot++)
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			churn_slot(slot);
		}
	char text[64];
	snprintf(text, sizeof text, "%u\n", own_netns());
	print_text(text);
	while (read(STDIN_FILENO, text, sizeof text) > 0)
		;
	return 0;
}

// ---- many

// Ten kinds of sockets in turn: listening, bound, for datagrams, and both ends of a connection.
static void crowd_member(unsigned number, unsigned sockets)
{
	char address[32];
	int listener = -1;
	snprintf(address, sizeof address, "127.1.%u.%u", number >> 8 & 255, number & 255);
	for (unsigned i = 0; i < sockets; i++) {
		int fd = i % 10 == 9 ? accept_one(listener) : bound(address, 1000 + i, i % 10 == 6 || i % 10 == 7 ? SOCK_DGRAM : SOCK_STREAM, 0);
		if (i % 10 < 4) {
			listen(fd, 16);
			listener = fd;
		} else if (i % 10 == 8) {
			connect_to(fd, address, 1000 + i - 5);
		}
	}
	// As processes have other files open, too.
	for (int i = 0; i < 15; i++)
		open("/dev/null", O_RDONLY);
}

int run_socket_crowd(unsigned long processes, unsigned long sockets)
{
	if (geteuid() == 0)
		enter_private_network();
	for (unsigned long i = 0; i < processes; i++) {
		int done[2];
		char byte;
		if (pipe(done) != 0)
			return 71;
		pid_t child = fork();
		if (child == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			crowd_member((unsigned)i, (unsigned)sockets);
			if (write(done[1], "x", 1) != 1)
				_exit(74);
			wait_forever(NULL);
		}
		close(done[1]);
		if (child < 0 || read(done[0], &byte, 1) != 1)
			return 71;
		close(done[0]);
	}
	print_text("{\"ready\":true}\n");
	char rest[64];
	while (read(STDIN_FILENO, rest, sizeof rest) > 0)
		;
	return 0;
}
