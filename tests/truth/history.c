// A history that is known: sockets that are bound and closed, each after milliseconds or minutes.

#include "bindtruth.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MOST_SLOTS = 1000 };

struct slot {
	int fd; // -1 while there is none
	bool datagram;
	in_port_t port;
	int64_t next; // when to do something, by the real clock
	int64_t bindFrom, bindUntil;
	unsigned long long inode;
};

static int64_t microseconds(void)
{
	struct timespec time;
	clock_gettime(CLOCK_REALTIME, &time);
	return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static int make_socket(bool datagram)
{
	int fd = socket(AF_INET, (datagram ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		perror("bindtruth: socket");
		exit(1);
	}
	return fd;
}

static unsigned long long inode_of(int fd)
{
	struct stat status;
	return fstat(fd, &status) == 0 ? status.st_ino : 0;
}

static int try_bind(int fd, in_port_t port, int64_t *from, int64_t *until)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = port};
	*from = microseconds();
	int error = bind(fd, (struct sockaddr *)&address, sizeof address) == 0 ? 0 : errno;
	*until = microseconds();
	return error;
}

// Each factor of ten is as likely as the others.
static int64_t random_time(unsigned *seed, int64_t most)
{
	int64_t limit = 1000;
	for (int64_t upper = 10000; upper < most && rand_r(seed) % 5 != 0; upper *= 10)
		limit = upper;
	int64_t upper = limit * 10 < most ? limit * 10 : most;
	return limit + (int64_t)rand_r(seed) % (upper - limit + 1);
}

static void end(struct slot *slot, bool isClosed)
{
	int64_t from = microseconds();
	if (isClosed)
		close(slot->fd);
	int64_t until = microseconds();
	char text[320], close_text[96] = "null,\"closeUntil\":null";
	if (isClosed)
		snprintf(close_text, sizeof close_text, "%lld,\"closeUntil\":%lld", (long long)from, (long long)until);
	snprintf(text, sizeof text,
		"{\"port\":%u,\"type\":\"%s\",\"error\":0,\"bindFrom\":%lld,\"bindUntil\":%lld,\"closeFrom\":%s,\"inode\":%llu}\n",
		ntohs(slot->port), slot->datagram ? "DGRAM" : "STREAM", (long long)slot->bindFrom, (long long)slot->bindUntil, close_text, slot->inode);
	print_text(text);
	slot->fd = -1;
}

static void begin(struct slot *slot, unsigned *seed)
{
	slot->fd = make_socket(slot->datagram);
	int error = try_bind(slot->fd, slot->port, &slot->bindFrom, &slot->bindUntil);
	if (error != 0) {
		fprintf(stderr, "bindtruth: port %u is taken from outside: %s\n", ntohs(slot->port), strerror(error));
		exit(1);
	}
	slot->inode = inode_of(slot->fd);
	if (!slot->datagram && rand_r(seed) % 2 == 0)
		listen(slot->fd, 5);
}

static void refuse(const struct slot *holder)
{
	int64_t from, until;
	int fd = make_socket(holder->datagram), error = try_bind(fd, holder->port, &from, &until);
	unsigned long long inode = inode_of(fd);
	close(fd);
	char text[256];
	snprintf(text, sizeof text,
		"{\"port\":%u,\"type\":\"%s\",\"error\":%d,\"bindFrom\":%lld,\"bindUntil\":%lld,\"closeFrom\":null,\"closeUntil\":null,\"inode\":%llu}\n",
		ntohs(holder->port), holder->datagram ? "DGRAM" : "STREAM", error, (long long)from, (long long)until, inode);
	print_text(text);
}

int run_history(int count, char **arguments)
{
	uint64_t number, longest, seedValue = 1;
	if (count < 2 || count > 3 || !parse_number(arguments[0], MOST_SLOTS, &number) || !parse_number(arguments[1], 3600000, &longest) ||
		(count == 3 && !parse_number(arguments[2], 1000000000, &seedValue)))
		return 2;
	unsigned seed = (unsigned)seedValue;
	struct slot *slots = calloc(number, sizeof *slots);
	for (uint64_t i = 0; i < number; i++) {
		// Ports that nobody else has now; they are kept until all are chosen. TCP and UDP are given ports apart from each other.
		struct sockaddr_in address;
		socklen_t length = sizeof address;
		int64_t from, until;
		slots[i].datagram = i % 4 == 3;
		slots[i].fd = make_socket(slots[i].datagram);
		if (try_bind(slots[i].fd, 0, &from, &until) != 0 || getsockname(slots[i].fd, (struct sockaddr *)&address, &length) != 0) {
			perror("bindtruth: bind");
			return 1;
		}
		slots[i].port = address.sin_port;
		for (uint64_t other = 0; other < i; other++) {
			if (slots[other].port == slots[i].port) {
				close(slots[i--].fd);
				break;
			}
		}
	}
	for (uint64_t i = 0; i < number; i++) {
		close(slots[i].fd);
		slots[i].fd = -1;
		slots[i].next = microseconds() + random_time(&seed, 100000);
	}

	for (struct pollfd input = {.events = POLLIN}; poll(&input, 1, 1) == 0;) {
		for (uint64_t i = 0; i < number; i++) {
			struct slot *slot = &slots[i];
			if (microseconds() < slot->next)
				continue;
			if (slot->fd < 0) {
				begin(slot, &seed);
				slot->next = microseconds() + random_time(&seed, (int64_t)longest * 1000);
			} else if (rand_r(&seed) % 4 == 0) {
				refuse(slot);
				slot->next = microseconds() + random_time(&seed, 100000);
			} else {
				end(slot, true);
				slot->next = microseconds() + random_time(&seed, (int64_t)longest * 500);
			}
		}
	}
	for (uint64_t i = 0; i < number; i++) {
		if (slots[i].fd >= 0)
			end(&slots[i], false);
	}
	free(slots);
	return 0;
}
