// `bindtruth conflicts SEED CASES HOLDERS PROTOCOL`: what the kernel says of random binds, each to a port of its own that
// up to HOLDERS random sockets hold, in a private network namespace with a second interface. The first line is the
// namespace's inode number, and each line after it a bind that was tried, and undone, while the holders were there:
//
//   PORT ADDRESS V6ONLY IFINDEX REUSEADDR REUSEPORT UID ERRNO
//
// The last line is "ready"; the holders stay until the input ends.

#include "bindtruth.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum state { BOUND, LISTENING, CONNECTED, TIME_WAIT, STATES };

struct choice {
	const char *address;
	bool v6only, reuse, reuseport;
	int device; // index in devices
	uid_t uid;
	enum state state;
};

static const char *const addresses[] = {"0.0.0.0", "127.0.0.1", "127.0.0.2", "::", "::1", "::ffff:127.0.0.1", "::ffff:0.0.0.0"};

static const char *const devices[] = {"", "lo", "second"};
static int indexes[] = {0, 1, 0};
static int protocol, type;

static unsigned pick(unsigned limit)
{
	return (unsigned)random() % limit;
}

static bool is_six(const char *address)
{
	return strchr(address, ':') != NULL;
}

static void choose(struct choice *choice)
{
	choice->address = addresses[pick(10) < 9 ? pick(6) : 6];
	choice->v6only = strcmp(choice->address, "::") == 0 || strcmp(choice->address, "::1") == 0 ? pick(3) == 0 : false;
	choice->reuse = pick(3) == 0;
	choice->reuseport = pick(2) == 0;
	choice->device = pick(3) == 0 ? 1 + (int)pick(2) : 0;
	choice->uid = pick(4) == 0 ? 1000 : 0;
	choice->state = type == SOCK_DGRAM ? BOUND : (enum state)pick(STATES);
	// A connection over loopback takes an address that both ends have, and the device.
	if (choice->state > LISTENING && (protocol != IPPROTO_TCP || choice->device || (is_six(choice->address) && choice->v6only)))
		choice->state = BOUND;
}

static socklen_t write_address(struct sockaddr_storage *address, const char *text, unsigned port)
{
	memset(address, 0, sizeof *address);
	if (!is_six(text)) {
		struct sockaddr_in *four = (void *)address;
		four->sin_family = AF_INET;
		four->sin_port = htons((uint16_t)port);
		inet_pton(AF_INET, text, &four->sin_addr);
		return sizeof *four;
	}
	struct sockaddr_in6 *six = (void *)address;
	six->sin6_family = AF_INET6;
	six->sin6_port = htons((uint16_t)port);
	inet_pton(AF_INET6, text, &six->sin6_addr);
	return sizeof *six;
}

static int make(const struct choice *choice, unsigned port, int *error)
{
	int family = is_six(choice->address) ? AF_INET6 : AF_INET;
	setfsuid(choice->uid);
	int fd = socket(family, type | SOCK_CLOEXEC, protocol);
	setfsuid(0);
	if (fd < 0) {
		*error = errno;
		return -1;
	}
	int off = choice->v6only, reuse = choice->reuse, reuseport = choice->reuseport;
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse);
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &reuseport, sizeof reuseport);
	if (choice->device)
		setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, devices[choice->device], (socklen_t)strlen(devices[choice->device]));
	struct sockaddr_storage address;
	socklen_t length = write_address(&address, choice->address, port);
	*error = bind(fd, (struct sockaddr *)&address, length) == 0 ? 0 : errno;
	return fd;
}

// To a listener on a port of the kernel's choice; the two ends are then connected, or closed one after the other.
static bool connect_socket(int fd, const struct choice *choice)
{
	bool six = strcmp(choice->address, "::1") == 0;
	struct sockaddr_storage address;
	socklen_t length = write_address(&address, six ? "::1" : "127.0.0.1", 0);
	int listener = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 1) != 0 ||
		getsockname(listener, (struct sockaddr *)&address, &length) != 0)
		return false;
	if (is_six(choice->address) && !six)
		length = write_address(&address, "::ffff:127.0.0.1", ntohs(((struct sockaddr_in *)&address)->sin_port));
	bool connected = connect(fd, (struct sockaddr *)&address, length) == 0;
	int peer = connected ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : -1;
	close(listener);
	if (choice->state == TIME_WAIT && connected) {
		char end;
		shutdown(fd, SHUT_WR);
		if (read(peer, &end, 1) != 0)
			return false;
		close(peer);
		if (read(fd, &end, 1) != 0)
			return false;
		close(fd);
	}
	return connected;
}

int run_conflicts(unsigned seed, int cases, unsigned most, int ofProtocol)
{
	srandom(seed);
	protocol = ofProtocol;
	type = protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE ? SOCK_DGRAM : SOCK_STREAM;
	struct rlimit files = {65536, 65536};
	setrlimit(RLIMIT_NOFILE, &files);
	if (!enter_private_network() || (indexes[2] = create_device(devices[2])) <= 0)
		return 1;
	// Out of the way of the ports that the kernel chooses.
	if (!write_file("/proc/sys/net/ipv4/ip_local_port_range", "50000 65000"))
		return 1;
	struct stat status;
	if (stat("/proc/thread-self/ns/net", &status) != 0)
		return 1;
	printf("%lu\n", (unsigned long)status.st_ino);
	int first = 10000;
	for (int i = 0; i < cases; i++) {
		for (int holders = 1 + (int)pick(most); holders > 0; holders--) {
			struct choice choice;
			int error;
			choose(&choice);
			int fd = make(&choice, (unsigned)(first + i), &error);
			if (fd >= 0 && (error != 0 || (choice.state == LISTENING && listen(fd, 5) != 0) ||
				(choice.state > LISTENING && !connect_socket(fd, &choice))))
				close(fd);
		}
	}
	for (int i = 0; i < cases; i++) {
		struct choice choice;
		int error;
		choose(&choice);
		int fd = make(&choice, (unsigned)(first + i), &error);
		if (fd >= 0)
			close(fd);
		printf("%d %s %d %d %d %d %u %d\n", first + i, choice.address, choice.v6only, indexes[choice.device], choice.reuse,
			choice.reuseport, (unsigned)choice.uid, error);
	}
	printf("ready\n");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}
