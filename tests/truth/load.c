// The two verbs for measuring and for showing.

#include "bindtruth.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// What every bind of `load --fail` finds busy.
enum { BUSY_PORT = 20990 };

// What is timed: bind(), listen() of a bound socket, close() of one that listens, or of one that is not bound.
enum timed { TIME_BIND, TIME_LISTEN, TIME_CLOSE, TIME_UNBOUND };

// How long single binds took, in steps of 16 ns; what took longer than all of them is in the last.
enum { STEP = 16, STEPS = 65536 };

struct worker {
	pthread_t thread;
	enum timed timed;
	uint32_t *times;
	uint64_t count, deadline; // deadline in nanoseconds, 0 for none
	struct sockaddr_in address;
	pthread_barrier_t *start;
	uint64_t made, failed, inBind;
	int error; // of a socket that could not be had
};

static uint64_t now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int by_size(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
	return (a > b) - (a < b);
}

// What the clock itself adds between two readings: the median, as single readings meet interrupts. On a machine
// whose clock is read by a system call this is as much as a bind takes.
static uint64_t clock_cost(void)
{
	static uint64_t costs[10001];
	for (size_t i = 0; i < 10001; i++) {
		uint64_t from = now();
		costs[i] = now() - from;
	}
	qsort(costs, 10001, sizeof *costs, by_size);
	return costs[5000];
}

static uint64_t median(const struct worker *workers, uint64_t threads, uint64_t made)
{
	uint64_t seen = 0;
	for (uint64_t step = 0; step < STEPS; step++) {
		for (uint64_t i = 0; i < threads; i++)
			seen += workers[i].times[step];
		if (seen * 2 >= made)
			return step * STEP + STEP / 2;
	}
	return 0;
}

static void *work(void *argument)
{
	struct worker *w = argument;
	pthread_barrier_wait(w->start);
	for (uint64_t i = 0; i < w->count; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0) {
			w->error = errno;
			break;
		}
		const struct sockaddr *address = (const struct sockaddr *)&w->address;
		if (((w->timed == TIME_LISTEN || w->timed == TIME_CLOSE) && bind(fd, address, sizeof w->address) != 0) ||
			(w->timed == TIME_CLOSE && listen(fd, 5) != 0)) {
			w->error = errno;
			break;
		}
		// Opening and closing the socket costs more than the bind, and is none of a tracer's doing.
		bool closes = w->timed == TIME_CLOSE || w->timed == TIME_UNBOUND;
		uint64_t from = now();
		int result = closes ? close(fd) : w->timed == TIME_LISTEN ? listen(fd, 5) : bind(fd, address, sizeof w->address);
		uint64_t to = now();
		w->inBind += to - from;
		w->times[to - from < STEP * STEPS ? (to - from) / STEP : STEPS - 1]++;
		w->made++;
		w->failed += result != 0;
		if (!closes)
			close(fd);
		if (w->deadline != 0 && to >= w->deadline)
			break;
	}
	return NULL;
}

bool parse_number(const char *text, uint64_t most, uint64_t *value)
{
	char *end;
	errno = 0;
	if (text == NULL || *text < '0' || *text > '9')
		return false;
	*value = strtoull(text, &end, 10);
	return errno == 0 && *end == 0 && *value >= 1 && *value <= most;
}

int run_load(int count, char **arguments)
{
	uint64_t binds = 0, threads = 1, seconds = 0;
	bool fail = false;
	enum timed timed = TIME_BIND;
	for (int i = 0; i < count; i++) {
		const char *option = arguments[i], *value = i + 1 < count ? arguments[i + 1] : NULL;
		uint64_t *target = strcmp(option, "--count") == 0 ? &binds : strcmp(option, "--threads") == 0 ? &threads
			: strcmp(option, "--seconds") == 0 ? &seconds : NULL;
		if (strcmp(option, "--fail") == 0) {
			fail = true;
		} else if (strcmp(option, "--listen") == 0) {
			timed = TIME_LISTEN;
		} else if (strcmp(option, "--close") == 0) {
			timed = TIME_CLOSE;
		} else if (strcmp(option, "--unbound") == 0) {
			timed = TIME_UNBOUND;
		} else if (target == NULL || !parse_number(value, target == &binds ? 1000000000 : target == &threads ? 256 : 86400, target)) {
			fprintf(stderr, "bindtruth: load does not understand %s %s\n", option, value == NULL ? "" : value);
			return 2;
		} else {
			i++;
		}
	}
	if (binds == 0)
		binds = seconds == 0 ? 10000 : 1000000000;

	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (fail) {
		address.sin_port = htons(BUSY_PORT);
		int holder = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		// That someone else has it serves as well.
		if (bind(holder, (struct sockaddr *)&address, sizeof address) != 0 && errno != EADDRINUSE) {
			perror("bindtruth: bind");
			return 1;
		}
	}

	uint64_t cost = clock_cost();
	struct worker *workers = calloc(threads, sizeof *workers);
	pthread_barrier_t start;
	if (workers == NULL || pthread_barrier_init(&start, NULL, (unsigned)threads + 1) != 0) {
		perror("bindtruth");
		return 1;
	}
	uint64_t deadline = seconds == 0 ? 0 : now() + seconds * 1000000000u;
	for (uint64_t i = 0; i < threads; i++) {
		workers[i] = (struct worker){.count = binds / threads + (i < binds % threads), .deadline = deadline,
			.address = address, .timed = timed, .start = &start, .times = calloc(STEPS, sizeof *workers->times)};
		if (workers[i].times == NULL) {
			perror("bindtruth");
			return 1;
		}
		int error = pthread_create(&workers[i].thread, NULL, work, &workers[i]);
		if (error != 0) {
			fprintf(stderr, "bindtruth: pthread_create: %s\n", strerror(error));
			return 1;
		}
	}
	uint64_t from = now();
	pthread_barrier_wait(&start);
	uint64_t made = 0, failed = 0, inBind = 0;
	int error = 0;
	for (uint64_t i = 0; i < threads; i++) {
		pthread_join(workers[i].thread, NULL);
		made += workers[i].made;
		failed += workers[i].failed;
		inBind += workers[i].inBind;
		if (workers[i].error != 0)
			error = workers[i].error;
	}
	uint64_t wall = now() - from;
	uint64_t typical = median(workers, threads, made), clockTime = made * cost;
	inBind = inBind > clockTime ? inBind - clockTime : 0;
	char text[384];
	// made counts every call, failed those of them that gave an error. nanoseconds is the sum over the threads.
	// medianNanoseconds, of single binds, is free of what else the machine did meanwhile.
	// setupBinds are made before the loop and are in neither number.
	snprintf(text, sizeof text,
		"{\"made\":%llu,\"failed\":%llu,\"nanoseconds\":%llu,\"nsPerBind\":%.1f,\"medianNanoseconds\":%llu,\"clockNanoseconds\":%llu,"
		"\"wallNanoseconds\":%llu,\"setupBinds\":%d,\"pid\":%d}\n",
		(unsigned long long)made, (unsigned long long)failed, (unsigned long long)inBind,
		made == 0 ? 0.0 : (double)inBind / (double)made, (unsigned long long)(typical > cost ? typical - cost : 0),
		(unsigned long long)cost, (unsigned long long)wall, fail ? 1 : 0, getpid());
	print_text(text);
	free(workers);
	if (error != 0) {
		fprintf(stderr, "bindtruth: socket: %s\n", strerror(error));
		return 1;
	}
	return 0;
}

int run_hold(const char *address, const char *port)
{
	unsigned char bytes[16];
	char *end;
	unsigned long value = strtoul(port, &end, 10);
	bool six = inet_pton(AF_INET6, address, bytes) == 1;
	if ((!six && inet_pton(AF_INET, address, bytes) != 1) || *port < '0' || *port > '9' || *end != 0 || value > 65535) {
		fprintf(stderr, "bindtruth: hold needs an IP address and a port, not %s %s\n", address, port);
		return 2;
	}

	// Blocked before the line is out: whoever reads it may send the signal at once.
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	int signalled = signalfd(-1, &signals, SFD_CLOEXEC);

	currentCase = "hold";
	int fd = open_socket(six ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
	struct place place = place_of(address, (unsigned)value);
	if (bind_and_report(&(struct bind_call){.fd = fd, .address = &place.address, .length = place.length}) != 0)
		return 1;
	if (listen(fd, 16) != 0) {
		perror("bindtruth: listen");
		return 1;
	}
	for (;;) {
		struct pollfd waits[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = signalled, .events = POLLIN}};
		if (poll(waits, 2, -1) < 0 && errno != EINTR)
			return 1;
		char ignored[256];
		if (waits[1].revents != 0)
			return 0;
		if (waits[0].revents != 0 && read(STDIN_FILENO, ignored, sizeof ignored) <= 0)
			return 0;
	}
}
