// `bindtruth why [CASE...]`: binds that fail, each with what is in its way, and binds like them that do not. A case is a
// process of its own in a network namespace of its own; what it has made stays until a line of the input, or its end, has
// been read. A case prints a line for each bind, and after the last {"ready":CASE}:
//
//   pid, inode, netns, uid     of the socket; uid is who made it, inode 0 without a socket
//   protocol, address, port, v6only, reuseAddress, reusePort, ifindex    of the bind, as it was asked for
//   traced           whether bind() is the call that fails, and not listen()
//   asked            whether the same question can be asked without a call: all of its reasons outlast the call
//   expected, error, errorName  the error that the case is made for, and the one that came; 0 and null on success
//   cause            as BindSnoop names it; "" on success
//   holders          the sockets at fault, and no others: objects of heldBy as BindSnoop names it, pids, and inode,
//                    which is null for sockets that nobody has a descriptor of
//   fleeting         the holder is closed as soon as the bind has failed
//
// A bind that succeeds is undone before the next line.

#include "bindtruth.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE 51
#endif

enum { PORT = 2000, OTHER = 1000 };

// ---- what is true

struct holder {
	pid_t pids[4];
	int count;
	unsigned long inode; // 0: nobody has a descriptor
	const char *by;
};

static struct holder holders[8];
static int holderCount;
static bool silent, passing, fleeting;

static int life = -1; // ends with the case

static _Noreturn void *stay(void *unused)
{
	char byte;
	(void)unused;
	while (read(life, &byte, 1) > 0 || errno == EINTR)
		;
	_exit(0);
}

static pid_t own_pid(void)
{
	// The /proc mounted here is the outer one, in whichever namespace of processes this is.
	char self[32] = "";
	return readlink("/proc/self", self, sizeof self - 1) > 0 ? atoi(self) : getpid();
}

static unsigned long inode_of(int fd)
{
	struct stat status;
	return fstat(fd, &status) == 0 ? status.st_ino : 0;
}

static uid_t user_of(int fd)
{
	struct stat status;
	return fstat(fd, &status) == 0 ? status.st_uid : 0;
}

static void blame_as(const char *by, unsigned long inode, pid_t pid)
{
	struct holder *holder = &holders[holderCount++];
	holder->by = by;
	holder->inode = inode;
	holder->count = pid != 0;
	holder->pids[0] = pid;
}

static void blame(int fd) { blame_as("Process", inode_of(fd), own_pid()); }

static void print_holders(char *text, size_t size)
{
	size_t used = 0;
	text[0] = 0;
	for (int i = 0; i < holderCount; i++) {
		used += (size_t)snprintf(text + used, size - used, "%s{\"heldBy\":\"%s\",\"pids\":[", i > 0 ? "," : "", holders[i].by);
		for (int j = 0; j < holders[i].count; j++)
			used += (size_t)snprintf(text + used, size - used, "%s%d", j > 0 ? "," : "", (int)holders[i].pids[j]);
		used += (size_t)snprintf(text + used, size - used, "],\"inode\":");
		used += (size_t)snprintf(text + used, size - used, holders[i].inode != 0 ? "%lu}" : "null}", holders[i].inode);
	}
}

static void tell(int fd, const char *address, unsigned port, int expected, int error, const char *cause)
{
	struct socket_facts facts;
	char text[4096], at_fault[1024], name[32] = "null";
	read_socket(fd, &facts);
	print_holders(at_fault, sizeof at_fault);
	if (error != 0)
		snprintf(name, sizeof name, "\"%s\"", error_name(error));
	snprintf(text, sizeof text, "{\"case\":\"%s\",\"pid\":%d,\"inode\":%lu,\"netns\":%lu,\"uid\":%u,\"protocol\":%d,\"address\":\"%s\",\"port\":%u,"
		"\"v6only\":%s,\"reuseAddress\":%s,\"reusePort\":%s,\"ifindex\":%u,\"traced\":%s,\"asked\":%s,\"fleeting\":%s,\"expected\":%d,"
		"\"error\":%d,\"errorName\":%s,\"cause\":\"%s\",\"holders\":[%s]}\n",
		currentCase, (int)own_pid(), (unsigned long)facts.inode, (unsigned long)facts.netns, (unsigned)user_of(fd), facts.protocol,
		address, port, facts.v6only ? "true" : "false", facts.options[3] == 'R' ? "true" : "false", facts.options[4] == 'r' ? "true" : "false",
		facts.ifindex, silent ? "false" : "true", passing ? "false" : "true", fleeting ? "true" : "false", expected, error, name, cause, at_fault);
	print_text(text);
	holderCount = 0;
}

// Binds as nobody should, with an address that place_of() would not make.
static void bind_raw(int fd, const void *raw, int length, const char *address, unsigned port, int expected, const char *cause)
{
	int error = syscall(SYS_bind, fd, raw, length) == 0 ? 0 : errno;
	tell(fd, address, port, expected, error, cause);
	if (error == 0)
		close(fd);
}

static void refused(int fd, const char *address, unsigned port, int expected, const char *cause)
{
	struct place place = place_of(address, port);
	bind_raw(fd, &place.address, place.length, address, port, expected, cause);
}

static void allowed(int fd, const char *address, unsigned port) { refused(fd, address, port, 0, ""); }

// ---- others

static int answerPipe = -1; // through which another process says what it holds

struct other {
	pid_t pid;
	unsigned long inode;
};

// A process that makes a socket and keeps it.
static struct other other_process(int (*make)(void))
{
	struct other other;
	int ends[2];
	if (pipe(ends) != 0)
		skip("pipe: %s", error_name(errno));
	if (fork() == 0) {
		close(ends[0]);
		answerPipe = ends[1];
		other.inode = inode_of(make());
		other.pid = own_pid();
		if (write(ends[1], &other, sizeof other) != sizeof other)
			_exit(74);
		close(ends[1]);
		stay(NULL);
	}
	close(ends[1]);
	// One that could not has said so.
	if (read(ends[0], &other, sizeof other) != sizeof other)
		_exit(0);
	close(ends[0]);
	return other;
}

static void blame_other(int (*make)(void))
{
	struct other other = other_process(make);
	blame_as("Process", other.inode, other.pid);
}

static int same_listening(void) { return listening("127.0.0.1", PORT, 5); }

static int tcp4(void) { return open_for("127.0.0.1", SOCK_STREAM, 0); }

static int tcp4_with(const char *letters)
{
	int fd = tcp4();
	set_options(fd, letters);
	return fd;
}

static int udp4_with(const char *letters)
{
	int fd = open_for("127.0.0.1", SOCK_DGRAM, 0);
	set_options(fd, letters);
	return fd;
}

static int with_bound(int fd, const char *address, unsigned port)
{
	bind_to(fd, address, port);
	return fd;
}

static int with_listening(int fd, const char *address, unsigned port)
{
	bind_to(fd, address, port);
	if (listen(fd, 5) != 0)
		skip("listen: %s", error_name(errno));
	return fd;
}

// ---- pairs: a holder, and one bind

enum state { HOLDS, LISTENS, CONNECTS, WAITS };

struct side {
	const char *address;
	const char *letters; // of set_options(), 6 for IPV6_V6ONLY, and - to clear the SO_REUSEADDR that sockets of ping begin with
	enum state state;
	int protocol; // 0: TCP
	const char *device;
	uid_t maker;
};

struct pair {
	const char *name;
	struct side holder, binder;
	int expected;
	const char *cause;
};

static int type_of(int protocol)
{
	return protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE || protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6 ? SOCK_DGRAM
		: protocol == IPPROTO_RAW || protocol == 253 ? SOCK_RAW : SOCK_STREAM;
}

static int make_side(const struct side *side)
{
	const char *letters = side->letters != NULL ? side->letters : "";
	if (side->maker != 0)
		setfsuid(side->maker);
	int fd = open_for(side->address, type_of(side->protocol), side->protocol);
	if (side->maker != 0)
		setfsuid(0);
	if (side->maker != 0 && user_of(fd) != side->maker)
		skip("a socket of another user can be made by root alone");
	set_options(fd, letters);
	if (strchr(letters, '6') != NULL)
		set(fd, SOL_IPV6, IPV6_V6ONLY, 1);
	if (strchr(letters, '-') != NULL)
		set(fd, SOL_SOCKET, SO_REUSEADDR, 0);
	if (side->device != NULL && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, side->device, (socklen_t)strlen(side->device)) != 0)
		skip("SO_BINDTODEVICE: %s", error_name(errno));
	return fd;
}

// Connects a bound socket to a listener that is closed, and closes both ends if they are to wait.
static void connect_side(int fd, const struct side *side)
{
	bool six = strchr(side->address, ':') != NULL;
	const char *there = six ? "::1" : "127.0.0.1";
	struct sockaddr_storage address;
	socklen_t length = sizeof address;
	char text[INET6_ADDRSTRLEN], end;
	unsigned port;
	int listener = listening(there, 0, 5);
	getsockname(listener, (struct sockaddr *)&address, &length);
	text_of(&address, text, &port);
	connect_to(fd, there, port);
	int peer = accept_one(listener);
	close(listener);
	if (side->state != WAITS)
		return;
	shutdown(fd, SHUT_WR);
	if (read(peer, &end, 1) != 0)
		skip("the end of a connection was not read");
	close(peer);
	if (read(fd, &end, 1) != 0)
		skip("the end of a connection was not read");
	close(fd);
}

static void run_pair(const struct pair *pair)
{
	if ((pair->holder.device != NULL && strcmp(pair->holder.device, "other") == 0) ||
		(pair->binder.device != NULL && strcmp(pair->binder.device, "other") == 0))
		create_device("other");
	if (pair->holder.protocol == IPPROTO_ICMP)
		write_file("/proc/sys/net/ipv4/ping_group_range", "0 2147483647");
	int holder = make_side(&pair->holder);
	bind_to(holder, pair->holder.address, PORT);
	unsigned long inode = inode_of(holder);
	if (pair->holder.state == LISTENS && listen(holder, 5) != 0)
		skip("listen: %s", error_name(errno));
	if (pair->holder.state >= CONNECTS)
		connect_side(holder, &pair->holder);
	int binder = make_side(&pair->binder);
	if (pair->expected != 0 && pair->holder.state == WAITS)
		blame_as("TimeWait", 0, 0);
	else if (pair->expected != 0)
		blame_as("Process", inode, own_pid());
	refused(binder, pair->binder.address, PORT, pair->expected, pair->cause);
}

#define INUSE EADDRINUSE
#define AT(text) .address = text
#define SET(text) .letters = text
#define ON(text) .device = text
#define OTHERS .maker = OTHER
#define LISTENING .state = LISTENS
#define CONNECTED .state = CONNECTS
#define WAITING .state = WAITS
#define UDP .protocol = IPPROTO_UDP
#define UDPLITE .protocol = IPPROTO_UDPLITE
#define MPTCP .protocol = IPPROTO_MPTCP
#define SCTP .protocol = IPPROTO_SCTP
#define PING .protocol = IPPROTO_ICMP
#define RAW .protocol = 253

static const struct pair s_pairs[] = {
	// Addresses
	{"tcp4-same", {AT("127.0.0.1"), LISTENING}, {AT("127.0.0.1")}, INUSE, "Listening"},
	{"tcp4-any-held", {AT("0.0.0.0"), LISTENING}, {AT("127.0.0.1")}, INUSE, "Listening"},
	{"tcp4-any-wanted", {AT("127.0.0.1"), LISTENING}, {AT("0.0.0.0")}, INUSE, "Listening"},
	{"tcp4-other-address", {AT("127.0.0.1"), LISTENING}, {AT("127.0.0.2")}, 0, ""},
	{"tcp6-same", {AT("::1"), LISTENING}, {AT("::1")}, INUSE, "Listening"},
	{"tcp6-any-held", {AT("::"), SET("6"), LISTENING}, {AT("::1")}, INUSE, "Listening"},
	{"tcp6-any-wanted", {AT("::1"), LISTENING}, {AT("::"), SET("6")}, INUSE, "Listening"},
	{"tcp6-other-address", {AT("fd77::1"), LISTENING}, {AT("::1")}, 0, ""},
	{"tcp-dual-held", {AT("::"), LISTENING}, {AT("127.0.0.1")}, INUSE, "Listening"},
	{"tcp-dual-wanted", {AT("127.0.0.1"), LISTENING}, {AT("::")}, INUSE, "Listening"},
	{"tcp-v6only-held", {AT("::"), SET("6"), LISTENING}, {AT("0.0.0.0")}, 0, ""},
	{"tcp-v6only-wanted", {AT("0.0.0.0"), LISTENING}, {AT("::"), SET("6")}, 0, ""},
	{"tcp-mapped-held", {AT("::ffff:127.0.0.1"), LISTENING}, {AT("127.0.0.1")}, INUSE, "Listening"},
	{"tcp-mapped-wanted", {AT("127.0.0.1"), LISTENING}, {AT("::ffff:127.0.0.1")}, INUSE, "Listening"},
	{"tcp-mapped-other", {AT("127.0.0.2"), LISTENING}, {AT("::ffff:127.0.0.1")}, 0, ""},
	{"tcp-mapped-beside-v6only", {AT("::"), SET("6"), LISTENING}, {AT("::ffff:127.0.0.1")}, 0, ""},
	{"tcp6-specific-beside-ipv4", {AT("0.0.0.0"), LISTENING}, {AT("::1")}, 0, ""},

	// Options
	{"tcp-bound", {AT("127.0.0.1")}, {AT("127.0.0.1")}, INUSE, "Bound"},
	{"tcp6-bound", {AT("::")}, {AT("::1")}, INUSE, "Bound"},
	{"tcp-reuseaddr-both", {AT("127.0.0.1"), SET("R")}, {AT("127.0.0.1"), SET("R")}, 0, ""},
	{"tcp-reuseaddr-holder", {AT("127.0.0.1"), SET("R")}, {AT("127.0.0.1")}, INUSE, "Bound"},
	{"tcp-reuseaddr-binder", {AT("127.0.0.1")}, {AT("127.0.0.1"), SET("R")}, INUSE, "Bound"},
	{"tcp-reuseaddr-listening", {AT("127.0.0.1"), SET("R"), LISTENING}, {AT("127.0.0.1"), SET("R")}, INUSE, "Listening"},
	{"tcp-reuseport-both", {AT("127.0.0.1"), SET("r"), LISTENING}, {AT("127.0.0.1"), SET("r")}, 0, ""},
	{"tcp-reuseport-holder", {AT("127.0.0.1"), SET("r"), LISTENING}, {AT("127.0.0.1")}, INUSE, "Listening"},
	{"tcp-reuseport-binder", {AT("127.0.0.1"), LISTENING}, {AT("127.0.0.1"), SET("r")}, INUSE, "Listening"},
	{"tcp-reuseport-other-user", {AT("127.0.0.1"), SET("r"), LISTENING, OTHERS}, {AT("127.0.0.1"), SET("r")}, INUSE, "ReusePortOtherUser"},
	{"tcp-reuseport-made-by-other", {AT("127.0.0.1"), SET("r"), LISTENING}, {AT("127.0.0.1"), SET("r"), OTHERS}, INUSE, "ReusePortOtherUser"},
	{"tcp-reuseport-both-of-other", {AT("127.0.0.1"), SET("r"), LISTENING, OTHERS}, {AT("127.0.0.1"), SET("r"), OTHERS}, 0, ""},
	{"tcp-reuse-of-two-kinds", {AT("127.0.0.1"), SET("R")}, {AT("127.0.0.1"), SET("r")}, INUSE, "Bound"},

	// Devices
	{"device-same", {AT("0.0.0.0"), LISTENING, ON("lo")}, {AT("0.0.0.0"), ON("lo")}, INUSE, "Listening"},
	{"device-other", {AT("0.0.0.0"), LISTENING, ON("lo")}, {AT("0.0.0.0"), ON("other")}, 0, ""},
	{"device-of-holder", {AT("0.0.0.0"), LISTENING, ON("lo")}, {AT("0.0.0.0")}, INUSE, "Listening"},
	{"device-of-binder", {AT("0.0.0.0"), LISTENING}, {AT("0.0.0.0"), ON("other")}, INUSE, "Listening"},
	{"device-udp-other", {AT("0.0.0.0"), UDP, ON("lo")}, {AT("0.0.0.0"), UDP, ON("other")}, 0, ""},
	{"device-udp-same", {AT("0.0.0.0"), UDP, ON("other")}, {AT("0.0.0.0"), UDP, ON("other")}, INUSE, "Bound"},

	// Connections, and what is left of them
	{"connection", {AT("127.0.0.1"), CONNECTED}, {AT("127.0.0.1")}, INUSE, "Connection"},
	{"connection6", {AT("::1"), CONNECTED}, {AT("::")}, INUSE, "Connection"},
	{"connection-reuseaddr-both", {AT("127.0.0.1"), SET("R"), CONNECTED}, {AT("127.0.0.1"), SET("R")}, 0, ""},
	{"connection-reuseaddr-binder", {AT("127.0.0.1"), CONNECTED}, {AT("127.0.0.1"), SET("R")}, INUSE, "Connection"},
	{"connection-reuseport-other-user", {AT("127.0.0.1"), SET("r"), CONNECTED, OTHERS}, {AT("127.0.0.1"), SET("r")}, INUSE, "ReusePortOtherUser"},
	{"time-wait", {AT("127.0.0.1"), WAITING}, {AT("127.0.0.1")}, INUSE, "TimeWait"},
	{"time-wait6", {AT("::1"), WAITING}, {AT("::")}, INUSE, "TimeWait"},
	{"time-wait-other-address", {AT("127.0.0.1"), WAITING}, {AT("127.0.0.2")}, 0, ""},
	{"time-wait-reuseaddr-both", {AT("127.0.0.1"), SET("R"), WAITING}, {AT("0.0.0.0"), SET("R")}, 0, ""},
	{"time-wait-reuseaddr-holder", {AT("127.0.0.1"), SET("R"), WAITING}, {AT("127.0.0.1")}, INUSE, "TimeWait"},
	{"time-wait-reuseaddr-binder", {AT("127.0.0.1"), WAITING}, {AT("0.0.0.0"), SET("R")}, INUSE, "TimeWait"},
	{"time-wait-reuseport-other-user", {AT("127.0.0.1"), SET("r"), WAITING, OTHERS}, {AT("127.0.0.1"), SET("r")}, 0, ""},

	// Datagrams
	{"udp-same", {AT("127.0.0.1"), UDP}, {AT("127.0.0.1"), UDP}, INUSE, "Bound"},
	{"udp-other-address", {AT("127.0.0.1"), UDP}, {AT("127.0.0.2"), UDP}, 0, ""},
	{"udp-dual-held", {AT("::"), UDP}, {AT("127.0.0.1"), UDP}, INUSE, "Bound"},
	{"udp-v6only-held", {AT("::"), SET("6"), UDP}, {AT("0.0.0.0"), UDP}, 0, ""},
	{"udp6-same", {AT("::1"), UDP}, {AT("::"), UDP}, INUSE, "Bound"},
	{"udp-reuseaddr-both", {AT("127.0.0.1"), SET("R"), UDP}, {AT("127.0.0.1"), SET("R"), UDP}, 0, ""},
	{"udp-reuseaddr-binder", {AT("127.0.0.1"), UDP}, {AT("127.0.0.1"), SET("R"), UDP}, INUSE, "Bound"},
	{"udp-reuseport-both", {AT("0.0.0.0"), SET("r"), UDP}, {AT("127.0.0.1"), SET("r"), UDP}, 0, ""},
	{"udp-reuseport-holder", {AT("0.0.0.0"), SET("r"), UDP}, {AT("127.0.0.1"), UDP}, INUSE, "Bound"},
	{"udp-reuseport-other-user", {AT("127.0.0.1"), SET("r"), UDP, OTHERS}, {AT("127.0.0.1"), SET("r"), UDP}, INUSE, "ReusePortOtherUser"},
	{"udp-multicast", {AT("224.0.0.251"), UDP}, {AT("224.0.0.251"), UDP}, INUSE, "Bound"},
	{"udp-beside-tcp", {AT("127.0.0.1"), LISTENING}, {AT("127.0.0.1"), UDP}, 0, ""},
	{"udplite-same", {AT("127.0.0.1"), UDPLITE}, {AT("127.0.0.1"), UDPLITE}, INUSE, "Bound"},
	{"udplite-beside-udp", {AT("127.0.0.1"), UDP}, {AT("127.0.0.1"), UDPLITE}, 0, ""},
	{"ping-same", {AT("127.0.0.1"), SET("-"), PING}, {AT("127.0.0.1"), SET("-"), PING}, INUSE, "Bound"},
	{"ping-reuseaddr-both", {AT("127.0.0.1"), PING}, {AT("127.0.0.1"), PING}, 0, ""},
	{"ping-reuseaddr-binder", {AT("127.0.0.1"), SET("-"), PING}, {AT("127.0.0.1"), PING}, INUSE, "Bound"},
	{"raw-same", {AT("127.0.0.1"), RAW}, {AT("127.0.0.1"), RAW}, 0, ""},

	// MPTCP and SCTP
	{"mptcp-held", {AT("127.0.0.1"), LISTENING, MPTCP}, {AT("127.0.0.1")}, INUSE, "Listening"},
	{"mptcp-bound-held", {AT("127.0.0.1"), MPTCP}, {AT("0.0.0.0")}, INUSE, "Bound"},
	{"mptcp-wanted", {AT("127.0.0.1"), LISTENING}, {AT("127.0.0.1"), MPTCP}, INUSE, "Listening"},
	{"mptcp-both", {AT("127.0.0.1"), MPTCP}, {AT("127.0.0.1"), MPTCP}, INUSE, "Bound"},
	{"mptcp-reuseaddr-both", {AT("127.0.0.1"), SET("R"), MPTCP}, {AT("127.0.0.1"), SET("R"), MPTCP}, 0, ""},
	{"sctp-listening", {AT("127.0.0.1"), LISTENING, SCTP}, {AT("127.0.0.1"), SCTP}, INUSE, "Listening"},
	{"sctp-bound", {AT("0.0.0.0"), SCTP}, {AT("127.0.0.1"), SCTP}, INUSE, "Bound"},
	{"sctp-reuseaddr-both", {AT("127.0.0.1"), SET("R"), SCTP}, {AT("127.0.0.1"), SET("R"), SCTP}, 0, ""},
	{"sctp-other-address", {AT("127.0.0.1"), SCTP}, {AT("127.0.0.2"), SCTP}, 0, ""},
	{"sctp-beside-tcp", {AT("127.0.0.1"), LISTENING}, {AT("127.0.0.1"), SCTP}, 0, ""},
};

#undef INUSE

// ---- connections that a pair cannot make

// A server whose listener is gone.
static void connection_of_server(const char *letters, const char *wanted, int expected, const char *cause)
{
	int listener = with_listening(tcp4_with(letters), "127.0.0.1", PORT), client = tcp4();
	connect_to(client, "127.0.0.1", PORT);
	int server = accept_one(listener);
	close(listener);
	if (expected != 0)
		blame(server);
	refused(tcp4_with(wanted), "127.0.0.1", PORT, expected, cause);
}

static void server_held(void) { connection_of_server("", "", EADDRINUSE, "Connection"); }
static void server_reuseaddr_both(void) { connection_of_server("R", "R", 0, ""); }
static void server_reuseaddr_binder(void) { connection_of_server("", "R", EADDRINUSE, "Connection"); }

static void server_and_listener(void)
{
	int listener = with_listening(tcp4_with("R"), "127.0.0.1", PORT), client = tcp4();
	connect_to(client, "127.0.0.1", PORT);
	blame(listener);
	blame(accept_one(listener));
	refused(tcp4(), "0.0.0.0", PORT, EADDRINUSE, "Listening");
	// With the option the connection is not in the way any more.
	blame(listener);
	refused(tcp4_with("R"), "0.0.0.0", PORT, EADDRINUSE, "Listening");
}

static void autobound_client(void)
{
	int listener = listening("127.0.0.1", PORT, 5), client = tcp4();
	connect_to(client, "127.0.0.1", PORT);
	struct sockaddr_in own;
	socklen_t length = sizeof own;
	getsockname(client, (struct sockaddr *)&own, &length);
	accept_one(listener);
	blame(client);
	refused(tcp4(), "127.0.0.1", ntohs(own.sin_port), EADDRINUSE, "Connection");
}

static void syn_sent(void)
{
	// A listener whose queue is full does not answer.
	listening("127.0.0.1", PORT + 1, 0);
	connect_to(tcp4(), "127.0.0.1", PORT + 1);
	int fd = bound("127.0.0.1", PORT, SOCK_STREAM, 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	connect_to(fd, "127.0.0.1", PORT + 1);
	blame(fd);
	refused(tcp4(), "127.0.0.1", PORT, EADDRINUSE, "Connection");
}

static void close_wait(void)
{
	int listener = listening("127.0.0.1", PORT + 1, 5), fd = bound("127.0.0.1", PORT, SOCK_STREAM, 0);
	connect_to(fd, "127.0.0.1", PORT + 1);
	close(accept_one(listener));
	char end;
	if (read(fd, &end, 1) != 0)
		skip("the end of a connection was not read");
	blame(fd);
	refused(tcp4(), "127.0.0.1", PORT, EADDRINUSE, "Connection");
}

// Closed on one side: the kernel keeps the rest as if in TIME_WAIT.
static void half_closed(const char *letters, const char *wanted, uid_t maker, int expected, const char *cause)
{
	int listener = listening("127.0.0.1", PORT + 1, 5);
	struct side side = {.address = "127.0.0.1", .letters = letters, .maker = maker};
	int client = with_bound(make_side(&side), "127.0.0.1", PORT);
	connect_to(client, "127.0.0.1", PORT + 1);
	int server = accept_one(listener);
	close(client);
	char end;
	if (read(server, &end, 1) != 0)
		skip("the end of a connection was not read");
	// The acknowledgement is on its way.
	usleep(20000);
	if (expected != 0)
		blame_as("Orphan", 0, 0);
	refused(tcp4_with(wanted), "127.0.0.1", PORT, expected, cause);
}

static void fin_wait(void) { half_closed("", "", 0, EADDRINUSE, "Connection"); }
static void fin_wait_reuseaddr(void) { half_closed("R", "R", 0, 0, ""); }

// A snapshot does not show whether the kernel keeps it as in TIME_WAIT.
static void fin_wait_reuseport_other_user(void) { passing = true; half_closed("r", "r", OTHER, 0, ""); }

static void orphan(void)
{
	int listener = listening("127.0.0.1", PORT + 1, 5), client = bound("127.0.0.1", PORT, SOCK_STREAM, 0);
	connect_to(client, "127.0.0.1", PORT + 1);
	accept_one(listener);
	// Nobody reads the other end, so that what is left cannot be sent.
	char rest[65536] = {0};
	fcntl(client, F_SETFL, O_NONBLOCK);
	while (write(client, rest, sizeof rest) > 0)
		;
	close(client);
	blame_as("Orphan", 0, 0);
	refused(tcp4(), "127.0.0.1", PORT, EADDRINUSE, "Connection");
}

static void accept_queue(void)
{
	int listener = listening("127.0.0.1", PORT, 5);
	connect_to(tcp4(), "127.0.0.1", PORT);
	usleep(20000);
	blame(listener);
	blame_as("AcceptQueue", 0, 0);
	refused(tcp4(), "127.0.0.1", PORT, EADDRINUSE, "Listening");
}

static void udp_connected(void)
{
	int fd = bound("127.0.0.1", PORT, SOCK_DGRAM, 0);
	connect_to(fd, "127.0.0.1", 9);
	blame(fd);
	refused(udp4_with(""), "127.0.0.1", PORT, EADDRINUSE, "Bound");
}

static void udp_autobound(void)
{
	int fd = udp4_with("");
	struct place place = place_of("127.0.0.1", 9);
	struct sockaddr_in own;
	socklen_t length = sizeof own;
	sendto(fd, "x", 1, 0, (struct sockaddr *)&place.address, (socklen_t)place.length);
	getsockname(fd, (struct sockaddr *)&own, &length);
	blame(fd);
	refused(udp4_with(""), "127.0.0.1", ntohs(own.sin_port), EADDRINUSE, "Bound");
}

static void mptcp_connection(void)
{
	int listener = with_listening(open_for("127.0.0.1", SOCK_STREAM, IPPROTO_MPTCP), "127.0.0.1", PORT + 1);
	int client = bound("127.0.0.1", PORT, SOCK_STREAM, IPPROTO_MPTCP);
	connect_to(client, "127.0.0.1", PORT + 1);
	accept_one(listener);
	blame(client);
	refused(tcp4(), "127.0.0.1", PORT, EADDRINUSE, "Connection");
}

// ---- several holders

static void three_of_tcp(void)
{
	with_bound(tcp4_with("R"), "127.0.0.1", PORT);
	listening("127.0.0.2", PORT, 5);
	blame(with_listening(tcp4_with("R"), "127.0.0.1", PORT));
	refused(tcp4_with("R"), "127.0.0.1", PORT, EADDRINUSE, "Listening");
}

static void three_of_udp(void)
{
	with_bound(udp4_with("Rr"), "127.0.0.1", PORT);
	bound("::1", PORT, SOCK_DGRAM, 0);
	blame(with_bound(udp4_with("r"), "127.0.0.1", PORT));
	refused(udp4_with("R"), "127.0.0.1", PORT, EADDRINUSE, "Bound");
}

static void three_users(void)
{
	// Two may share with each other, and not with a third.
	blame(with_listening(tcp4_with("r"), "127.0.0.1", PORT));
	blame(with_listening(tcp4_with("r"), "127.0.0.1", PORT));
	struct side other = {.address = "127.0.0.1", .letters = "r", .maker = OTHER};
	refused(make_side(&other), "127.0.0.1", PORT, EADDRINUSE, "ReusePortOtherUser");
}

static void made_by_other_of_two(void)
{
	// Of the holders one has the user of the socket, and the other that of the process.
	struct side other = {.address = "127.0.0.1", .letters = "r", .maker = OTHER};
	with_listening(make_side(&other), "127.0.0.1", PORT);
	blame(with_listening(tcp4_with(""), "127.0.0.2", PORT));
	other.address = "0.0.0.0";
	refused(make_side(&other), "0.0.0.0", PORT, EADDRINUSE, "Listening");
}

static void shares_with_one(void)
{
	struct side other = {.address = "127.0.0.2", .letters = "r", .maker = OTHER};
	with_listening(tcp4_with("r"), "127.0.0.1", PORT);
	blame(with_listening(make_side(&other), "127.0.0.2", PORT));
	refused(tcp4_with("r"), "0.0.0.0", PORT, EADDRINUSE, "ReusePortOtherUser");
}

static void of_two_families(void)
{
	blame(listening("127.0.0.1", PORT, 5));
	blame(listening("::1", PORT, 5));
	refused(open_for("::", SOCK_STREAM, 0), "::", PORT, EADDRINUSE, "Listening");
}

static void reuseport_with_program(void)
{
	// A program that chooses among sockets, attached before bind(), makes the option count as not set. It does not show.
	struct sock_filter code = {.code = BPF_RET | BPF_K, .k = 0};
	struct sock_fprog program = {.len = 1, .filter = &code};
	blame(with_listening(tcp4_with("r"), "127.0.0.1", PORT));
	int fd = tcp4_with("r");
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) != 0)
		skip("SO_ATTACH_REUSEPORT_CBPF: %s", error_name(errno));
	passing = true;
	refused(fd, "127.0.0.1", PORT, EADDRINUSE, "Unknown");
}

static void second_listen(void)
{
	int first = with_bound(tcp4_with("R"), "127.0.0.1", PORT), second = with_bound(tcp4_with("R"), "127.0.0.1", PORT);
	if (listen(first, 5) != 0)
		skip("listen: %s", error_name(errno));
	int error = listen(second, 5) == 0 ? 0 : errno;
	silent = true;
	blame(first);
	tell(second, "127.0.0.1", PORT, EADDRINUSE, error, "Listening");
}

static void second_listen_reuseport(void)
{
	int first = with_bound(tcp4_with("r"), "127.0.0.1", PORT), second = with_bound(tcp4_with("r"), "127.0.0.1", PORT);
	if (listen(first, 5) != 0)
		skip("listen: %s", error_name(errno));
	int error = listen(second, 5) == 0 ? 0 : errno;
	silent = true;
	tell(second, "127.0.0.1", PORT, 0, error, "");
}

// ---- owners

static int other_user(void)
{
	become(OTHER, OTHER);
	return same_listening();
}

static int in_nested_pidns(void)
{
	if (unshare(CLONE_NEWPID) != 0)
		skip("unshare: %s", error_name(errno));
	// Those that follow are in it; this one is not, and hands over.
	pid_t child = fork();
	if (child == 0)
		return same_listening();
	int status;
	close(answerPipe);
	waitpid(child, &status, 0);
	_exit(0);
}

static void owner_child(void) { blame_other(same_listening); refused(tcp4(), "127.0.0.1", PORT, EADDRINUSE, "Listening"); }
static void owner_other_user(void) { blame_other(other_user); refused(tcp4(), "127.0.0.1", PORT, EADDRINUSE, "Listening"); }
static void owner_nested(void) { blame_other(in_nested_pidns); refused(tcp4(), "127.0.0.1", PORT, EADDRINUSE, "Listening"); }

static void owner_two(void)
{
	int fd = same_listening();
	pid_t child = fork();
	if (child == 0)
		stay(NULL);
	blame(fd);
	holders[0].pids[holders[0].count++] = child;
	refused(tcp4(), "127.0.0.1", PORT, EADDRINUSE, "Listening");
}

static void owner_of_passed(void)
{
	int pair[2];
	socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair);
	int fd = same_listening();
	unsigned long inode = inode_of(fd);
	send_descriptor(pair[0], fd);
	close(fd);
	pid_t child = fork();
	if (child == 0) {
		receive_descriptor(pair[1]);
		send(pair[1], "x", 1, 0);
		stay(NULL);
	}
	char byte;
	if (recv(pair[0], &byte, 1, 0) != 1)
		skip("recv: %s", error_name(errno));
	blame_as("Process", inode, child);
	refused(tcp4(), "127.0.0.1", PORT, EADDRINUSE, "Listening");
}

static void *thread_with_own_files(void *where)
{
	if (unshare(CLONE_FILES) != 0)
		skip("unshare: %s", error_name(errno));
	int *made = where, fd = same_listening();
	unsigned long inode = inode_of(fd);
	if (write(made[1], &inode, sizeof inode) != sizeof inode)
		_exit(74);
	return stay(NULL);
}

static void owner_thread(void)
{
	int ends[2];
	unsigned long inode;
	pthread_t thread;
	if (pipe(ends) != 0 || pthread_create(&thread, NULL, thread_with_own_files, ends) != 0)
		skip("a thread: %s", error_name(errno));
	if (read(ends[0], &inode, sizeof inode) != sizeof inode)
		_exit(0);
	blame_as("Process", inode, own_pid());
	refused(tcp4(), "127.0.0.1", PORT, EADDRINUSE, "Listening");
}

static int leaderGone;

static void *outlive(void *unused)
{
	(void)unused;
	char state[512], path[64];
	snprintf(path, sizeof path, "/proc/%d/stat", (int)own_pid());
	// Until the leader is a zombie.
	do
		usleep(1000);
	while (read_file(path, state, sizeof state) && strstr(state, ") Z ") == NULL);
	struct other other = {.pid = own_pid(), .inode = inode_of(leaderGone)};
	if (write(answerPipe, &other, sizeof other) != sizeof other)
		_exit(74);
	return stay(NULL);
}

static int without_leader(void)
{
	pthread_t thread;
	leaderGone = same_listening();
	if (pthread_create(&thread, NULL, outlive, NULL) != 0)
		skip("a thread: %s", error_name(errno));
	syscall(SYS_exit, 0);
	_exit(70);
}

static void owner_zombie_leader(void) { blame_other(without_leader); refused(tcp4(), "127.0.0.1", PORT, EADDRINUSE, "Listening"); }

static void in_flight(void)
{
	int pair[2];
	socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair);
	int fd = same_listening();
	send_descriptor(pair[0], fd);
	blame_as("InFlight", inode_of(fd), 0);
	close(fd);
	refused(tcp4(), "127.0.0.1", PORT, EADDRINUSE, "Listening");
}

static void in_flight_udp(void)
{
	int pair[2];
	socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair);
	int fd = bound("127.0.0.1", PORT, SOCK_DGRAM, 0);
	send_descriptor(pair[0], fd);
	blame_as("InFlight", inode_of(fd), 0);
	close(fd);
	refused(udp4_with(""), "127.0.0.1", PORT, EADDRINUSE, "Bound");
}

static void registered(void)
{
	struct io_uring_params parameters = {0};
	int ring = (int)syscall(SYS_io_uring_setup, 4, &parameters);
	if (ring < 0)
		skip("io_uring_setup: %s", error_name(errno));
	int fd = same_listening();
	if (syscall(SYS_io_uring_register, ring, IORING_REGISTER_FILES, &fd, 1) != 0)
		skip("IORING_REGISTER_FILES: %s", error_name(errno));
	blame_as("InFlight", inode_of(fd), 0);
	close(fd);
	refused(tcp4(), "127.0.0.1", PORT, EADDRINUSE, "Listening");
}

static void kernel_socket(void)
{
	create_vxlan("tunnel", PORT);
	blame_as("Kernel", 0, 0);
	refused(udp4_with(""), "0.0.0.0", PORT, EADDRINUSE, "KernelSocket");
}

static int in_other_netns(void)
{
	new_netns();
	return listening("0.0.0.0", PORT, 5);
}

static void netns_other(void)
{
	other_process(in_other_netns);
	allowed(tcp4(), "127.0.0.1", PORT);
}

static void netns_both(void)
{
	other_process(in_other_netns);
	blame(same_listening());
	refused(tcp4(), "127.0.0.1", PORT, EADDRINUSE, "Listening");
}

static void holder_gone(void)
{
	fleeting = passing = true;
	for (unsigned i = 0; i < 20; i++) {
		int holder = bound("127.0.0.1", PORT + i, SOCK_STREAM, 0), fd = tcp4();
		struct place place = place_of("127.0.0.1", PORT + i);
		blame(holder);
		int error = bind(fd, (struct sockaddr *)&place.address, (socklen_t)place.length) == 0 ? 0 : errno;
		close(holder);
		tell(fd, "127.0.0.1", PORT + i, EADDRINUSE, error, "HolderGone");
	}
}

// ---- ports of the kernel's choice

static void range(const char *text)
{
	if (!write_file("/proc/sys/net/ipv4/ip_local_port_range", text))
		skip("ip_local_port_range cannot be set");
}

static void take_all(int type, const char *letters, bool at_fault)
{
	range("40000 40003");
	for (unsigned port = 40000; port < 40004; port++) {
		int fd = open_for("127.0.0.1", type, 0);
		set_options(fd, letters);
		bind_to(fd, "127.0.0.1", port);
		if (at_fault)
			blame(fd);
	}
}

static void full_tcp(void) { take_all(SOCK_STREAM, "", true); refused(tcp4(), "127.0.0.1", 0, EADDRINUSE, "NoFreePort"); }
static void full_tcp_any(void) { take_all(SOCK_STREAM, "", true); refused(tcp4(), "0.0.0.0", 0, EADDRINUSE, "NoFreePort"); }
static void full_tcp_dual(void) { take_all(SOCK_STREAM, "", true); refused(open_for("::", SOCK_STREAM, 0), "::", 0, EADDRINUSE, "NoFreePort"); }
static void full_udp(void) { take_all(SOCK_DGRAM, "", true); refused(udp4_with(""), "127.0.0.1", 0, EADDRINUSE, "NoFreePort"); }
static void full_reuseaddr(void) { take_all(SOCK_STREAM, "R", true); refused(tcp4_with("R"), "127.0.0.1", 0, EADDRINUSE, "NoFreePort"); }
static void full_other_address(void) { take_all(SOCK_STREAM, "", false); allowed(tcp4(), "127.0.0.2", 0); }
static void full_no_port(void) { passing = true; take_all(SOCK_STREAM, "", false); allowed(tcp4_with("N"), "127.0.0.1", 0); }
static void no_port_with_port(void) { blame(same_listening()); refused(tcp4_with("N"), "127.0.0.1", PORT, EADDRINUSE, "Listening"); }

static void full_autobind_reuse(void)
{
	if (!write_file("/proc/sys/net/ipv4/ip_autobind_reuse", "1"))
		skip("ip_autobind_reuse cannot be set");
	take_all(SOCK_STREAM, "R", false);
	allowed(tcp4_with("R"), "127.0.0.1", 0);
}

static void all_reserved(void)
{
	range("40000 40003");
	if (!write_file("/proc/sys/net/ipv4/ip_local_reserved_ports", "40000-40003"))
		skip("ip_local_reserved_ports cannot be set");
	refused(tcp4(), "127.0.0.1", 0, EADDRINUSE, "NoFreePort");
	allowed(tcp4(), "127.0.0.1", 40001);
}

static void narrowed(void)
{
	int fd = tcp4();
	unsigned ports = 40000u << 16 | 40000u;
	if (setsockopt(fd, SOL_IP, IP_LOCAL_PORT_RANGE, &ports, sizeof ports) != 0)
		skip("IP_LOCAL_PORT_RANGE: %s", error_name(errno));
	range("40000 40007");
	// Which range the socket has, it does not show to others.
	bound("127.0.0.1", 40000, SOCK_STREAM, 0);
	passing = true;
	refused(fd, "127.0.0.1", 0, EADDRINUSE, "NoFreePort");
}

// ---- low ports

static void threshold(const char *start)
{
	if (!write_file("/proc/sys/net/ipv4/ip_unprivileged_port_start", start))
		skip("ip_unprivileged_port_start cannot be set");
}

static void set_capabilities(uint64_t bits)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		{.effective = (uint32_t)bits, .permitted = (uint32_t)bits}, {.effective = (uint32_t)(bits >> 32), .permitted = (uint32_t)(bits >> 32)}};
	if (syscall(SYS_capset, &head, data) != 0)
		skip("capset: %s", error_name(errno));
}

static void low_port(void) { become(OTHER, OTHER); refused(tcp4(), "127.0.0.1", 80, EACCES, "PrivilegedPort"); }
static void low_port_udp(void) { become(OTHER, OTHER); refused(udp4_with(""), "127.0.0.1", 1023, EACCES, "PrivilegedPort"); }
static void low_port6(void) { become(OTHER, OTHER); refused(open_for("::", SOCK_STREAM, 0), "::", 80, EACCES, "PrivilegedPort"); }
static void low_port_root(void) { allowed(tcp4(), "127.0.0.1", 80); }
static void high_port(void) { become(OTHER, OTHER); allowed(tcp4(), "127.0.0.1", 1024); }
static void threshold_lowered(void) { threshold("80"); become(OTHER, OTHER); allowed(tcp4(), "127.0.0.1", 80); }
static void threshold_not_reached(void) { threshold("80"); become(OTHER, OTHER); refused(tcp4(), "127.0.0.1", 79, EACCES, "PrivilegedPort"); }
static void threshold_raised(void) { threshold("3000"); become(OTHER, OTHER); refused(tcp4(), "127.0.0.1", 2999, EACCES, "PrivilegedPort"); }

static void without_capability(void)
{
	set_capabilities(0x1fful);
	refused(tcp4(), "127.0.0.1", 80, EACCES, "PrivilegedPort");
}

static void capability_alone(void)
{
	prctl(PR_SET_KEEPCAPS, 1);
	become(OTHER, OTHER);
	set_capabilities(1ul << CAP_NET_BIND_SERVICE);
	allowed(tcp4(), "127.0.0.1", 80);
}

static void capability_of_inner_userns(void)
{
	if (unshare(CLONE_NEWUSER) != 0)
		skip("unshare: %s", error_name(errno));
	refused(tcp4(), "127.0.0.1", 80, EACCES, "PrivilegedPort");
}

static void userns_with_netns(void)
{
	become(OTHER, OTHER);
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
		skip("unshare: %s", error_name(errno));
	allowed(tcp4(), "0.0.0.0", 80);
}

static void low_port_and_gone(void)
{
	// As programs are that may not have their port.
	passing = true;
	pid_t child = fork();
	if (child == 0) {
		low_port();
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

static void low_port_held(void)
{
	// The port is not looked at before the capability.
	listening("127.0.0.1", 80, 5);
	become(OTHER, OTHER);
	refused(tcp4(), "127.0.0.1", 80, EACCES, "PrivilegedPort");
}

// ---- refusals by others

static void in_cgroup_with(int verdict)
{
	struct bpf_insn program[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = verdict}, {.code = BPF_JMP | BPF_EXIT}};
	union bpf_attr attributes;
	char name[64], text[32];
	if (cgroup_root() < 0)
		skip("no cgroup2 hierarchy is mounted or can be");
	snprintf(name, sizeof name, "bindtruth-why-%d", (int)getppid());
	if (mkdirat(cgroup_root(), name, 0755) != 0 && errno != EEXIST)
		skip("mkdir of a cgroup: %s", error_name(errno));
	int cgroup = openat(cgroup_root(), name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int procs = openat(cgroup, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	snprintf(text, sizeof text, "%d", (int)getpid());
	if (write(procs, text, strlen(text)) < 0)
		skip("moving into a cgroup: %s", error_name(errno));
	close(procs);
	memset(&attributes, 0, sizeof attributes);
	attributes.prog_type = BPF_PROG_TYPE_CGROUP_SOCK_ADDR;
	attributes.expected_attach_type = BPF_CGROUP_INET4_BIND;
	attributes.insns = (uintptr_t)program;
	attributes.insn_cnt = 2;
	attributes.license = (uintptr_t)"GPL";
	int loaded = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes);
	if (loaded < 0)
		skip("BPF_PROG_LOAD: %s", error_name(errno));
	memset(&attributes, 0, sizeof attributes);
	attributes.target_fd = (uint32_t)cgroup;
	attributes.attach_bpf_fd = (uint32_t)loaded;
	attributes.attach_type = BPF_CGROUP_INET4_BIND;
	attributes.attach_flags = BPF_F_ALLOW_MULTI;
	if (syscall(SYS_bpf, BPF_PROG_ATTACH, &attributes, sizeof attributes) != 0)
		skip("BPF_PROG_ATTACH: %s", error_name(errno));
	close(loaded);
	close(cgroup);
	passing = true;
}

static void cgroup_program(void)
{
	in_cgroup_with(0);
	refused(tcp4(), "127.0.0.1", PORT, EPERM, "SecurityPolicy");
	// The program of the other version was not attached.
	allowed(open_for("::1", SOCK_STREAM, 0), "::1", PORT);
}

static void cgroup_program_allows(void)
{
	enum { ALLOW = 1, WITHOUT_CAPABILITY = 2 };
	in_cgroup_with(ALLOW | WITHOUT_CAPABILITY);
	become(OTHER, OTHER);
	allowed(tcp4(), "127.0.0.1", 80);
}

static void landlock(bool low)
{
	// Linux 6.7 and later: LANDLOCK_ACCESS_NET_BIND_TCP.
	struct { uint64_t files, network; } rules = {.network = 1};
	enum { CREATE_RULESET = 444, RESTRICT_SELF = 446 };
	int ruleset = (int)syscall(CREATE_RULESET, &rules, sizeof rules, 0);
	if (ruleset < 0)
		skip("landlock_create_ruleset: %s", error_name(errno));
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (syscall(RESTRICT_SELF, ruleset, 0) != 0)
		skip("landlock_restrict_self: %s", error_name(errno));
	passing = true;
	refused(tcp4(), "127.0.0.1", low ? 80 : PORT, EACCES, "SecurityPolicy");
	allowed(udp4_with(""), "127.0.0.1", low ? 80 : PORT);
}

static void security_module(void) { landlock(false); }
static void security_module_low_port(void) { landlock(true); }

// ---- addresses

static int in_netns_with_address(void)
{
	enter_private_network();
	need_address((int)ifindex_of("lo"), "10.78.0.1", 32);
	need_address((int)ifindex_of("lo"), "fd78::1", 128);
	return tcp4();
}

static void nowhere(void) { refused(tcp4(), "192.0.2.77", PORT, EADDRNOTAVAIL, "AddressNotLocal"); }
static void nowhere6(void) { refused(open_for("::", SOCK_STREAM, 0), "2001:db8::77", PORT, EADDRNOTAVAIL, "AddressNotLocal"); }
static void nowhere_mapped(void) { refused(open_for("::", SOCK_DGRAM, 0), "::ffff:192.0.2.77", PORT, EADDRNOTAVAIL, "AddressNotLocal"); }
static void nowhere_freebind(void) { passing = true; allowed(tcp4_with("F"), "192.0.2.77", PORT); }
static void nowhere_transparent(void) { passing = true; allowed(tcp4_with("T"), "192.0.2.77", PORT); }
static void freebind_held(void) { passing = true; blame(with_bound(tcp4_with("F"), "192.0.2.77", PORT)); refused(tcp4_with("F"), "192.0.2.77", PORT, EADDRINUSE, "Bound"); }
static void local_net(void) { allowed(tcp4(), "127.200.3.4", PORT); }
static void broadcast(void) { allowed(udp4_with(""), "255.255.255.255", PORT); }

static void nowhere_nonlocal(void)
{
	if (!write_file("/proc/sys/net/ipv4/ip_nonlocal_bind", "1") || !write_file("/proc/sys/net/ipv6/ip_nonlocal_bind", "1"))
		skip("ip_nonlocal_bind cannot be set");
	allowed(tcp4(), "192.0.2.77", PORT);
	allowed(open_for("::", SOCK_STREAM, 0), "2001:db8::77", PORT);
}

static void elsewhere(void)
{
	other_process(in_netns_with_address);
	refused(tcp4(), "10.78.0.1", PORT, EADDRNOTAVAIL, "AddressInOtherNamespace");
}

static void elsewhere6(void)
{
	other_process(in_netns_with_address);
	refused(open_for("::", SOCK_STREAM, 0), "fd78::1", PORT, EADDRNOTAVAIL, "AddressInOtherNamespace");
}

static void tentative(void)
{
	need_tentative_address(create_device_without_carrier("waiting"), "fd79::1", 64);
	refused(open_for("::", SOCK_STREAM, 0), "fd79::1", PORT, EADDRNOTAVAIL, "AddressTentative");
	int fd = open_for("::", SOCK_STREAM, 0);
	set_options(fd, "F");
	passing = true;
	allowed(fd, "fd79::1", PORT);
}

static void scoped(const char *device, unsigned index, int expected, const char *cause)
{
	struct place place = place_scoped("fe80::1", PORT, device != NULL ? ifindex_of(device) : index);
	char address[64] = "fe80::1";
	if (place.length != 0 && ((struct sockaddr_in6 *)&place.address)->sin6_scope_id != 0)
		snprintf(address, sizeof address, "fe80::1%%%u", ((struct sockaddr_in6 *)&place.address)->sin6_scope_id);
	bind_raw(open_for("::", SOCK_STREAM, 0), &place.address, place.length, address, PORT, expected, cause);
}

static void link_local(void) { scoped("lo", 0, 0, ""); }
static void link_local_unscoped(void) { scoped(NULL, 0, EINVAL, "BadAddress"); }
static void no_such_interface(void) { passing = true; scoped(NULL, 7777, ENODEV, "WrongInterface"); }

static void wrong_interface(void)
{
	create_device("other");
	scoped("other", 0, EADDRNOTAVAIL, "WrongInterface");
}

static void multicast6(void) { refused(open_for("::", SOCK_STREAM, 0), "ff02::1", PORT, EINVAL, "BadAddress"); }

static void mapped_on_v6only(void)
{
	int fd = open_for("::", SOCK_STREAM, 0);
	set(fd, SOL_IPV6, IPV6_V6ONLY, 1);
	refused(fd, "::ffff:127.0.0.1", PORT, EINVAL, "BadAddress");
}

// ---- wrong calls

static void already_bound(int fd, const char *address)
{
	passing = true;
	refused(fd, address, PORT + 1, EINVAL, "AlreadyBound");
}

static void bound_before(void) { already_bound(bound("127.0.0.1", PORT, SOCK_STREAM, 0), "127.0.0.1"); }
static void bound_before_udp6(void) { already_bound(bound("::1", PORT, SOCK_DGRAM, 0), "::"); }

static void bound_by_listen(void)
{
	int fd = tcp4();
	if (listen(fd, 5) != 0)
		skip("listen: %s", error_name(errno));
	already_bound(fd, "127.0.0.1");
}

static void bound_by_connect(void)
{
	int listener = listening("127.0.0.1", PORT, 5), fd = tcp4();
	connect_to(fd, "127.0.0.1", PORT);
	accept_one(listener);
	already_bound(fd, "127.0.0.1");
}

static void bound_before_and_held(void)
{
	// Not the holder is at fault: with another socket of the program's it is another matter.
	listening("127.0.0.1", PORT + 1, 5);
	already_bound(bound("127.0.0.1", PORT, SOCK_STREAM, 0), "127.0.0.1");
}

static void wrong_call(int fd, const void *raw, int length, const char *address, int expected, const char *cause)
{
	passing = true;
	bind_raw(fd, raw, length, address, PORT, expected, cause);
}

static void short_address(void)
{
	struct place place = place_of("127.0.0.1", PORT);
	wrong_call(tcp4(), &place.address, 8, "127.0.0.1", EINVAL, "BadAddress");
}

static void short_address6(void)
{
	struct place place = place_of("::1", PORT);
	wrong_call(open_for("::", SOCK_STREAM, 0), &place.address, 20, "::1", EINVAL, "BadAddress");
}

static void long_address(void)
{
	// Nobody but the caller knows the length, so that the reason cannot be known.
	struct place place = place_of("127.0.0.1", PORT);
	wrong_call(tcp4(), &place.address, 4096, "127.0.0.1", EINVAL, "Unknown");
}

static void other_family(void)
{
	struct place place = place_of("::1", PORT);
	wrong_call(tcp4(), &place.address, place.length, "::1", EAFNOSUPPORT, "BadAddress");
}

static void bad_pointer(void) { wrong_call(tcp4(), (const void *)1, 16, "127.0.0.1", EFAULT, "BadAddress"); }

static void bad_descriptor(void)
{
	struct place place = place_of("127.0.0.1", PORT);
	wrong_call(999, &place.address, place.length, "127.0.0.1", EBADF, "NotASocket");
}

static void no_socket(void)
{
	struct place place = place_of("127.0.0.1", PORT);
	wrong_call(open("/dev/null", O_RDONLY | O_CLOEXEC), &place.address, place.length, "127.0.0.1", ENOTSOCK, "NotASocket");
}

// ---- all of them

static const struct {
	const char *name;
	void (*body)(void);
} s_cases[] = {
	{"server", server_held}, {"server-reuseaddr-both", server_reuseaddr_both}, {"server-reuseaddr-binder", server_reuseaddr_binder},
	{"server-and-listener", server_and_listener}, {"autobound-client", autobound_client}, {"syn-sent", syn_sent}, {"close-wait", close_wait},
	{"fin-wait", fin_wait}, {"fin-wait-reuseaddr", fin_wait_reuseaddr}, {"fin-wait-reuseport-other-user", fin_wait_reuseport_other_user},
	{"orphan", orphan}, {"accept-queue", accept_queue}, {"udp-connected", udp_connected}, {"udp-autobound", udp_autobound},
	{"mptcp-connection", mptcp_connection}, {"three-of-tcp", three_of_tcp}, {"three-of-udp", three_of_udp}, {"three-users", three_users},
	{"made-by-other-of-two", made_by_other_of_two}, {"shares-with-one", shares_with_one}, {"of-two-families", of_two_families},
	{"reuseport-with-program", reuseport_with_program}, {"second-listen", second_listen}, {"second-listen-reuseport", second_listen_reuseport},
	{"owner-child", owner_child}, {"owner-other-user", owner_other_user}, {"owner-nested-pidns", owner_nested}, {"owner-two", owner_two},
	{"owner-of-passed", owner_of_passed}, {"owner-thread", owner_thread}, {"owner-zombie-leader", owner_zombie_leader},
	{"in-flight", in_flight}, {"in-flight-udp", in_flight_udp}, {"io-uring-registered", registered}, {"kernel-socket", kernel_socket},
	{"netns-other", netns_other}, {"netns-both", netns_both}, {"holder-gone", holder_gone},
	{"full-tcp", full_tcp}, {"full-tcp-any", full_tcp_any}, {"full-tcp-dual", full_tcp_dual}, {"full-udp", full_udp},
	{"full-reuseaddr", full_reuseaddr}, {"full-other-address", full_other_address}, {"full-no-port", full_no_port},
	{"full-autobind-reuse", full_autobind_reuse}, {"no-port-with-port", no_port_with_port}, {"all-reserved", all_reserved}, {"narrowed", narrowed},
	{"low-port", low_port}, {"low-port-udp", low_port_udp}, {"low-port6", low_port6}, {"low-port-root", low_port_root}, {"high-port", high_port},
	{"threshold-lowered", threshold_lowered}, {"threshold-not-reached", threshold_not_reached}, {"threshold-raised", threshold_raised},
	{"without-capability", without_capability}, {"capability-alone", capability_alone},
	{"capability-of-inner-userns", capability_of_inner_userns}, {"userns-with-netns", userns_with_netns},
	{"low-port-and-gone", low_port_and_gone}, {"low-port-held", low_port_held}, {"cgroup-program", cgroup_program},
	{"cgroup-program-allows", cgroup_program_allows}, {"security-module", security_module}, {"security-module-low-port", security_module_low_port},
	{"nowhere", nowhere}, {"nowhere6", nowhere6}, {"nowhere-mapped", nowhere_mapped}, {"nowhere-freebind", nowhere_freebind},
	{"nowhere-transparent", nowhere_transparent}, {"nowhere-nonlocal", nowhere_nonlocal}, {"freebind-held", freebind_held},
	{"local-net", local_net}, {"broadcast", broadcast}, {"elsewhere", elsewhere}, {"elsewhere6", elsewhere6}, {"tentative", tentative},
	{"link-local", link_local}, {"link-local-unscoped", link_local_unscoped}, {"no-such-interface", no_such_interface},
	{"wrong-interface", wrong_interface}, {"multicast6", multicast6}, {"mapped-on-v6only", mapped_on_v6only},
	{"bound-before", bound_before}, {"bound-before-udp6", bound_before_udp6}, {"bound-by-listen", bound_by_listen},
	{"bound-by-connect", bound_by_connect}, {"bound-before-and-held", bound_before_and_held}, {"short-address", short_address},
	{"short-address6", short_address6}, {"long-address", long_address}, {"other-family", other_family}, {"bad-pointer", bad_pointer},
	{"bad-descriptor", bad_descriptor}, {"no-socket", no_socket},
};

enum { PAIRS = sizeof s_pairs / sizeof *s_pairs, CASES = PAIRS + sizeof s_cases / sizeof *s_cases };

static const char *case_name(int number) { return number < PAIRS ? s_pairs[number].name : s_cases[number - PAIRS].name; }

int list_why(void)
{
	for (int i = 0; i < CASES; i++)
		puts(case_name(i));
	return 0;
}

static bool is_wanted(const char *name, int count, char **names)
{
	for (int i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return count == 0;
}

static bool run_case(int number)
{
	int done[2], living[2];
	char byte, text[128];
	currentCase = case_name(number);
	if (pipe(done) != 0 || pipe(living) != 0)
		return false;
	pid_t child = fork();
	if (child == 0) {
		close(done[0]);
		close(living[1]);
		life = living[0];
		// A case that hangs must not hang the tests.
		alarm(60);
		if (geteuid() == 0)
			enter_private_network();
		if (number < PAIRS)
			run_pair(&s_pairs[number]);
		else
			s_cases[number - PAIRS].body();
		alarm(0);
		if (write(done[1], "x", 1) != 1)
			_exit(74);
		stay(NULL);
	}
	close(done[1]);
	close(living[0]);
	bool whole = child > 0 && read(done[0], &byte, 1) == 1;
	close(done[0]);
	snprintf(text, sizeof text, "{\"ready\":\"%s\"}\n", currentCase);
	int status = 0;
	if (!whole && (child < 0 || waitpid(child, &status, 0) < 0 || status != 0)) {
		print_skipped(currentCase, "broken: it did not end well");
		print_text(text);
		return false;
	}
	print_text(text);
	while (read(STDIN_FILENO, &byte, 1) == 1 && byte != '\n')
		;
	close(living[1]);
	if (whole)
		waitpid(child, &status, 0);
	snprintf(text, sizeof text, "bindtruth-why-%d", (int)getpid());
	if (cgroup_root() >= 0)
		unlinkat(cgroup_root(), text, AT_REMOVEDIR);
	return true;
}

int run_why(int count, char **names)
{
	bool good = true;
	for (int i = 0; i < CASES; i++)
		if (is_wanted(case_name(i), count, names))
			good &= run_case(i);
	return good ? 0 : 1;
}
