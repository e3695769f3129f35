// floor OBJECT empty|empties|ring|wake|least|count|closed fentry|kprobe|tracepoint|cgroup [CGROUP]: attaches the programs of floor.bpf.c and
// reads what they send; on SIGINT or SIGTERM reports how much that was, and for "wake" how old it was, in milliseconds.

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stop;

static void on_signal(int signal)
{
	(void)signal;
	stop = 1;
}

static int silent(enum libbpf_print_level level, const char *format, va_list arguments)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, arguments) : 0;
}

// A bare reader: nothing but the ring's own protocol (Documentation/bpf/ringbuf.rst).
struct ring {
	volatile uint64_t *consumer, *producer;
	uint8_t *data;
	uint64_t mask, position;
};

#define MAX_AGES 100000
static double ages[MAX_AGES];
static size_t age_count;

static void note_age(const uint64_t *time)
{
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	if (age_count < MAX_AGES)
		ages[age_count++] = ((double)now.tv_sec * 1e9 + (double)now.tv_nsec - (double)*time) / 1e6;
}

static uint64_t drain(struct ring *ring, bool with_ages)
{
	uint64_t count = 0;
	while (ring->position < __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE)) {
		uint32_t length = __atomic_load_n((uint32_t *)(ring->data + (ring->position & ring->mask)), __ATOMIC_ACQUIRE);
		if (length & BPF_RINGBUF_BUSY_BIT)
			break;
		if (with_ages)
			note_age((uint64_t *)(ring->data + (ring->position & ring->mask) + BPF_RINGBUF_HDR_SZ));
		ring->position += (length + BPF_RINGBUF_HDR_SZ + 7) & ~7u;
		__atomic_store_n(ring->consumer, ring->position, __ATOMIC_RELEASE);
		count++;
	}
	return count;
}

int main(int count, char **arguments)
{
	if (count != 4 && count != 5) {
		fprintf(stderr, "usage: floor OBJECT empty|empties|ring|wake|least|count|closed fentry|kprobe|tracepoint|cgroup [CGROUP]\n");
		return 2;
	}
	libbpf_set_print(silent);
	struct bpf_object *object = bpf_object__open_file(arguments[1], NULL);
	if (object == NULL)
		return 1;
	char prefix[64];
	snprintf(prefix, sizeof prefix, "%s_%s_", arguments[2], arguments[3]);
	struct bpf_program *program;
	bpf_object__for_each_program(program, object)
		bpf_program__set_autoload(program, strncmp(bpf_program__name(program), prefix, strlen(prefix)) == 0);
	if (bpf_object__load(object) != 0)
		return 1;

	long page = sysconf(_SC_PAGESIZE);
	struct bpf_map *events = bpf_object__find_map_by_name(object, "events");
	size_t size = bpf_map__max_entries(events);
	struct ring ring = {.mask = size - 1};
	ring.consumer = mmap(NULL, (size_t)page, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(events), 0);
	ring.producer = mmap(NULL, (size_t)page + 2 * size, PROT_READ, MAP_SHARED, bpf_map__fd(events), page);
	if (ring.consumer == MAP_FAILED || ring.producer == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	ring.data = (uint8_t *)ring.producer + page;

	int cgroup = count == 5 ? open(arguments[4], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	bpf_object__for_each_program(program, object) {
		if (bpf_program__autoload(program) &&
			(count == 5 ? bpf_program__attach_cgroup(program, cgroup) : bpf_program__attach(program)) == NULL)
			return 1;
	}
	// Let in while it waits and at no other time, or it might wait for good.
	sigset_t signals, none;
	sigemptyset(&none);
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	fprintf(stderr, "attached\n");
	bool wake = strcmp(arguments[2], "wake") == 0;
	bool sends = strcmp(arguments[2], "ring") == 0 || strcmp(arguments[2], "least") == 0;
	int waiter = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = {.events = EPOLLIN};
	if (waiter < 0 || (wake && epoll_ctl(waiter, EPOLL_CTL_ADD, bpf_map__fd(events), &event) != 0)) {
		perror("epoll");
		return 1;
	}
	uint64_t received = 0;
	while (!stop) {
		received += drain(&ring, wake);
		epoll_pwait(waiter, &event, 1, sends ? 1 : -1, &none);
	}
	received += drain(&ring, wake);
	if (!wake)
		printf("%llu\n", (unsigned long long)received);
	for (size_t i = 0; i < age_count; i++)
		printf("%f\n", ages[i]);
	return 0;
}
