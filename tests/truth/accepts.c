// The cases of accept(), with ports 20800 to 20899. The listeners and clients that they need are of their own
// making; only the accepts get lines.

#include "bindtruth.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

struct accept_case {
	const char *name;
	unsigned port;
	void (*run)(const struct accept_case *);
	const char *what;
};

struct accept_call {
	int fd;
	enum via via;
	bool four; // accept4
	int flags;
	struct ring *ring;
	bool submitted; // the ring has the entry already
	bool byWorker;
	bool hidden;
	bool noAddress, badAddress;
	int twin; // another descriptor of the listener, in case the call's own is closed meanwhile
};

// ---- an accept and its record

// Room for the answer, which an entry of a ring may get late.
static struct sockaddr_storage peerRoom;
static socklen_t peerLength;

static void set_address(struct sockaddr_storage *from, bool *has, char text[INET6_ADDRSTRLEN], unsigned *port, bool got)
{
	*has = got && text_of(from, text, port);
}

static int accept_and_report(const struct accept_call *call)
{
	struct accept_record record;
	memset(&record, 0, sizeof record);
	// io_uring and the direct 32-bit call have only the one with flags.
	record.call = call->four || call->via == VIA_URING || call->via == VIA_INT80 ? CALL_ACCEPT4 : CALL_ACCEPT;
	record.via = call->via;
	record.shown = !call->hidden;
	record.flags = call->flags;
	read_who(&record.who);

	if (!call->submitted) {
		memset(&peerRoom, 0, sizeof peerRoom);
		peerLength = sizeof peerRoom;
	}
	struct sockaddr_storage *peer = call->noAddress ? NULL : call->badAddress ? (void *)16 : &peerRoom;
	int result = call->submitted ? await_ring(call->ring) : make_accept(call->via, call->ring, call->fd, peer,
		call->noAddress ? NULL : &peerLength, call->four, call->flags);
	record.error = result < 0 ? -result : 0;
	record.descriptor = result;
	if (call->byWorker)
		record.who.tid = ring_worker(record.who.comm);

	int told = result >= 0 ? result : call->twin > 0 ? call->twin : call->fd;
	read_socket(told, &record.socket);
	if (record.socket.netns == 0)
		record.socket.netns = netns_at_making(call->fd);
	// The accepted connection is gone, and nothing shows which it was.
	record.socket.inodeUnknown = call->badAddress;
	struct sockaddr_storage name = {.ss_family = 0};
	socklen_t length = sizeof name;
	bool got = getsockname(told, (struct sockaddr *)&name, &length) == 0;
	set_address(&name, &record.hasLocal, record.localAddress, &record.localPort, got);
	if (result >= 0) {
		length = sizeof name;
		// A connection that is gone already has no peer any more; the call itself still reported one.
		got = getpeername(result, (struct sockaddr *)&name, &length) == 0;
		set_address(got ? &name : &peerRoom, &record.hasRemote, record.remoteAddress, &record.remotePort,
			got || !(call->noAddress || call->badAddress));
		record.nonblocking = (fcntl(result, F_GETFL) & O_NONBLOCK) != 0;
	}
	print_accept(&record);
	return result;
}

// ---- listeners and clients

static int listener_of(int family, int protocol, const char *address, unsigned port, unsigned scope)
{
	int fd = open_socket(family, SOCK_STREAM, protocol), on = 1;
	// For a second run, where there is no network of one's own.
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	struct place place = place_scoped(address, port, scope);
	if (bind(fd, (struct sockaddr *)&place.address, (socklen_t)place.length) != 0)
		skip("bind of the listener: %s", error_name(errno));
	if (listen(fd, 64) != 0)
		skip("listen: %s", error_name(errno));
	return fd;
}

static int listener4(unsigned port)
{
	return listener_of(AF_INET, 0, "127.0.0.1", port, 0);
}

static int client_of(int protocol, const char *address, unsigned port, unsigned scope)
{
	struct place place = place_scoped(address, port, scope);
	int fd = open_socket(place.address.ss_family, SOCK_STREAM, protocol);
	// The kernel adds the route to a new IPv6 address some time after the address.
	for (int tries = 0; connect(fd, (struct sockaddr *)&place.address, (socklen_t)place.length) != 0; tries++) {
		if ((errno != ENETUNREACH && errno != EADDRNOTAVAIL && errno != EHOSTUNREACH) || tries == 500)
			skip("connect: %s", error_name(errno));
		usleep(10000);
	}
	return fd;
}

static int client4(unsigned port)
{
	return client_of(0, "127.0.0.1", port, 0);
}

static void set_nonblocking(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

// ---- addresses

static void tcp4(const struct accept_case *c)
{
	int fd = listener4(c->port);
	client4(c->port);
	accept_and_report(&(struct accept_call){.fd = fd});
}

static void tcp6(const struct accept_case *c)
{
	int fd = listener_of(AF_INET6, 0, "::1", c->port, 0);
	client_of(0, "::1", c->port, 0);
	accept_and_report(&(struct accept_call){.fd = fd});
}

static void mapped(const struct accept_case *c)
{
	int fd = listener_of(AF_INET6, 0, "::", c->port, 0);
	client4(c->port);
	accept_and_report(&(struct accept_call){.fd = fd});
	client_of(0, "::1", c->port, 0);
	accept_and_report(&(struct accept_call){.fd = fd});
}

static void any(const struct accept_case *c)
{
	int fd = listener_of(AF_INET, 0, "0.0.0.0", c->port, 0);
	client_of(0, "127.0.0.2", c->port, 0);
	accept_and_report(&(struct accept_call){.fd = fd});
}

// The route to a new IPv6 address comes some time after the address; what is sent until then is lost, and TCP sends it
// again only after a second.
static void await_delivery(const char *address, unsigned port, unsigned scope)
{
	struct place place = place_scoped(address, port, scope);
	int fd = open_socket(place.address.ss_family, SOCK_DGRAM, 0);
	struct timeval soon = {.tv_usec = 5000};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
	if (bind(fd, (struct sockaddr *)&place.address, (socklen_t)place.length) != 0)
		skip("bind: %s", error_name(errno));
	char byte = 0;
	for (int tries = 0; tries < 1000; tries++) {
		sendto(fd, &byte, 1, 0, (struct sockaddr *)&place.address, (socklen_t)place.length);
		if (recv(fd, &byte, 1, 0) == 1)
			break;
	}
	close(fd);
}

static void link_local(const struct accept_case *c)
{
	if (!privateNetwork)
		skip("needs a network namespace of its own");
	unsigned lo = ifindex_of("lo");
	int fd = listener_of(AF_INET6, 0, "fe80::1", c->port, lo);
	await_delivery("fe80::1", c->port, lo);
	client_of(0, "fe80::1", c->port, lo);
	accept_and_report(&(struct accept_call){.fd = fd});
}

static void device(const struct accept_case *c)
{
	int fd = listener4(c->port);
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3) != 0)
		skip("SO_BINDTODEVICE: %s", error_name(errno));
	client4(c->port);
	accept_and_report(&(struct accept_call){.fd = fd});
}

static void many(const struct accept_case *c)
{
	int fd = listener4(c->port);
	for (int i = 0; i < 50; i++)
		client4(c->port);
	for (int i = 0; i < 50; i++)
		accept_and_report(&(struct accept_call){.fd = fd});
}

// ---- variants of the call

static void four_flags(const struct accept_case *c)
{
	static const int flags[] = {0, SOCK_NONBLOCK, SOCK_CLOEXEC, SOCK_NONBLOCK | SOCK_CLOEXEC};
	int fd = listener4(c->port);
	for (unsigned i = 0; i < 4; i++) {
		client4(c->port);
		accept_and_report(&(struct accept_call){.fd = fd, .four = true, .flags = flags[i]});
	}
}

static void no_address(const struct accept_case *c)
{
	int fd = listener4(c->port);
	client4(c->port);
	accept_and_report(&(struct accept_call){.fd = fd, .noAddress = true});
}

static void waiting(const struct accept_case *c)
{
	int fd = listener4(c->port);
	pid_t child = fork();
	if (child == 0) {
		usleep(100000);
		client4(c->port);
		_exit(0);
	}
	accept_and_report(&(struct accept_call){.fd = fd});
	waitpid(child, NULL, 0);
}

static void *thread_body(void *argument)
{
	prctl(PR_SET_NAME, "acceptor");
	accept_and_report(&(struct accept_call){.fd = *(int *)argument});
	return NULL;
}

static void thread(const struct accept_case *c)
{
	int fd = listener4(c->port);
	client4(c->port);
	pthread_t other;
	int error = pthread_create(&other, NULL, thread_body, &fd);
	if (error != 0)
		skip("pthread_create: %s", error_name(error));
	pthread_join(other, NULL);
}

static void child_process(const struct accept_case *c)
{
	int fd = listener4(c->port);
	client4(c->port);
	pid_t child = fork();
	if (child == 0) {
		accept_and_report(&(struct accept_call){.fd = fd});
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

static void other_netns(const struct accept_case *c)
{
	int fd = listener4(c->port);
	client4(c->port);
	accept_and_report(&(struct accept_call){.fd = fd});
	if (!enter_private_network())
		skip("unshare(CLONE_NEWNET): %s", error_name(errno));
	fd = listener4(c->port);
	client4(c->port);
	accept_and_report(&(struct accept_call){.fd = fd});
}

static void foreign_netns(const struct accept_case *c)
{
	int fd = listener4(c->port);
	client4(c->port);
	if (!enter_private_network())
		skip("unshare(CLONE_NEWNET): %s", error_name(errno));
	accept_and_report(&(struct accept_call){.fd = fd});
}

static void other_user(const struct accept_case *c)
{
	int fd = listener4(c->port);
	client4(c->port);
	become(12345, 23456);
	accept_and_report(&(struct accept_call){.fd = fd});
}

static void other_mntns(const struct accept_case *c)
{
	int fd = listener4(c->port);
	client4(c->port);
	if (unshare(CLONE_NEWNS) != 0)
		skip("unshare(CLONE_NEWNS): %s", error_name(errno));
	accept_and_report(&(struct accept_call){.fd = fd});
}

static void odd_comm(const struct accept_case *c)
{
	int fd = listener4(c->port);
	client4(c->port);
	prctl(PR_SET_NAME, "\033[31m\"\\\377\n");
	accept_and_report(&(struct accept_call){.fd = fd});
}

// ---- protocols

static void mptcp(const struct accept_case *c)
{
	int fd = listener_of(AF_INET, IPPROTO_MPTCP, "127.0.0.1", c->port, 0);
	client_of(IPPROTO_MPTCP, "127.0.0.1", c->port, 0);
	accept_and_report(&(struct accept_call){.fd = fd});
}

static void mptcp_plain(const struct accept_case *c)
{
	int fd = listener_of(AF_INET, IPPROTO_MPTCP, "127.0.0.1", c->port, 0);
	client4(c->port);
	accept_and_report(&(struct accept_call){.fd = fd});
}

static void sctp(const struct accept_case *c)
{
	int fd = listener_of(AF_INET, IPPROTO_SCTP, "127.0.0.1", c->port, 0);
	client_of(IPPROTO_SCTP, "127.0.0.1", c->port, 0);
	accept_and_report(&(struct accept_call){.fd = fd});
}

static void hidden_unix(const struct accept_case *c)
{
	(void)c;
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = open_socket(AF_UNIX, SOCK_STREAM, 0), client = open_socket(AF_UNIX, SOCK_STREAM, 0);
	socklen_t length = sizeof name;
	// Bound to nothing: the kernel chooses a name.
	if (bind(fd, (struct sockaddr *)&name, sizeof name.sun_family) != 0 || listen(fd, 4) != 0 ||
		getsockname(fd, (struct sockaddr *)&name, &length) != 0 || connect(client, (struct sockaddr *)&name, length) != 0)
		skip("a pair of AF_UNIX sockets: %s", error_name(errno));
	accept_and_report(&(struct accept_call){.fd = fd, .hidden = true});
}

// ---- failures

static void would_block(const struct accept_case *c)
{
	int fd = listener4(c->port);
	set_nonblocking(fd);
	accept_and_report(&(struct accept_call){.fd = fd});
}

static void times_out(const struct accept_case *c)
{
	int fd = listener4(c->port);
	struct timeval soon = {.tv_usec = 20000};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
	accept_and_report(&(struct accept_call){.fd = fd});
}

static void on_alarm(int number)
{
	(void)number;
}

static void interrupted(const struct accept_case *c)
{
	int fd = listener4(c->port);
	struct sigaction action = {.sa_handler = on_alarm}; // without SA_RESTART
	sigaction(SIGALRM, &action, NULL);
	// Again and again, as the first might come before the call; set to an interval it also ends a hang.
	struct itimerval timer = {.it_value.tv_usec = 50000, .it_interval.tv_usec = 50000};
	setitimer(ITIMER_REAL, &timer, NULL);
	accept_and_report(&(struct accept_call){.fd = fd});
}

// Signals whose handler lets the call be made again: it is one call, which gets a connection in the end.
static void *signal_and_connect(void *argument)
{
	const struct accept_case *c = argument;
	for (int i = 0; i < 10; i++) {
		usleep(20000);
		kill(getpid(), SIGUSR1);
	}
	usleep(20000);
	client4(c->port);
	return NULL;
}

static void restarted(const struct accept_case *c)
{
	int fd = listener4(c->port);
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	sigaction(SIGUSR1, &action, NULL);
	// Only the thread that waits is to get them.
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	pthread_t other;
	int error = pthread_create(&other, NULL, signal_and_connect, (void *)(uintptr_t)c);
	if (error != 0)
		skip("pthread_create: %s", error_name(error));
	pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
	accept_and_report(&(struct accept_call){.fd = fd});
	pthread_join(other, NULL);
}

// The same, but stopped and continued, which no handler has a say in.
static void continued(const struct accept_case *c)
{
	int fd = listener4(c->port);
	pid_t self = getpid(), other = fork();
	if (other < 0)
		skip("fork: %s", error_name(errno));
	if (other == 0) {
		for (int i = 0; i < 3; i++) {
			usleep(20000);
			kill(self, SIGSTOP);
			usleep(20000);
			kill(self, SIGCONT);
		}
		usleep(20000);
		client4(c->port);
		_exit(0);
	}
	accept_and_report(&(struct accept_call){.fd = fd});
	waitpid(other, NULL, 0);
}

// Bound, but no listener.
static int bound_only(int type, int protocol, unsigned port)
{
	struct place place = place_of("127.0.0.1", port);
	int fd = open_socket(AF_INET, type, protocol);
	if (bind(fd, (struct sockaddr *)&place.address, (socklen_t)place.length) != 0)
		skip("bind: %s", error_name(errno));
	return fd;
}

static void not_listening(const struct accept_case *c)
{
	accept_and_report(&(struct accept_call){.fd = bound_only(SOCK_STREAM, 0, c->port)});
	accept_and_report(&(struct accept_call){.fd = open_socket(AF_INET6, SOCK_STREAM, 0)}); // not even bound
}

struct ending {
	int fd;
	bool close;
};

// Gives the call time to wait.
static void *end_listening(void *argument)
{
	struct ending *ending = argument;
	usleep(100000);
	shutdown(ending->fd, SHUT_RDWR);
	if (ending->close)
		close(ending->fd);
	return NULL;
}

static void shut_down(const struct accept_case *c)
{
	struct ending ending = {.fd = listener4(c->port), .close = strcmp(c->name, "accept-closed") == 0};
	pthread_t other;
	int twin = dup(ending.fd), error = pthread_create(&other, NULL, end_listening, &ending);
	if (twin < 0 || error != 0)
		skip("dup or pthread_create: %s", error_name(twin < 0 ? errno : error));
	accept_and_report(&(struct accept_call){.fd = ending.fd, .twin = twin});
	pthread_join(other, NULL);
}

static void mptcp_would_block(const struct accept_case *c)
{
	int fd = listener_of(AF_INET, IPPROTO_MPTCP, "127.0.0.1", c->port, 0);
	set_nonblocking(fd);
	accept_and_report(&(struct accept_call){.fd = fd});
}

static void mptcp_not_listening(const struct accept_case *c)
{
	accept_and_report(&(struct accept_call){.fd = bound_only(SOCK_STREAM, IPPROTO_MPTCP, c->port)});
}

static void bad_flags(const struct accept_case *c)
{
	int fd = listener4(c->port);
	client4(c->port);
	accept_and_report(&(struct accept_call){.fd = fd, .four = true, .flags = 1});
}

static void datagrams(const struct accept_case *c)
{
	accept_and_report(&(struct accept_call){.fd = bound_only(SOCK_DGRAM, 0, c->port)});
}

static void too_many_files(const struct accept_case *c)
{
	int fd = listener4(c->port);
	client4(c->port);
	struct accept_record record = {.call = CALL_ACCEPT, .shown = true};
	read_who(&record.who);
	read_socket(fd, &record.socket);
	struct sockaddr_storage name = {.ss_family = 0};
	socklen_t length = sizeof name;
	bool got = getsockname(fd, (struct sockaddr *)&name, &length) == 0;
	set_address(&name, &record.hasLocal, record.localAddress, &record.localPort, got);

	// All facts are in before the limit, as they take descriptors.
	struct rlimit limit, low;
	int next = dup(fd);
	if (next < 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0)
		skip("dup or getrlimit: %s", error_name(errno));
	close(next);
	low = limit;
	low.rlim_cur = (rlim_t)next;
	if (setrlimit(RLIMIT_NOFILE, &low) != 0)
		skip("setrlimit: %s", error_name(errno));
	length = sizeof name;
	record.error = -make_accept(VIA_SYSCALL, NULL, fd, &name, &length, false, 0);
	setrlimit(RLIMIT_NOFILE, &limit);
	if (record.error <= 0)
		skip("a descriptor was to be had beyond the limit");
	print_accept(&record);
}

static void not_a_socket(const struct accept_case *c)
{
	(void)c;
	int ends[2];
	if (pipe(ends) != 0)
		skip("pipe: %s", error_name(errno));
	accept_and_report(&(struct accept_call){.fd = ends[0]});
}

static void bad_descriptor(const struct accept_case *c)
{
	(void)c;
	accept_and_report(&(struct accept_call){.fd = -1});
}

static void bad_memory(const struct accept_case *c)
{
	int fd = listener4(c->port);
	client4(c->port);
	accept_and_report(&(struct accept_call){.fd = fd, .badAddress = true});
}

static void aborted(const struct accept_case *c)
{
	int fd = listener4(c->port);
	int client = client4(c->port);
	struct linger reset = {.l_onoff = 1, .l_linger = 0};
	setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	close(client);
	accept_and_report(&(struct accept_call){.fd = fd});
}

// ---- other ways in

static void via_low(const struct accept_case *c)
{
	need_int80();
	bool plain = strcmp(c->name, "accept-socketcall") == 0;
	enum via via = strstr(c->name, "int80") != NULL ? VIA_INT80 : VIA_SOCKETCALL;
	int fd = listener4(c->port);
	client4(c->port);
	accept_and_report(&(struct accept_call){.fd = fd, .via = via, .four = !plain, .flags = plain ? 0 : SOCK_NONBLOCK});
	set_nonblocking(fd);
	accept_and_report(&(struct accept_call){.fd = fd, .via = via, .four = !plain}); // nobody there
}

static void uring(const struct accept_case *c)
{
	bool six = strchr(c->name, '6') != NULL;
	struct ring ring;
	open_ring(&ring, 0, RING_ACCEPT);
	int fd = six ? listener_of(AF_INET6, 0, "::1", c->port, 0) : listener4(c->port);
	client_of(0, six ? "::1" : "127.0.0.1", c->port, 0);
	accept_and_report(&(struct accept_call){.fd = fd, .via = VIA_URING, .ring = &ring, .flags = SOCK_NONBLOCK});
}

// The entry is there before the connection is.
static void uring_waiting(const struct accept_case *c)
{
	struct ring ring;
	open_ring(&ring, 0, RING_ACCEPT);
	int fd = listener4(c->port);
	peerLength = sizeof peerRoom;
	submit_accept(&ring, fd, &peerRoom, &peerLength, 0, 0, 0);
	client4(c->port);
	accept_and_report(&(struct accept_call){.fd = fd, .via = VIA_URING, .ring = &ring, .submitted = true});
}

static void need_kernel(int major, int minor, const char *otherwise)
{
	struct utsname system;
	int first, second;
	if (uname(&system) == 0 && sscanf(system.release, "%d.%d", &first, &second) == 2 &&
		(first < major || (first == major && second < minor)))
		skip("before Linux %d.%d %s", major, minor, otherwise);
}

static void uring_multishot(const struct accept_case *c)
{
	struct ring ring;
	open_ring(&ring, 0, RING_ACCEPT);
	int fd = listener4(c->port);
	// An older kernel refuses the entry as such: nothing would be accepted, and no tracer see anything.
	need_kernel(5, 19, "an entry is for one connection");
	for (int i = 0; i < 3; i++)
		client4(c->port);
	submit_accept(&ring, fd, NULL, NULL, 0, 0, RING_MULTISHOT);
	for (int i = 0; i < 3; i++)
		if (accept_and_report(&(struct accept_call){.fd = fd, .via = VIA_URING, .ring = &ring, .submitted = true,
			.noAddress = true}) < 0)
			break; // no more answers come after an error
}

// Nobody being there is no error here: whatever the listener's flags, the ring waits.
static void uring_error(const struct accept_case *c)
{
	struct ring ring;
	open_ring(&ring, 0, RING_ACCEPT);
	int fd = bound_only(SOCK_STREAM, 0, c->port);
	accept_and_report(&(struct accept_call){.fd = fd, .via = VIA_URING, .ring = &ring});
}

static void uring_async(const struct accept_case *c)
{
	struct ring ring;
	need_kernel(5, 12, "the threads of io_uring cannot be identified");
	open_ring(&ring, 0, RING_ACCEPT);
	int fd = listener4(c->port);
	client4(c->port);
	peerLength = sizeof peerRoom;
	submit_accept(&ring, fd, &peerRoom, &peerLength, 0, SQE_ASYNC, 0);
	accept_and_report(&(struct accept_call){.fd = fd, .via = VIA_URING, .ring = &ring, .submitted = true, .byWorker = true});
}

static void uring_sqpoll(const struct accept_case *c)
{
	struct ring ring;
	need_kernel(5, 12, "the threads of io_uring cannot be identified");
	open_ring(&ring, RING_SQPOLL, RING_ACCEPT);
	int fd = listener4(c->port);
	client4(c->port);
	accept_and_report(&(struct accept_call){.fd = fd, .via = VIA_URING, .ring = &ring, .byWorker = true});
}

// ---- the table

static const struct accept_case cases[] = {
	{"accept-tcp4", 20800, tcp4, NULL},
	{"accept-tcp6", 20801, tcp6, NULL},
	{"accept-mapped", 20802, mapped, "a listener on [::], IPv4 client, then IPv6 client"},
	{"accept-any", 20803, any, "a listener on 0.0.0.0"},
	{"accept-linklocal", 20804, link_local, NULL},
	{"accept-device", 20805, device, "SO_BINDTODEVICE lo"},
	{"accept-many", 20806, many, "50 of them"},
	{"accept4-flags", 20807, four_flags, "none, NONBLOCK, CLOEXEC, both"},
	{"accept-no-address", 20808, no_address, "null pointers"},
	{"accept-waiting", 20809, waiting, "the connection comes later"},
	{"accept-thread", 20810, thread, NULL},
	{"accept-child", 20811, child_process, "the listener is inherited"},
	{"accept-other-netns", 20812, other_netns, "the same port in two networks"},
	{"accept-foreign-netns", 20813, foreign_netns, "the listener is of another network than the caller"},
	{"accept-other-user", 20814, other_user, "uid 12345, gid 23456"},
	{"accept-other-mntns", 20815, other_mntns, NULL},
	{"accept-comm", 20816, odd_comm, "escape sequence, not UTF-8"},
	{"accept-mptcp", 20817, mptcp, NULL},
	{"accept-mptcp-plain", 20818, mptcp_plain, "MPTCP listener, TCP client"},
	{"accept-sctp", 20819, sctp, NULL},
	{"accept-hidden-unix", 0, hidden_unix, NULL},
	{"accept-eagain", 20821, would_block, NULL},
	{"accept-timeout", 20822, times_out, "SO_RCVTIMEO"},
	{"accept-eintr", 20823, interrupted, NULL},
	{"accept-restarted", 20844, restarted, "ten signals, SA_RESTART"},
	{"accept-continued", 20845, continued, "stopped and continued"},
	{"accept-einval", 20824, not_listening, "bound, then unbound"},
	{"accept4-einval-flags", 20825, bad_flags, NULL},
	{"accept-eopnotsupp", 20826, datagrams, "a UDP socket"},
	{"accept-emfile", 20827, too_many_files, NULL},
	{"accept-enotsock", 0, not_a_socket, NULL},
	{"accept-ebadf", 0, bad_descriptor, NULL},
	{"accept-efault", 20828, bad_memory, "the connection is accepted and lost"},
	{"accept-aborted", 20829, aborted, "reset before it is accepted; Linux hands it out all the same"},
	{"accept-int80", 20830, via_low, "accept4; good, then EAGAIN"},
	{"accept-socketcall", 20831, via_low, "accept; good, then EAGAIN"},
	{"accept4-socketcall", 20832, via_low, "accept4; good, then EAGAIN"},
	{"accept-uring4", 20833, uring, NULL},
	{"accept-uring6", 20834, uring, NULL},
	{"accept-uring-waiting", 20835, uring_waiting, "the connection comes later"},
	{"accept-uring-multishot", 20836, uring_multishot, "one entry, three connections"},
	{"accept-uring-einval", 20837, uring_error, "not listening"},
	{"accept-uring-async", 20838, uring_async, "done by a worker thread"},
	{"accept-uring-sqpoll", 20839, uring_sqpoll, "done by the polling thread"},
	{"accept-shutdown", 20840, shut_down, "another thread ends the listening"},
	{"accept-closed", 20841, shut_down, "and closes the descriptor"},
	{"accept-mptcp-eagain", 20842, mptcp_would_block, NULL},
	{"accept-mptcp-einval", 20843, mptcp_not_listening, NULL},
};

enum { CASES = sizeof cases / sizeof *cases };

int list_accepts(bool verbose)
{
	for (int i = 0; i < CASES; i++) {
		if (verbose)
			printf("%-24s %5u  %s\n", cases[i].name, cases[i].port, cases[i].what == NULL ? "" : cases[i].what);
		else
			puts(cases[i].name);
	}
	return 0;
}

static void run_case(const void *argument)
{
	const struct accept_case *c = argument;
	c->run(c);
}

static const struct accept_case *find(const char *name)
{
	for (int i = 0; i < CASES; i++)
		if (strcmp(cases[i].name, name) == 0)
			return &cases[i];
	return NULL;
}

int run_accepts(int count, char **names)
{
	for (int i = 0; i < count; i++) {
		if (find(names[i]) == NULL) {
			fprintf(stderr, "bindtruth: no case %s\n", names[i]);
			return 2;
		}
	}
	bool good = true;
	for (int i = 0; i < (count > 0 ? count : CASES); i++) {
		const struct accept_case *c = count > 0 ? find(names[i]) : &cases[i];
		good &= run_isolated(c->name, true, run_case, c);
	}
	return good ? 0 : 1;
}
