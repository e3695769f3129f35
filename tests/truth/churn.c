// A load as of a busy machine, for hours: processes that come and go, with threads, namespaces and cgroups of
// their own, each making a few binds, and in the end how many there were.

#include "bindtruth.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TICK_MS = 20, THREADS = 4, KINDS = 50, PATH_SIZE = 512 };

// Written by all processes.
struct totals {
	atomic_ulong made, failed, processes, threads, netns, mntns, cgroups;
	atomic_bool ending;
};

static struct totals *totals;
static uint64_t pace, deadline;
static in_port_t busyPort; // what every fifth bind finds busy, but in another network

struct slot {
	pid_t pid;
	char cgroup[PATH_SIZE]; // to be removed after it; empty for none
};

static uint64_t milliseconds(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static void pause_for(uint64_t ms)
{
	nanosleep(&(struct timespec){.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000}, NULL);
}

static void bind_any(unsigned way)
{
	bool six = way % 5 == 2, datagram = way % 5 == 1 || way % 5 == 3;
	struct sockaddr_in four = {.sin_family = AF_INET};
	struct sockaddr_in6 any6 = {.sin6_family = AF_INET6};
	if (way % 5 == 3)
		four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (way % 5 == 4) {
		four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		four.sin_port = busyPort;
	}
	int fd = socket(six ? AF_INET6 : AF_INET, (datagram ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		perror("bindtruth: socket");
		_exit(1);
	}
	int result = bind(fd, six ? (void *)&any6 : (void *)&four, six ? sizeof any6 : sizeof four);
	atomic_fetch_add(&totals->made, 1);
	if (result != 0)
		atomic_fetch_add(&totals->failed, 1);
	close(fd);
}

static void *live(void *argument)
{
	unsigned seed = (unsigned)(uintptr_t)argument;
	for (unsigned way = seed; milliseconds() < deadline && !atomic_load(&totals->ending); way++) {
		uint64_t left = deadline - milliseconds(), next = pace / 2 + (uint64_t)rand_r(&seed) % (pace + 1);
		pause_for(next < left ? next : left);
		bind_any(way);
	}
	return NULL;
}

static void unshare_or_fail(int flags, atomic_ulong *count)
{
	if (unshare(flags) != 0) {
		perror("bindtruth: unshare");
		_exit(1);
	}
	atomic_fetch_add(count, 1);
}

_Noreturn static void child(unsigned number, const char *cgroup)
{
	unsigned kind = number % KINDS;
	if (*cgroup != 0) {
		char path[PATH_SIZE + 16];
		snprintf(path, sizeof path, "%s/cgroup.procs", cgroup);
		if (!write_file(path, "0")) {
			perror("bindtruth: cgroup.procs");
			_exit(1);
		}
	}
	if (kind == 1 || kind == 2)
		unshare_or_fail(CLONE_NEWNET, &totals->netns);
	if (kind == 2 || kind == 3)
		unshare_or_fail(CLONE_NEWNS, &totals->mntns);
	if (kind == 4 || kind == 5) {
		pthread_t threads[THREADS];
		for (unsigned i = 0; i < THREADS; i++) {
			if (pthread_create(&threads[i], NULL, live, (void *)(uintptr_t)(number + i + 1)) != 0)
				_exit(1);
		}
		for (unsigned i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
		atomic_fetch_add(&totals->threads, THREADS);
	} else {
		live((void *)(uintptr_t)(number + 1));
	}
	_exit(0);
}

static bool has_own_cgroup(unsigned number)
{
	return number % KINDS >= 5 && number % KINDS < 8;
}

static bool start(struct slot *slot, unsigned number, uint64_t life, const char *cgroups)
{
	slot->cgroup[0] = 0;
	if (cgroups != NULL && has_own_cgroup(number)) {
		snprintf(slot->cgroup, sizeof slot->cgroup, "%s/churn-%u", cgroups, number);
		if (mkdir(slot->cgroup, 0755) != 0) {
			perror("bindtruth: mkdir");
			return false;
		}
		atomic_fetch_add(&totals->cgroups, 1);
	}
	unsigned seed = number;
	deadline = milliseconds() + life / 2 + (uint64_t)rand_r(&seed) % (life + 1);
	slot->pid = fork();
	if (slot->pid == 0)
		child(number, slot->cgroup);
	if (slot->pid < 0) {
		perror("bindtruth: fork");
		return false;
	}
	atomic_fetch_add(&totals->processes, 1);
	return true;
}

// False if one of them did not do its work.
static bool reap(struct slot *slots, uint64_t count, uint64_t *alive)
{
	bool good = true;
	int status;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
		for (uint64_t i = 0; i < count; i++) {
			if (slots[i].pid != pid)
				continue;
			slots[i].pid = 0;
			--*alive;
			if (slots[i].cgroup[0] != 0 && rmdir(slots[i].cgroup) != 0) {
				perror("bindtruth: rmdir");
				good = false;
			}
		}
		if (status != 0) {
			fprintf(stderr, "bindtruth: a process ended with status %#x\n", (unsigned)status);
			good = false;
		}
	}
	return good;
}

int run_churn(int count, char **arguments)
{
	uint64_t processes = 1000, seconds = 60, life = 10000;
	const char *cgroups = NULL;
	pace = 2000;
	for (int i = 0; i < count; i += 2) {
		const char *option = arguments[i], *value = i + 1 < count ? arguments[i + 1] : NULL;
		uint64_t *target = strcmp(option, "--processes") == 0 ? &processes : strcmp(option, "--seconds") == 0 ? &seconds
			: strcmp(option, "--life") == 0 ? &life : strcmp(option, "--pace") == 0 ? &pace : NULL;
		if (strcmp(option, "--cgroups") == 0 && value != NULL) {
			cgroups = value;
		} else if (target == NULL || !parse_number(value, 1000000, target)) {
			fprintf(stderr, "bindtruth: churn does not understand %s %s\n", option, value == NULL ? "" : value);
			return 2;
		}
	}

	totals = mmap(NULL, sizeof *totals, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct slot *slots = calloc(processes, sizeof *slots);
	if (totals == MAP_FAILED || slots == NULL) {
		perror("bindtruth");
		return 1;
	}

	struct sockaddr_in busy = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof busy;
	int holder = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(holder, (struct sockaddr *)&busy, sizeof busy) != 0 || getsockname(holder, (struct sockaddr *)&busy, &length) != 0) {
		perror("bindtruth: bind");
		return 1;
	}
	busyPort = busy.sin_port;
	atomic_fetch_add(&totals->made, 1);

	bool good = true;
	uint64_t alive = 0, most = 0, from = milliseconds();
	for (unsigned number = 0; good && milliseconds() - from < seconds * 1000; pause_for(TICK_MS)) {
		good = reap(slots, processes, &alive);
		// At this rate there are always about so many of them, and they neither all begin nor all end together.
		uint64_t due = (milliseconds() - from) * processes / life;
		for (uint64_t i = 0; good && i < processes && number < due; i++) {
			if (slots[i].pid == 0) {
				good = start(&slots[i], number, life, cgroups);
				number++;
				alive += good;
			}
		}
		most = alive > most ? alive : most;
	}
	atomic_store(&totals->ending, true);
	for (uint64_t waited = 0; alive > 0 && waited < 60000; waited += TICK_MS) {
		pause_for(TICK_MS);
		good &= reap(slots, processes, &alive);
	}

	char text[384];
	snprintf(text, sizeof text,
		"{\"made\":%lu,\"failed\":%lu,\"processes\":%lu,\"threads\":%lu,\"networkNamespaces\":%lu,\"mountNamespaces\":%lu,"
		"\"cgroups\":%lu,\"mostAlive\":%llu}\n",
		totals->made, totals->failed, totals->processes, totals->threads, totals->netns, totals->mntns, totals->cgroups,
		(unsigned long long)most);
	print_text(text);
	free(slots);
	return good && alive == 0 ? 0 : 1;
}
