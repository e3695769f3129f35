// Threads that change, during a call, what the call is made on: its descriptor, or the address it is given.

#include "bindtruth.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum decoy { DECOY_UNIX, DECOY_UDP, DECOY_CLOSED, DECOY_CONNECTION };

// What another thread does for as long as `running`; it says `resting` once it has stopped.
struct racer {
	pthread_t thread;
	void (*act)(struct racer *racer);
	_Atomic bool running, resting, ended;
	int fd, real, decoy;
	struct sockaddr_in *address;
	uint16_t ports[3];
};

static const struct sockaddr_in loopback = {.sin_family = AF_INET, .sin_addr.s_addr = 0x0100007f};

// To spin is quicker than to sleep, but an emulated processor would do so for as long as it has its turn.
static void await(_Atomic bool *flag, bool value)
{
	for (int i = 0; *flag != value; i++)
		if (i > 5000)
			usleep(1);
}

static void *run_racer(void *argument)
{
	struct racer *racer = argument;
	for (;;) {
		await(&racer->running, true);
		racer->resting = false;
		if (racer->ended)
			return NULL;
		while (racer->running)
			racer->act(racer);
		racer->resting = true;
	}
}

static void start_race(struct racer *racer)
{
	racer->running = true;
	await(&racer->resting, false);
}

static void stop_race(struct racer *racer)
{
	racer->running = false;
	await(&racer->resting, true);
}

// Whether there is time for one more round: emulated processors take turns, and long ones.
static bool has_time(void)
{
	static time_t began;
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (began == 0)
		began = now.tv_sec;
	return now.tv_sec - began < 5;
}

static void swap(struct racer *racer)
{
	if (racer->decoy >= 0)
		dup3(racer->decoy, racer->fd, O_CLOEXEC);
	else
		close(racer->fd);
	dup3(racer->real, racer->fd, O_CLOEXEC);
}

static void flip(struct racer *racer)
{
	for (int i = 0; i < 3; i++)
		__atomic_store_n(&racer->address->sin_port, htons(racer->ports[i]), __ATOMIC_RELAXED);
}

static void replace(struct racer *racer)
{
	if (fcntl(racer->fd, F_GETFD) >= 0)
		dup3(racer->decoy, racer->fd, O_CLOEXEC);
}

static void begin(struct racer *racer, void (*act)(struct racer *))
{
	racer->act = act;
	racer->resting = true;
	int error = pthread_create(&racer->thread, NULL, run_racer, racer);
	if (error != 0) {
		fprintf(stderr, "bindtruth: pthread_create: %s\n", strerror(error));
		exit(1);
	}
}

static void end(struct racer *racer)
{
	racer->ended = true;
	racer->running = true;
	pthread_join(racer->thread, NULL);
}

static int make_decoy(enum decoy decoy)
{
	return decoy == DECOY_CLOSED ? -1
		: socket(decoy == DECOY_UDP ? AF_INET : AF_UNIX, (decoy == DECOY_UDP ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
}

static unsigned port_of(int fd)
{
	struct sockaddr_in address;
	socklen_t length = sizeof address;
	return fd >= 0 && getsockname(fd, (struct sockaddr *)&address, &length) == 0 && address.sin_family == AF_INET
		? ntohs(address.sin_port) : 0;
}

// The line that all of these end with: which sockets were bound (or accepted, by their peers' ports), and which port each of
// them requested, according to the result; or which listened, with which backlog.
static bool first;

static void tell_begin(void)
{
	printf("{\"pid\":%d,\"made\":[", getpid());
	first = true;
}

static void tell_made(unsigned port, unsigned requested)
{
	printf("%s[%u,%u]", first ? "" : ",", port, requested);
	first = false;
}

static int tell_end(uint64_t swapped)
{
	printf("],\"swapped\":%llu}\n", (unsigned long long)swapped);
	return fflush(stdout) == 0 ? 0 : 1;
}

static int race_descriptor(uint64_t rounds, enum decoy decoy)
{
	struct racer racer = {.fd = 500};
	uint64_t swapped = 0;
	begin(&racer, swap);
	tell_begin();
	for (uint64_t i = 0; i < rounds && has_time(); i++) {
		racer.real = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		racer.decoy = make_decoy(decoy);
		dup3(racer.real, racer.fd, O_CLOEXEC);
		start_race(&racer);
		int result = bind(racer.fd, (const struct sockaddr *)&loopback, sizeof loopback);
		stop_race(&racer);
		// Of TCP or of UDP: a UNIX socket does not take such an address.
		unsigned real = port_of(racer.real), other = port_of(racer.decoy);
		if (real != 0)
			tell_made(real, 0);
		if (other != 0)
			tell_made(other, 0);
		swapped += result != 0;
		close(racer.real);
		if (racer.decoy >= 0)
			close(racer.decoy);
	}
	end(&racer);
	return tell_end(swapped);
}

static bool is_listening(int fd)
{
	int listening = 0;
	socklen_t length = sizeof listening;
	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) == 0 && listening != 0;
}

// Half of the sockets listen already, so that nothing but the backlog shows whether the call was of theirs.
static int race_listen(uint64_t rounds, enum decoy decoy)
{
	struct racer racer = {.fd = 500};
	uint64_t swapped = 0;
	begin(&racer, swap);
	tell_begin();
	for (uint64_t i = 0; i < rounds && has_time(); i++) {
		bool again = i % 2 == 1;
		racer.real = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		racer.decoy = make_decoy(decoy);
		if (decoy == DECOY_UNIX) {
			// Bound, so that it can be listened on: the call succeeds on whichever of the two it gets.
			struct sockaddr name = {.sa_family = AF_UNIX};
			if (bind(racer.decoy, &name, sizeof name.sa_family) != 0) {
				perror("bindtruth: bind of an AF_UNIX socket");
				return 1;
			}
		}
		if (bind(racer.real, (const struct sockaddr *)&loopback, sizeof loopback) != 0 || (again && listen(racer.real, 5) != 0)) {
			perror("bindtruth: a listener");
			return 1;
		}
		if (again)
			tell_made(port_of(racer.real), 5);
		dup3(racer.real, racer.fd, O_CLOEXEC);
		start_race(&racer);
		int result = listen(racer.fd, 9);
		stop_race(&racer);
		struct tcp_info info = {.tcpi_sacked = 0};
		socklen_t length = sizeof info;
		if (is_listening(racer.real) && getsockopt(racer.real, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 && info.tcpi_sacked == 9)
			tell_made(port_of(racer.real), 9);
		else
			swapped++;
		swapped += result != 0;
		close(racer.real);
		if (racer.decoy >= 0)
			close(racer.decoy);
	}
	end(&racer);
	return tell_end(swapped);
}

static int race_address(uint64_t rounds)
{
	// Below what the kernel chooses from.
	static struct sockaddr_in address;
	struct racer racer = {.address = &address, .ports = {21180, 0, 21181}};
	address = loopback;
	begin(&racer, flip);
	tell_begin();
	for (uint64_t i = 0; i < rounds && has_time(); i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		start_race(&racer);
		int result = bind(fd, (struct sockaddr *)&address, sizeof address);
		stop_race(&racer);
		unsigned port = port_of(fd);
		if (result == 0)
			tell_made(port, port == racer.ports[0] || port == racer.ports[2] ? port : 0);
		close(fd);
	}
	end(&racer);
	return tell_end(0);
}

// Both at once, by several threads, each of which has a thread against it.

enum { CONTESTS = 4 };

struct contest {
	pthread_t thread;
	struct racer racer;
	struct sockaddr_in address;
	enum decoy decoy;
	uint64_t rounds, count, swapped;
	uint16_t *made; // ports
};

static void swap_and_flip(struct racer *racer)
{
	swap(racer);
	flip(racer);
}

static void add_made(struct contest *contest, int fd)
{
	uint16_t port = (uint16_t)port_of(fd);
	if (port != 0)
		contest->made[contest->count++] = port;
}

static void *run_contest(void *argument)
{
	struct contest *contest = argument;
	struct racer *racer = &contest->racer;
	for (uint64_t i = 0; i < contest->rounds && has_time(); i++) {
		racer->real = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		racer->decoy = make_decoy(contest->decoy);
		dup3(racer->real, racer->fd, O_CLOEXEC);
		start_race(racer);
		int result = bind(racer->fd, (struct sockaddr *)&contest->address, sizeof contest->address);
		stop_race(racer);
		add_made(contest, racer->real);
		add_made(contest, racer->decoy);
		contest->swapped += result != 0;
		close(racer->real);
		if (racer->decoy >= 0)
			close(racer->decoy);
	}
	return NULL;
}

static int race_both(uint64_t rounds, enum decoy decoy)
{
	static struct contest contests[CONTESTS];
	uint64_t swapped = 0;
	has_time();
	for (int i = 0; i < CONTESTS; i++) {
		struct contest *contest = &contests[i];
		uint16_t own = (uint16_t)(21180 + 2 * i);
		contest->decoy = decoy;
		contest->rounds = rounds;
		contest->address = loopback;
		contest->made = calloc(2 * rounds, sizeof *contest->made);
		contest->racer = (struct racer){.fd = 500 + i, .address = &contest->address, .ports = {own, 0, (uint16_t)(own + 1)}};
		begin(&contest->racer, swap_and_flip);
		if (contest->made == NULL || pthread_create(&contest->thread, NULL, run_contest, contest) != 0) {
			perror("bindtruth: race both");
			return 1;
		}
	}
	tell_begin();
	for (int i = 0; i < CONTESTS; i++) {
		struct contest *contest = &contests[i];
		pthread_join(contest->thread, NULL);
		end(&contest->racer);
		for (uint64_t j = 0; j < contest->count; j++) {
			uint16_t port = contest->made[j];
			tell_made(port, port == contest->racer.ports[0] || port == contest->racer.ports[2] ? port : 0);
		}
		swapped += contest->swapped;
		free(contest->made);
	}
	return tell_end(swapped);
}

static int race_accept(uint64_t rounds, enum decoy decoy)
{
	struct sockaddr_in address = loopback;
	socklen_t length = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), earlier = -1;
	if (bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 16) != 0 ||
		getsockname(listener, (struct sockaddr *)&address, &length) != 0) {
		perror("bindtruth: a listener");
		return 1;
	}
	// Descriptors are given out from the lowest.
	struct racer racer = {.decoy = make_decoy(DECOY_UNIX)};
	uint64_t swapped = 0;
	begin(&racer, replace);
	tell_begin();
	for (uint64_t i = 0; i < rounds && has_time(); i++) {
		int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(client, (struct sockaddr *)&address, length) != 0) {
			perror("bindtruth: connect");
			return 1;
		}
		unsigned peer = port_of(client);
		racer.fd = fcntl(listener, F_DUPFD_CLOEXEC, 0);
		close(racer.fd);
		bool racing = decoy != DECOY_CONNECTION || earlier >= 0;
		if (racing)
			start_race(&racer);
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (racing)
			stop_race(&racer);
		tell_made(peer, 0);
		struct sockaddr_in other;
		socklen_t size = sizeof other;
		swapped += getpeername(fd, (struct sockaddr *)&other, &size) != 0 || other.sin_family != AF_INET || ntohs(other.sin_port) != peer;
		if (decoy == DECOY_CONNECTION && earlier < 0) {
			racer.decoy = earlier = fcntl(fd, F_DUPFD_CLOEXEC, 600);
			client = -1; // stays
		}
		close(fd);
		if (client >= 0)
			close(client);
	}
	end(&racer);
	return tell_end(swapped);
}

// ---- certain, not only likely: the address is in a page that is not there, and who brings it changes the descriptor first

struct holder {
	int faults, fd, decoy;
	void *page;
};

static void *answer_fault(void *argument)
{
	struct holder *holder = argument;
	struct uffd_msg message;
	static unsigned char content[4096] __attribute__((aligned(4096)));
	if (read(holder->faults, &message, sizeof message) != sizeof message)
		return NULL;
	if (holder->decoy >= 0)
		dup3(holder->decoy, holder->fd, O_CLOEXEC);
	else
		close(holder->fd);
	memcpy(content, &loopback, sizeof loopback);
	struct uffdio_copy copy = {.dst = (uintptr_t)holder->page, .src = (uintptr_t)content, .len = sizeof content};
	ioctl(holder->faults, UFFDIO_COPY, &copy);
	return NULL;
}

static int race_hold(uint64_t rounds, enum decoy decoy)
{
	currentCase = "race";
	tell_begin();
	for (uint64_t i = 0; i < rounds && has_time(); i++) {
		struct holder holder = {.fd = 500, .decoy = make_decoy(decoy), .faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC)};
		struct uffdio_api api = {.api = UFFD_API};
		if (holder.faults < 0 || ioctl(holder.faults, UFFDIO_API, &api) != 0) {
			fprintf(stderr, "bindtruth: userfaultfd: %s\n", strerror(errno));
			return 77;
		}
		holder.page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		struct uffdio_register pages = {
			.range = {.start = (uintptr_t)holder.page, .len = 4096}, .mode = UFFDIO_REGISTER_MODE_MISSING};
		int real = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		pthread_t thread;
		if (holder.page == MAP_FAILED || ioctl(holder.faults, UFFDIO_REGISTER, &pages) != 0 || real < 0 ||
			dup3(real, holder.fd, O_CLOEXEC) < 0 || pthread_create(&thread, NULL, answer_fault, &holder) != 0) {
			perror("bindtruth: race hold");
			return 1;
		}
		bind(holder.fd, holder.page, sizeof loopback);
		pthread_join(thread, NULL);
		if (port_of(real) != 0)
			tell_made(port_of(real), 0);
		close(real);
		close(holder.faults);
		munmap(holder.page, 4096);
		if (holder.decoy >= 0) {
			close(holder.decoy);
			close(holder.fd);
		}
	}
	return tell_end(rounds);
}

int run_race(int count, char **arguments)
{
	static const char *const decoys[] = {"unix", "udp", "closed", "connection"};
	uint64_t rounds;
	if (count < 2 || !parse_number(arguments[1], 1000000, &rounds))
		return 2;
	if (strcmp(arguments[0], "address") == 0 && count == 2)
		return race_address(rounds);
	if (count != 3)
		return 2;
	for (int i = 0; i < 4; i++) {
		if (strcmp(arguments[2], decoys[i]) != 0)
			continue;
		if (strcmp(arguments[0], "descriptor") == 0 && i != DECOY_CONNECTION)
			return race_descriptor(rounds, (enum decoy)i);
		if (strcmp(arguments[0], "listen") == 0 && i != DECOY_CONNECTION)
			return race_listen(rounds, (enum decoy)i);
		if (strcmp(arguments[0], "both") == 0 && i != DECOY_CONNECTION)
			return race_both(rounds, (enum decoy)i);
		if (strcmp(arguments[0], "hold") == 0 && i != DECOY_CONNECTION)
			return race_hold(rounds, (enum decoy)i);
		if (strcmp(arguments[0], "accept") == 0 && (i == DECOY_UNIX || i == DECOY_CONNECTION))
			return race_accept(rounds, (enum decoy)i);
	}
	return 2;
}
