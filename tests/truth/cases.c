// The cases of bind(), each with ports of its own, so that a test can filter by them. The table at the end is
// the list: name, first port, what is done. Ports are 20000 to 20999 except for the few that must be privileged.

#include "bindtruth.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

struct bind_case {
	const char *name;
	unsigned port;
	const char *what;
	bool host;         // stays in the network namespace of the caller
	bool needsPrivate; // makes no sense in any other than one of its own
	void (*run)(const struct bind_case *);
	// For the cases that are one socket and one bind:
	int type, protocol;
	const char *address, *options, *device;
	bool v6only, badScope;
	const char *scope;
};

static int report(int fd, const struct place *place)
{
	return bind_and_report(&(struct bind_call){.fd = fd, .address = &place->address, .length = place->length});
}

static int report_at(int fd, const char *address, unsigned port)
{
	struct place place = place_of(address, port);
	return report(fd, &place);
}

static int report_length(int fd, const char *address, unsigned port, int length)
{
	struct place place = place_of(address, port);
	place.length = length;
	return report(fd, &place);
}

static int tcp4(void) { return open_socket(AF_INET, SOCK_STREAM, 0); }
static int udp4(void) { return open_socket(AF_INET, SOCK_DGRAM, 0); }
static int tcp6(void) { return open_socket(AF_INET6, SOCK_STREAM, 0); }
static int udp6(void) { return open_socket(AF_INET6, SOCK_DGRAM, 0); }

static void set_device(int fd, const char *device)
{
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device) + 1) != 0)
		skip("SO_BINDTODEVICE %s: %s", device, error_name(errno));
}

static void set_v6only(int fd, int on)
{
	if (setsockopt(fd, SOL_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0)
		skip("IPV6_V6ONLY: %s", error_name(errno));
}

static void run_simple(const struct bind_case *c)
{
	int family = strchr(c->address, ':') != NULL ? AF_INET6 : AF_INET;
	int fd = open_socket(family, c->type, c->protocol);
	if (c->options != NULL)
		set_options(fd, c->options);
	if (c->v6only)
		set_v6only(fd, 1);
	if (c->device != NULL)
		set_device(fd, c->device);
	unsigned scope = c->badScope ? 9999 : c->scope != NULL ? ifindex_of(c->scope) : 0;
	struct place place = place_scoped(c->address, c->port, scope);
	report(fd, &place);
}

// ---- devices

static void link_local_device(const struct bind_case *c)
{
	int index = create_device("truth0");
	need_address(index, "fe80::b1d", 64);
	struct place place = place_scoped("fe80::b1d", c->port, (unsigned)index);
	report(tcp6(), &place);
	place = place_scoped("fe80::b1d", c->port + 1, (unsigned)index);
	report(udp6(), &place);
}

static void bind_to_device(const struct bind_case *c)
{
	create_device("truth0");
	int fd = tcp4();
	set_device(fd, "truth0");
	report_at(fd, "0.0.0.0", c->port);
	fd = udp6();
	set_device(fd, "truth0");
	report_at(fd, "::", c->port + 1);
}

// ---- options

static void every_option_set(const struct bind_case *c, int family, int type)
{
	for (unsigned set = 0; set < 32; set++) {
		char letters[6] = "";
		size_t count = 0;
		for (unsigned bit = 0; bit < 5; bit++)
			if (set >> bit & 1)
				letters[count++] = "FTNRr"[bit];
		int fd = open_socket(family, type, 0);
		set_options(fd, letters);
		report_at(fd, family == AF_INET ? "127.0.0.1" : "::1", c->port + set);
		close(fd);
	}
}

static void options_tcp4(const struct bind_case *c) { every_option_set(c, AF_INET, SOCK_STREAM); }
static void options_tcp6(const struct bind_case *c) { every_option_set(c, AF_INET6, SOCK_STREAM); }
static void options_udp4(const struct bind_case *c) { every_option_set(c, AF_INET, SOCK_DGRAM); }

static void options_level6(const struct bind_case *c)
{
	static const int names[] = {78, 75}; // IPV6_FREEBIND, IPV6_TRANSPARENT
	for (unsigned i = 0; i < 2; i++) {
		int fd = tcp6(), on = 1;
		if (setsockopt(fd, SOL_IPV6, names[i], &on, sizeof on) != 0)
			skip("option %d at SOL_IPV6: %s", names[i], error_name(errno));
		report_at(fd, "2001:db8::1", c->port + i);
	}
}

static void options_off_again(const struct bind_case *c)
{
	int fd = tcp4(), off = 0;
	set_options(fd, "R");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &off, sizeof off);
	report_at(fd, "127.0.0.1", c->port);
}

static void reuseport_pair(const struct bind_case *c)
{
	for (int i = 0; i < 2; i++) {
		int fd = tcp4();
		set_options(fd, "r");
		report_at(fd, "127.0.0.1", c->port);
	}
}

// ---- failures

static void in_use(const struct bind_case *c)
{
	static const struct { int family, type; const char *address; } kinds[] = {
		{AF_INET, SOCK_STREAM, "127.0.0.1"}, {AF_INET, SOCK_DGRAM, "127.0.0.1"},
		{AF_INET6, SOCK_STREAM, "::1"}, {AF_INET6, SOCK_DGRAM, "::1"}};
	unsigned kind = c->name[strlen(c->name) - 1] == '6' ? 2 : 0;
	kind += strstr(c->name, "udp") != NULL;
	for (int i = 0; i < 2; i++)
		report_at(open_socket(kinds[kind].family, kinds[kind].type, 0), kinds[kind].address, c->port);
}

static void in_use_dual_stack(const struct bind_case *c)
{
	int fd = tcp6();
	set_v6only(fd, 0);
	report_at(fd, "::", c->port);
	report_at(tcp4(), "0.0.0.0", c->port);
}

static void denied(const struct bind_case *c)
{
	char start[16];
	if (read_file("/proc/sys/net/ipv4/ip_unprivileged_port_start", start, sizeof start) && atoi(start) <= (int)c->port)
		skip("ports from %d on are free to all here", atoi(start));
	bool six = strchr(c->name, '6') != NULL;
	int fd = open_socket(six ? AF_INET6 : AF_INET, strstr(c->name, "udp") != NULL ? SOCK_DGRAM : SOCK_STREAM, 0);
	if (geteuid() == 0)
		become(65534, 65534);
	report_at(fd, six ? "::1" : "127.0.0.1", c->port);
}

static void twice4(const struct bind_case *c)
{
	int fd = tcp4();
	report_at(fd, "127.0.0.1", c->port);
	report_at(fd, "0.0.0.0", c->port + 1);
}

static void twice6(const struct bind_case *c)
{
	int fd = udp6();
	report_at(fd, "::1", c->port);
	report_at(fd, "::", c->port + 1);
}

static void short_length4(const struct bind_case *c)
{
	static const int lengths[] = {0, 1, 2, 4, 8, 15};
	for (unsigned i = 0; i < 6; i++)
		report_length(tcp4(), "127.0.0.1", c->port + i, lengths[i]);
}

static void short_length6(const struct bind_case *c)
{
	static const int lengths[] = {0, 8, 16, 23};
	for (unsigned i = 0; i < 4; i++)
		report_length(tcp6(), "::1", c->port + i, lengths[i]);
}

static void long_length(const struct bind_case *c)
{
	// 200 bytes really are there: it is the number that is refused, not the memory.
	struct { struct place place; char more[200]; } roomy;
	memset(&roomy, 0, sizeof roomy);
	roomy.place = place_of("127.0.0.1", c->port);
	static const int lengths[] = {128, 129, 200};
	for (unsigned i = 0; i < 3; i++) {
		((struct sockaddr_in *)&roomy.place.address)->sin_port = htons((uint16_t)(c->port + i));
		bind_and_report(&(struct bind_call){.fd = tcp4(), .address = &roomy.place.address, .length = lengths[i]});
	}
}

static void negative_length(const struct bind_case *c)
{
	report_length(tcp4(), "127.0.0.1", c->port, -1);
	report_length(tcp6(), "::1", c->port + 1, INT32_MIN);
}

static void length24(const struct bind_case *c)
{
	report_length(tcp6(), "::1", c->port, 24);
}

static void foreign_family4(const struct bind_case *c)
{
	report_at(tcp4(), "::1", c->port);
	struct place place = place_of("127.0.0.1", c->port + 1);
	place.address.ss_family = 77;
	report(tcp4(), &place);
	place = place_of("127.0.0.1", c->port + 2);
	place.address.ss_family = AF_UNIX;
	report(udp4(), &place);
}

static void foreign_family6(const struct bind_case *c)
{
	struct place place = place_of("127.0.0.1", c->port);
	place.length = sizeof(struct sockaddr_in6);
	report(tcp6(), &place);
	place = place_of("::1", c->port + 1);
	place.address.ss_family = 77;
	report(udp6(), &place);
	report_at(tcp6(), "127.0.0.1", c->port + 2); // 16 bytes, too few for an IPv6 socket
}

static void unspec_any(const struct bind_case *c)
{
	struct place place = place_of("0.0.0.0", c->port);
	place.address.ss_family = AF_UNSPEC;
	report(tcp4(), &place);
}

static void unspec_specific(const struct bind_case *c)
{
	struct place place = place_of("127.0.0.1", c->port);
	place.address.ss_family = AF_UNSPEC;
	report(tcp4(), &place);
}

static void unspec6(const struct bind_case *c)
{
	struct place place = place_of("::", c->port);
	place.address.ss_family = AF_UNSPEC;
	report(tcp6(), &place);
}

static void bad_descriptor(const struct bind_case *c)
{
	report_at(-1, "127.0.0.1", c->port);
	report_at(-1, "::1", c->port + 1);
	int fd = tcp4();
	close(fd);
	report_at(fd, "127.0.0.1", c->port + 2);
	report_at(0x7fffffff, "127.0.0.1", c->port + 3);
}

static void not_a_socket(const struct bind_case *c)
{
	int ends[2];
	if (pipe(ends) != 0)
		skip("pipe: %s", error_name(errno));
	report_at(ends[0], "127.0.0.1", c->port);
	int file = open("/proc/self/comm", O_RDONLY);
	report_at(file, "::1", c->port + 1);
	// Such a descriptor is refused before anyone asks whether it is a socket.
	int path = open("/", O_PATH | O_DIRECTORY);
	report_at(path, "127.0.0.1", c->port + 2);
}

static void bad_memory(const struct bind_case *c)
{
	unsigned char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED || munmap(pages + 4096, 4096) != 0)
		skip("mmap: %s", error_name(errno));
	bind_and_report(&(struct bind_call){.fd = tcp4(), .address = NULL, .length = 16, .unreadable = true});
	bind_and_report(&(struct bind_call){.fd = tcp6(), .address = pages + 4096, .length = 28, .unreadable = true});
	// The family and the port can be read, the rest cannot.
	struct place place = place_of("127.0.0.1", c->port);
	memcpy(pages + 4096 - 8, &place.address, 8);
	bind_and_report(&(struct bind_call){.fd = udp4(), .address = pages + 4096 - 8, .length = 16, .unreadable = true});
}

static void address_at_page_end(const struct bind_case *c)
{
	unsigned char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED || munmap(pages + 4096, 4096) != 0)
		skip("mmap: %s", error_name(errno));
	// Who reads more than the length given runs into the hole.
	struct place place = place_of("127.0.0.1", c->port);
	memcpy(pages + 4096 - 16, &place.address, 16);
	bind_and_report(&(struct bind_call){.fd = tcp4(), .address = pages + 4096 - 16, .length = 16});
}

static void bad_descriptor_no_memory(const struct bind_case *c)
{
	(void)c;
	bind_and_report(&(struct bind_call){.fd = -1, .address = NULL, .length = 16, .unreadable = true});
}

// ---- other protocols

static void ping(const struct bind_case *c)
{
	bool six = strchr(c->name, '6') != NULL;
	if (privateNetwork)
		write_file("/proc/sys/net/ipv4/ping_group_range", "0 2147483647");
	int fd = open_socket(six ? AF_INET6 : AF_INET, SOCK_DGRAM, six ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	report_at(fd, six ? "::1" : "127.0.0.1", c->port);
}

static void raw_with_options(const struct bind_case *c)
{
	int fd = open_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	set_options(fd, "F");
	report_at(fd, "192.0.2.1", c->port);
	int off = 0;
	fd = open_socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &off, sizeof off);
	report_at(fd, "127.0.0.1", c->port);
}

static void raw_failure(const struct bind_case *c)
{
	report_at(open_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), "192.0.2.1", c->port);
}

static void mptcp_in_use(const struct bind_case *c)
{
	for (int i = 0; i < 2; i++)
		report_at(open_socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP), "127.0.0.1", c->port);
}

// ---- what is not to be shown

static void hide(int fd, const void *address, int length)
{
	bind_and_report(&(struct bind_call){.fd = fd, .address = address, .length = length, .hidden = true});
}

static void hidden_unix(const struct bind_case *c)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int length = snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "bindtruth-%d", getpid());
	hide(open_socket(AF_UNIX, SOCK_STREAM, 0), &name, (int)offsetof(struct sockaddr_un, sun_path) + 1 + length);
	// Only the sockaddr looks like IP here.
	struct place place = place_of("127.0.0.1", c->port);
	hide(open_socket(AF_UNIX, SOCK_STREAM, 0), &place.address, place.length);
	// Nothing shows what this was meant to be.
	hide(-1, &name, (int)offsetof(struct sockaddr_un, sun_path) + 1 + length);
}

static void hidden_netlink(const struct bind_case *c)
{
	(void)c;
	struct sockaddr_nl name = {.nl_family = AF_NETLINK};
	hide(open_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), &name, sizeof name);
}

static void hidden_packet(const struct bind_case *c)
{
	(void)c;
	struct sockaddr_ll name = {.sll_family = AF_PACKET, .sll_ifindex = (int)ifindex_of("lo")};
	hide(open_socket(AF_PACKET, SOCK_RAW, 0), &name, sizeof name);
}

static void report_autobind(int fd, enum call kind, int error)
{
	struct bind_call call = {.fd = fd, .unreadable = true, .hidden = true};
	struct bind_record record;
	before_bind(&call, &record);
	record.call = kind;
	after_bind(&call, &record, error);
	print_bind(&record);
}

static void autobind_listen(const struct bind_case *c)
{
	(void)c;
	int fd = tcp4();
	report_autobind(fd, CALL_LISTEN, listen(fd, 1) == 0 ? 0 : errno);
	fd = tcp6();
	report_autobind(fd, CALL_LISTEN, listen(fd, 1) == 0 ? 0 : errno);
}

static void autobind_connect(const struct bind_case *c)
{
	struct place place = place_of("127.0.0.1", c->port);
	int fd = udp4();
	report_autobind(fd, CALL_CONNECT, connect(fd, (struct sockaddr *)&place.address, (socklen_t)place.length) == 0 ? 0 : errno);
	int listener = tcp4();
	listen(listener, 1);
	socklen_t length = sizeof place.address;
	getsockname(listener, (struct sockaddr *)&place.address, &length);
	fd = tcp4();
	report_autobind(fd, CALL_CONNECT, connect(fd, (struct sockaddr *)&place.address, length) == 0 ? 0 : errno);
}

// ---- threads and processes

static void in_thread(void *(*body)(void *), const struct bind_case *c)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, body, (void *)(uintptr_t)c);
	if (error != 0)
		skip("pthread_create: %s", error_name(error));
	pthread_join(thread, NULL);
}

static void *thread_body(void *argument)
{
	const struct bind_case *c = argument;
	report_at(tcp4(), "127.0.0.1", c->port);
	return NULL;
}

static void thread_plain(const struct bind_case *c)
{
	in_thread(thread_body, c);
}

static void *named_body(void *argument)
{
	prctl(PR_SET_NAME, "a-thread");
	return thread_body(argument);
}

static void thread_named(const struct bind_case *c)
{
	prctl(PR_SET_NAME, "the-leader");
	in_thread(named_body, c);
	report_at(tcp4(), "127.0.0.1", c->port + 1);
}

static void *own_files_body(void *argument)
{
	if (unshare(CLONE_FILES) != 0)
		skip("unshare(CLONE_FILES): %s", error_name(errno));
	return thread_body(argument);
}

// The thread's descriptor means nothing in the leader's table.
static void thread_own_files(const struct bind_case *c)
{
	in_thread(own_files_body, c);
}

static void *own_network_body(void *argument)
{
	enter_private_network();
	return thread_body(argument);
}

static void thread_own_network(const struct bind_case *c)
{
	report_at(tcp4(), "127.0.0.1", c->port + 1);
	in_thread(own_network_body, c);
}

static void *orphan_body(void *argument)
{
	// Until the leader is a zombie it is not gone.
	char text[512];
	for (int i = 0; i < 1000; i++, usleep(5000)) {
		if (read_file("/proc/self/stat", text, sizeof text) && strrchr(text, ')') != NULL && strrchr(text, ')')[2] == 'Z') {
			thread_body(argument);
			_exit(0);
		}
	}
	skip("the leader does not go");
}

static void thread_without_leader(const struct bind_case *c)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, orphan_body, (void *)(uintptr_t)c);
	if (error != 0)
		skip("pthread_create: %s", error_name(error));
	pthread_exit(NULL);
}

static void high_descriptor(const struct bind_case *c)
{
	struct rlimit limit = {.rlim_cur = 0};
	getrlimit(RLIMIT_NOFILE, &limit);
	// Beyond the 64 descriptors that a process has room for at first.
	int high = fcntl(tcp4(), F_DUPFD, limit.rlim_cur > 5000 ? 5000 : 900);
	if (high < 0)
		skip("fcntl(F_DUPFD): %s", error_name(errno));
	report_at(high, "127.0.0.1", c->port);
}

static void five_ports(const struct bind_case *c)
{
	for (unsigned i = 0; i < 5; i++)
		report_at(tcp4(), "127.0.0.1", c->port + i);
}

static void *shared_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		skip("mmap: %s", error_name(errno));
	return memory;
}

static int wait_for(pid_t child)
{
	int status;
	if (child < 0)
		skip("fork: %s", error_name(errno));
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// The result of a child that did nothing after its bind: its exit status is the error, and as it had no time to
// ask for its address, it requested one that leaves no choice.
static void finish_for_child(struct bind_record *record, int error)
{
	if (error < 0)
		skip("the child ended by a signal");
	record->error = error;
	record->after = record->before;
	record->hasAddress = record->hasRequested;
	memcpy(record->address, record->requestedAddress, sizeof record->address);
	record->port = record->requestedPort;
	print_bind(record);
}

static void exit_fast(const struct bind_case *c)
{
	struct bind_record *record = shared_memory(sizeof *record);
	pid_t child = fork();
	if (child == 0) {
		struct place place = place_of("127.0.0.1", c->port);
		struct bind_call call = {.fd = tcp4(), .address = &place.address, .length = place.length};
		before_bind(&call, record);
		syscall(SYS_exit_group, -make_bind(&call));
	}
	finish_for_child(record, wait_for(child));
}

static void execs_fast(const struct bind_case *c)
{
	int memory = memfd_create("bindtruth", 0);
	if (memory < 0 || ftruncate(memory, sizeof(struct bind_record)) != 0)
		skip("memfd_create: %s", error_name(errno));
	struct bind_record *record = mmap(NULL, sizeof *record, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	if (record == MAP_FAILED)
		skip("mmap: %s", error_name(errno));
	pid_t child = fork();
	if (child == 0) {
		char fd[16], port[16];
		snprintf(fd, sizeof fd, "%d", memory);
		snprintf(port, sizeof port, "%u", c->port);
		execl("/proc/self/exe", "bindtruth", "exec-fast", fd, port, (char *)NULL);
		_exit(127);
	}
	int error = wait_for(child);
	if (error == 127)
		skip("the program cannot execute itself");
	finish_for_child(record, error);
}

void exec_fast(char **arguments)
{
	struct bind_record *record = mmap(NULL, sizeof *record, PROT_READ | PROT_WRITE, MAP_SHARED, atoi(arguments[0]), 0);
	if (record == MAP_FAILED)
		_exit(127);
	open_cgroup_root();
	struct place place = place_of("127.0.0.1", (unsigned)atoi(arguments[1]));
	struct bind_call call = {.fd = tcp4(), .address = &place.address, .length = place.length};
	before_bind(&call, record);
	syscall(SYS_exit_group, -make_bind(&call));
	_exit(127);
}

// ---- namespaces, cgroups, users

static void other_netns(const struct bind_case *c)
{
	// The same port twice: no conflict, as these are two networks.
	report_at(tcp4(), "127.0.0.1", c->port);
	if (!enter_private_network())
		skip("unshare(CLONE_NEWNET): %s", error_name(errno));
	report_at(tcp4(), "127.0.0.1", c->port);
}

static void foreign_socket(const struct bind_case *c)
{
	int fd = tcp4();
	if (!enter_private_network())
		skip("unshare(CLONE_NEWNET): %s", error_name(errno));
	report_at(fd, "127.0.0.1", c->port);
}

static void other_mntns(const struct bind_case *c)
{
	if (unshare(CLONE_NEWNS) != 0)
		skip("unshare(CLONE_NEWNS): %s", error_name(errno));
	report_at(tcp4(), "127.0.0.1", c->port);
}

static void other_pidns(const struct bind_case *c)
{
	// A child of a new process namespace believes itself to be number 1; its parent knows better.
	pid_t *outer = shared_memory(sizeof *outer);
	pid_t self = getpid();
	if (unshare(CLONE_NEWPID) != 0)
		skip("unshare(CLONE_NEWPID): %s", error_name(errno));
	pid_t child = fork();
	if (child == 0) {
		pid_t pid;
		while ((pid = __atomic_load_n(outer, __ATOMIC_SEQ_CST)) == 0)
			usleep(1000);
		if (getpid() != 1)
			skip("not the first of its process namespace");
		struct who who;
		read_who(&who);
		who.pid = who.tid = pid;
		who.ppid = self;
		struct place place = place_of("127.0.0.1", c->port);
		bind_and_report(&(struct bind_call){
			.fd = tcp4(), .address = &place.address, .length = place.length, .who = &who});
		_exit(0);
	}
	__atomic_store_n(outer, child, __ATOMIC_SEQ_CST);
	wait_for(child);
}

static void other_userns(const struct bind_case *c)
{
	become(12345, 23456);
	struct who outside;
	read_who(&outside);
	if (unshare(CLONE_NEWUSER) != 0)
		skip("unshare(CLONE_NEWUSER): %s", error_name(errno));
	struct who who;
	read_who(&who);
	who.uid = outside.uid, who.euid = outside.euid;
	who.gid = outside.gid, who.egid = outside.egid;
	struct place place = place_of("127.0.0.1", c->port);
	bind_and_report(&(struct bind_call){.fd = tcp4(), .address = &place.address, .length = place.length, .who = &who});
}

static bool move_to(const char *cgroup)
{
	char path[128];
	snprintf(path, sizeof path, "%s/cgroup.procs", cgroup);
	int fd = openat(cgroup_root(), path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, "0", 1) == 1;
	if (fd >= 0)
		close(fd);
	return done;
}

static void other_cgroup(const struct bind_case *c)
{
	if (cgroup_root() < 0)
		skip("no cgroup2 hierarchy is mounted or can be");
	char outer[64], inner[80];
	snprintf(outer, sizeof outer, "bindtruth-%d", getpid());
	snprintf(inner, sizeof inner, "%s/in ner", outer);
	if (mkdirat(cgroup_root(), outer, 0755) != 0)
		skip("mkdir of a cgroup: %s", error_name(errno));
	if (mkdirat(cgroup_root(), inner, 0755) != 0) {
		int error = errno;
		unlinkat(cgroup_root(), outer, AT_REMOVEDIR);
		skip("mkdir of an inner cgroup: %s", error_name(error));
	}
	// A child goes in, as a cgroup with a process in it cannot be removed.
	pid_t child = fork();
	if (child == 0) {
		if (!move_to(outer))
			skip("moving into a cgroup: %s", error_name(errno));
		report_at(tcp4(), "127.0.0.1", c->port);
		if (!move_to(inner))
			skip("moving into an inner cgroup: %s", error_name(errno));
		report_at(tcp4(), "127.0.0.1", c->port + 1);
		_exit(0);
	}
	wait_for(child);
	unlinkat(cgroup_root(), inner, AT_REMOVEDIR);
	unlinkat(cgroup_root(), outer, AT_REMOVEDIR);
}

static void other_user(const struct bind_case *c)
{
	become(12345, 23456);
	report_at(tcp4(), "127.0.0.1", c->port);
}

static void huge_user(const struct bind_case *c)
{
	become(4294967294u, 4294967293u);
	report_at(tcp4(), "127.0.0.1", c->port);
}

static void effective_user(const struct bind_case *c)
{
	if (setresgid(23456, 34567, 0) != 0 || setresuid(12345, 34567, 0) != 0)
		skip("setresuid: %s", error_name(errno));
	prctl(PR_SET_DUMPABLE, 1);
	report_at(tcp4(), "127.0.0.1", c->port);
}

// ---- names

static void odd_comm(const struct bind_case *c)
{
	static const struct { const char *name, *comm; } comms[] = {
		{"comm-escape", "\033[2J\033[31mred\033["},
		{"comm-title", "\033]0;owned\007"},
		{"comm-control", "\001\010\t\n\v\r\016\177"},
		{"comm-newline", "a\n{\"pid\":1}\n"},
		{"comm-invalid", "\377\376\303(\200x"},
		{"comm-cut", "a\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac"},
		{"comm-utf8", "gr\xc3\xb6\xc3\x9f" "e \xe6\x97\xa5\xf0\x9f\x90\x9d"},
		{"comm-c1", "\xc2\x9b" "31m\xe2\x80\xae" "dlo"},
		{"comm-quote", "a\"b\\c'd,e;$(f)"},
		{"comm-blank", " a  b "},
		{"comm-empty", ""},
		{"comm-full", "fifteen-letters"},
	};
	for (size_t i = 0; i < sizeof comms / sizeof *comms; i++) {
		if (strcmp(comms[i].name, c->name) != 0)
			continue;
		prctl(PR_SET_NAME, comms[i].comm);
		report_at(tcp4(), "127.0.0.1", c->port);
	}
}

// ---- other ways in

static void report_via(enum via via, int fd, const char *address, unsigned port)
{
	struct place place = place_of(address, port);
	bind_and_report(&(struct bind_call){.fd = fd, .address = &place.address, .length = place.length, .via = via});
}

static void thirty_two_bit(const struct bind_case *c)
{
	need_int80();
	enum via via = c->name[0] == 'i' ? VIA_INT80 : VIA_SOCKETCALL;
	report_via(via, tcp4(), "127.0.0.1", c->port);
	report_via(via, tcp4(), "127.0.0.1", c->port); // in use
	report_via(via, udp4(), "127.0.0.1", c->port + 1);
	report_via(via, -1, "127.0.0.1", c->port + 2);
}

static void thirty_two_bit6(const struct bind_case *c)
{
	need_int80();
	enum via via = c->name[0] == 'i' ? VIA_INT80 : VIA_SOCKETCALL;
	report_via(via, tcp6(), "::1", c->port);
}

static void uring(const struct bind_case *c)
{
	struct ring ring;
	bool six = strchr(c->name, '6') != NULL;
	open_ring(&ring, 0, RING_BIND);
	struct place place = place_of(six ? "::1" : "127.0.0.1", c->port);
	for (int i = 0; i < 2; i++) // the second finds the port in use
		bind_and_report(&(struct bind_call){.fd = six ? tcp6() : tcp4(), .address = &place.address,
			.length = place.length, .via = VIA_URING, .ring = &ring});
}

static void uring_udp(const struct bind_case *c)
{
	struct ring ring;
	open_ring(&ring, 0, RING_BIND);
	struct place place = place_of("127.0.0.1", c->port);
	bind_and_report(&(struct bind_call){.fd = udp4(), .address = &place.address, .length = place.length,
		.via = VIA_URING, .ring = &ring});
}

static void uring_errors(const struct bind_case *c)
{
	struct ring ring;
	open_ring(&ring, 0, RING_BIND);
	struct place place = place_of("192.0.2.1", c->port);
	bind_and_report(&(struct bind_call){.fd = tcp4(), .address = &place.address, .length = place.length,
		.via = VIA_URING, .ring = &ring});
	place = place_of("127.0.0.1", c->port + 1);
	bind_and_report(&(struct bind_call){.fd = tcp4(), .address = &place.address, .length = 8,
		.via = VIA_URING, .ring = &ring});
}

static void uring_fixed(const struct bind_case *c)
{
	struct ring ring;
	open_ring(&ring, 0, RING_BIND);
	int fd = tcp4();
	register_file(&ring, fd);
	struct place place = place_of("127.0.0.1", c->port);
	bind_and_report(&(struct bind_call){.fd = fd, .address = &place.address, .length = place.length,
		.via = VIA_URING, .ring = &ring, .sqeFlags = SQE_FIXED_FILE, .sqeFd = 0});
}

static void uring_async(const struct bind_case *c)
{
	struct ring ring;
	open_ring(&ring, 0, RING_BIND);
	struct place place = place_of("127.0.0.1", c->port);
	bind_and_report(&(struct bind_call){.fd = tcp4(), .address = &place.address, .length = place.length,
		.via = VIA_URING, .ring = &ring, .sqeFlags = SQE_ASYNC, .byWorker = true});
}

static void uring_sqpoll(const struct bind_case *c)
{
	struct ring ring;
	open_ring(&ring, RING_SQPOLL, RING_BIND);
	struct place place = place_of("127.0.0.1", c->port);
	bind_and_report(&(struct bind_call){.fd = tcp4(), .address = &place.address, .length = place.length,
		.via = VIA_URING, .ring = &ring, .byWorker = true});
}

// ---- the table

#define ONE(n, p, t, a, ...) {.name = n, .port = p, .type = t, .address = a, .run = run_simple, __VA_ARGS__}
#define TCP(n, p, a, ...) ONE(n, p, SOCK_STREAM, a, __VA_ARGS__)
#define UDP(n, p, a, ...) ONE(n, p, SOCK_DGRAM, a, __VA_ARGS__)
#define RUN(n, p, f, ...) {.name = n, .port = p, .run = f, __VA_ARGS__}

static const struct bind_case cases[] = {
	// In the network of the caller
	TCP("host-tcp4-any", 20000, "0.0.0.0", .host = true),
	TCP("host-tcp4-loopback", 20001, "127.0.0.1", .host = true),
	TCP("host-tcp4-port-zero", 0, "127.0.0.1", .host = true),
	UDP("host-udp4-loopback", 20002, "127.0.0.1", .host = true),
	TCP("host-tcp6-any", 20003, "::", .host = true, .v6only = true),
	TCP("host-tcp6-loopback", 20004, "::1", .host = true),
	UDP("host-udp6-loopback", 20005, "::1", .host = true),
	TCP("host-options", 20006, "127.0.0.1", .host = true, .options = "Rr"),
	TCP("host-eaddrnotavail", 20007, "192.0.2.1", .host = true),
	RUN("host-eaddrinuse-tcp4", 20008, in_use, .host = true, .what = "two binds, the second fails"),
	RUN("host-eacces4", 80, denied, .host = true, .what = "as uid 65534"),

	// Protocol, family, address
	TCP("tcp4-any", 20020, "0.0.0.0"),
	TCP("tcp4-loopback", 20021, "127.0.0.1"),
	TCP("tcp4-specific", 20022, "10.77.0.1", .needsPrivate = true),
	UDP("udp4-any", 20023, "0.0.0.0"),
	UDP("udp4-loopback", 20024, "127.0.0.1"),
	UDP("udp4-specific", 20025, "10.77.0.1", .needsPrivate = true),
	TCP("tcp6-any", 20026, "::"),
	TCP("tcp6-loopback", 20027, "::1"),
	TCP("tcp6-specific", 20028, "fd77::1", .needsPrivate = true),
	UDP("udp6-any", 20029, "::"),
	UDP("udp6-loopback", 20030, "::1"),
	UDP("udp6-specific", 20031, "fd77::1", .needsPrivate = true),
	TCP("tcp4-port-zero", 0, "127.0.0.1", .what = "the kernel chooses"),
	UDP("udp4-port-zero", 0, "127.0.0.1", .what = "the kernel chooses"),
	TCP("tcp6-port-zero", 0, "::1", .what = "the kernel chooses"),
	UDP("udp6-port-zero", 0, "::", .what = "the kernel chooses"),
	TCP("tcp4-port-zero-later", 0, "127.0.0.1", .options = "N", .what = "the kernel will choose: port 0 stays"),
	TCP("tcp6-mapped", 20032, "::ffff:127.0.0.1"),
	UDP("udp6-mapped", 20033, "::ffff:127.0.0.1"),
	TCP("tcp6-mapped-any", 20034, "::ffff:0.0.0.0"),
	TCP("tcp6-v6only", 20035, "::", .v6only = true),
	UDP("udp6-v6only", 20036, "::", .v6only = true),
	TCP("tcp6-v6only-mapped", 20037, "::ffff:127.0.0.1", .v6only = true, .what = "refused"),
	TCP("tcp6-linklocal", 20038, "fe80::1", .scope = "lo", .needsPrivate = true),
	UDP("udp6-linklocal", 20039, "fe80::1", .scope = "lo", .needsPrivate = true),
	TCP("tcp6-linklocal-noscope", 20040, "fe80::1", .needsPrivate = true, .what = "refused"),
	TCP("tcp6-linklocal-badscope", 20041, "fe80::1", .badScope = true, .needsPrivate = true, .what = "scope 9999"),
	TCP("tcp6-loopback-scope", 20042, "::1", .scope = "lo", .what = "a scope id where it has no meaning"),
	RUN("linklocal-device", 20043, link_local_device, .needsPrivate = true, .what = "on a device other than lo"),
	UDP("udp4-multicast", 20045, "224.0.0.251"),
	UDP("udp6-multicast", 20046, "ff02::fb", .scope = "lo"),
	UDP("udp6-multicast-noscope", 20047, "ff02::fb", .what = "refused"),
	UDP("udp4-broadcast", 20048, "255.255.255.255"),
	UDP("udp4-broadcast-lo", 20049, "127.255.255.255"),
	TCP("tcp4-multicast", 20050, "224.0.0.251"),
	TCP("tcp6-multicast", 20051, "ff02::fb", .scope = "lo", .what = "refused"),
	TCP("tcp4-port-65535", 65535, "127.0.0.1"),
	TCP("tcp4-port-1", 1, "127.0.0.1", .needsPrivate = true),

	// Options and devices
	TCP("option4-freebind", 20100, "127.0.0.1", .options = "F"),
	TCP("option4-transparent", 20101, "127.0.0.1", .options = "T"),
	TCP("option4-no-port", 20102, "127.0.0.1", .options = "N"),
	TCP("option4-reuseaddr", 20103, "127.0.0.1", .options = "R"),
	TCP("option4-reuseport", 20104, "127.0.0.1", .options = "r"),
	TCP("option4-all", 20105, "127.0.0.1", .options = "FTNRr"),
	TCP("option4-none", 20106, "127.0.0.1"),
	TCP("option6-freebind", 20110, "::1", .options = "F"),
	TCP("option6-transparent", 20111, "::1", .options = "T"),
	TCP("option6-no-port", 20112, "::1", .options = "N"),
	TCP("option6-reuseaddr", 20113, "::1", .options = "R"),
	TCP("option6-reuseport", 20114, "::1", .options = "r"),
	TCP("option6-all", 20115, "::1", .options = "FTNRr"),
	TCP("option6-none", 20116, "::1"),
	UDP("option6-udp-all", 20117, "::1", .options = "FTNRr"),
	RUN("option6-level6", 20118, options_level6, .what = "IPV6_FREEBIND, IPV6_TRANSPARENT"),
	RUN("option4-off-again", 20120, options_off_again, .what = "reuseaddr on and off"),
	RUN("reuseport-pair", 20121, reuseport_pair, .what = "two binds to one port, both succeed"),
	TCP("freebind4-nonlocal", 20122, "192.0.2.1", .options = "F"),
	TCP("freebind6-nonlocal", 20123, "2001:db8::1", .options = "F"),
	UDP("transparent4-nonlocal", 20124, "192.0.2.1", .options = "T"),
	RUN("options-tcp4-every", 20130, options_tcp4, .what = "all 32 sets, 20130 to 20161"),
	RUN("options-tcp6-every", 20170, options_tcp6, .what = "all 32 sets, 20170 to 20201"),
	RUN("options-udp4-every", 20210, options_udp4, .what = "all 32 sets, 20210 to 20241"),
	TCP("device4-lo", 20250, "127.0.0.1", .device = "lo"),
	TCP("device6-lo", 20251, "::1", .device = "lo"),
	UDP("device4-udp-lo", 20252, "0.0.0.0", .device = "lo"),
	RUN("device-other", 20253, bind_to_device, .needsPrivate = true, .what = "a device other than lo, 2 ports"),

	// Failures
	RUN("eaddrinuse-tcp4", 20300, in_use, .what = "two binds, the second fails"),
	RUN("eaddrinuse-udp4", 20301, in_use, .what = "two binds, the second fails"),
	RUN("eaddrinuse-tcp6", 20302, in_use, .what = "two binds, the second fails"),
	RUN("eaddrinuse-udp6", 20303, in_use, .what = "two binds, the second fails"),
	RUN("eaddrinuse-dual", 20304, in_use_dual_stack, .what = "IPv4 against [::]"),
	TCP("eaddrnotavail4", 20305, "192.0.2.1"),
	TCP("eaddrnotavail6", 20306, "2001:db8::1"),
	UDP("eaddrnotavail-udp4", 20307, "192.0.2.1", .options = "R"),
	UDP("eaddrnotavail-udp6", 20308, "2001:db8::1", .options = "R"),
	RUN("eacces4", 80, denied, .what = "as uid 65534"),
	RUN("eacces-udp4", 81, denied, .what = "as uid 65534"),
	RUN("eacces6", 82, denied, .what = "as uid 65534"),
	RUN("einval-twice4", 20310, twice4, .what = "2 ports"),
	RUN("einval-twice6", 20312, twice6, .what = "2 ports"),
	RUN("einval-short4", 20314, short_length4, .what = "lengths 0 1 2 4 8 15, a port each"),
	RUN("einval-short6", 20320, short_length6, .what = "lengths 0 8 16 23, a port each"),
	RUN("einval-long", 20324, long_length, .what = "lengths 128 (good) 129 200, a port each"),
	RUN("einval-negative", 20327, negative_length, .what = "lengths -1, INT_MIN, a port each"),
	RUN("length6-24", 20329, length24, .what = "an IPv6 address without scope id, good"),
	RUN("eafnosupport4", 20330, foreign_family4, .what = "families IPv6, 77, UNIX, a port each"),
	RUN("eafnosupport6", 20333, foreign_family6, .what = "families IPv4, 77, IPv4 of 16 bytes, a port each"),
	RUN("unspec4-any", 20336, unspec_any, .what = "AF_UNSPEC and 0.0.0.0, good"),
	RUN("unspec4-specific", 20337, unspec_specific, .what = "AF_UNSPEC and 127.0.0.1"),
	RUN("unspec6-any", 20338, unspec6, .what = "AF_UNSPEC and [::]"),
	RUN("ebadf", 20340, bad_descriptor, .what = "-1, -1 with IPv6, closed, far too high, a port each"),
	RUN("ebadf-null", 0, bad_descriptor_no_memory, .what = "-1 and a null pointer"),
	RUN("enotsock", 20345, not_a_socket, .what = "pipe, file, O_PATH, a port each"),
	RUN("efault", 20348, bad_memory, .what = "null, unmapped, half mapped"),
	RUN("page-end", 20349, address_at_page_end, .what = "the address is the last of its page, good"),

	// Protocols
	ONE("raw4-icmp", 0, SOCK_RAW, "127.0.0.1", .protocol = IPPROTO_ICMP),
	ONE("raw6-icmp", 0, SOCK_RAW, "::1", .protocol = IPPROTO_ICMPV6),
	ONE("raw4-port", 80, SOCK_RAW, "127.0.0.1", .protocol = IPPROTO_ICMP, .what = "asks for port 80, gets none"),
	ONE("raw6-port", 80, SOCK_RAW, "::1", .protocol = IPPROTO_ICMPV6, .what = "asks for port 80, gets none"),
	ONE("raw4-tcp", 20400, SOCK_RAW, "0.0.0.0", .protocol = IPPROTO_TCP),
	ONE("raw4-raw", 20401, SOCK_RAW, "127.0.0.1", .protocol = IPPROTO_RAW),
	RUN("raw4-options", 20402, raw_with_options, .what = "freebind; reuseaddr taken off"),
	RUN("raw4-eaddrnotavail", 20403, raw_failure),
	RUN("ping4", 20404, ping),
	RUN("ping6", 20405, ping),
	ONE("udplite4", 20406, SOCK_DGRAM, "127.0.0.1", .protocol = IPPROTO_UDPLITE),
	ONE("udplite6", 20407, SOCK_DGRAM, "::1", .protocol = IPPROTO_UDPLITE),
	ONE("mptcp4", 20408, SOCK_STREAM, "127.0.0.1", .protocol = IPPROTO_MPTCP),
	ONE("mptcp6", 20409, SOCK_STREAM, "::1", .protocol = IPPROTO_MPTCP),
	ONE("mptcp4-options", 20410, SOCK_STREAM, "127.0.0.1", .protocol = IPPROTO_MPTCP, .options = "Rr"),
	ONE("mptcp4-freebind", 20411, SOCK_STREAM, "192.0.2.1", .protocol = IPPROTO_MPTCP, .options = "F"),
	ONE("mptcp4-eaddrnotavail", 20412, SOCK_STREAM, "192.0.2.1", .protocol = IPPROTO_MPTCP),
	RUN("mptcp4-eaddrinuse", 20413, mptcp_in_use, .what = "two binds, the second fails"),
	ONE("sctp4", 20414, SOCK_STREAM, "127.0.0.1", .protocol = IPPROTO_SCTP),
	ONE("sctp6", 20415, SOCK_SEQPACKET, "::1", .protocol = IPPROTO_SCTP),
	ONE("dccp4", 20416, SOCK_DCCP, "127.0.0.1", .protocol = IPPROTO_DCCP),

	// Never to be shown
	RUN("hidden-unix", 20450, hidden_unix, .what = "AF_UNIX, also with an IPv4 address, also without a socket"),
	RUN("hidden-netlink", 0, hidden_netlink),
	RUN("hidden-packet", 0, hidden_packet),
	RUN("autobind-listen", 0, autobind_listen, .what = "listen() without bind()"),
	RUN("autobind-connect", 20451, autobind_connect, .what = "connect() without bind()"),

	// Threads and processes
	RUN("thread", 20500, thread_plain, .what = "tid is not pid"),
	RUN("thread-comm", 20501, thread_named, .what = "thread, then leader, 2 ports"),
	RUN("thread-files", 20503, thread_own_files, .what = "with a descriptor table of its own"),
	RUN("thread-netns", 20504, thread_own_network, .needsPrivate = true, .what = "leader (port + 1), then thread elsewhere"),
	RUN("thread-no-leader", 20506, thread_without_leader, .what = "the leader has ended"),
	RUN("high-descriptor", 20507, high_descriptor),
	RUN("five-ports", 20510, five_ports, .what = "20510 to 20514"),
	RUN("exit-fast", 20515, exit_fast, .what = "exits straight after bind"),
	RUN("execs-fast", 20516, execs_fast, .what = "another program, which exits straight after bind"),

	// Namespaces, cgroups, users
	RUN("other-netns", 20550, other_netns, .what = "one port in two networks"),
	RUN("foreign-socket", 20551, foreign_socket, .what = "the socket is of another network than the caller"),
	RUN("other-mntns", 20552, other_mntns),
	RUN("other-pidns", 20553, other_pidns),
	RUN("other-userns", 20554, other_userns, .what = "ids as seen from outside"),
	RUN("other-cgroup", 20555, other_cgroup, .what = "a new cgroup, then one inside it, 2 ports"),
	RUN("other-user", 20557, other_user, .what = "uid 12345, gid 23456"),
	RUN("huge-user", 20558, huge_user, .what = "uid 4294967294, gid 4294967293"),
	RUN("effective-user", 20559, effective_user, .what = "real 12345, effective 34567"),

	// Names
	RUN("comm-escape", 20600, odd_comm),
	RUN("comm-title", 20601, odd_comm),
	RUN("comm-control", 20602, odd_comm),
	RUN("comm-newline", 20603, odd_comm),
	RUN("comm-invalid", 20604, odd_comm, .what = "not UTF-8"),
	RUN("comm-cut", 20605, odd_comm, .what = "cut within a character"),
	RUN("comm-utf8", 20606, odd_comm),
	RUN("comm-c1", 20607, odd_comm, .what = "CSI as U+009B, right-to-left override"),
	RUN("comm-quote", 20608, odd_comm),
	RUN("comm-blank", 20609, odd_comm),
	RUN("comm-empty", 20610, odd_comm),
	RUN("comm-full", 20611, odd_comm, .what = "15 bytes"),

	// Other ways into the kernel
	RUN("int80", 20700, thirty_two_bit, .what = "good, in use, UDP (port + 1), EBADF (port + 2)"),
	RUN("int80-6", 20703, thirty_two_bit6),
	RUN("socketcall", 20704, thirty_two_bit, .what = "good, in use, UDP (port + 1), EBADF (port + 2)"),
	RUN("socketcall-6", 20707, thirty_two_bit6),
	RUN("uring4", 20710, uring, .what = "good, in use"),
	RUN("uring6", 20711, uring, .what = "good, in use"),
	RUN("uring-udp", 20712, uring_udp),
	RUN("uring-errors", 20713, uring_errors, .what = "not available, too short, a port each"),
	RUN("uring-fixed", 20715, uring_fixed, .what = "a registered descriptor"),
	RUN("uring-async", 20716, uring_async, .what = "done by a worker thread"),
	RUN("uring-sqpoll", 20717, uring_sqpoll, .what = "done by the polling thread"),
};

enum { CASES = sizeof cases / sizeof *cases };

int list_binds(bool verbose)
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
	const struct bind_case *c = argument;
	if (c->needsPrivate && !privateNetwork)
		skip("needs a network namespace of its own");
	c->run(c);
}

static const struct bind_case *find(const char *name)
{
	for (int i = 0; i < CASES; i++)
		if (strcmp(cases[i].name, name) == 0)
			return &cases[i];
	return NULL;
}

int run_binds(int count, char **names)
{
	for (int i = 0; i < count; i++) {
		if (find(names[i]) == NULL) {
			fprintf(stderr, "bindtruth: no case %s\n", names[i]);
			return 2;
		}
	}
	bool good = true;
	for (int i = 0; i < (count > 0 ? count : CASES); i++) {
		const struct bind_case *c = count > 0 ? find(names[i]) : &cases[i];
		good &= run_isolated(c->name, !c->host, run_case, c);
	}
	return good ? 0 : 1;
}
