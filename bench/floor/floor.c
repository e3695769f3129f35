// floor OBJECT empty|empties|ring|least|count fentry|kprobe|tracepoint: attaches the programs of floor.bpf.c, reads what they send,
// and tells how much that was on SIGINT or SIGTERM.

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/perf_event.h>

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

static uint64_t drain(struct ring *ring)
{
	uint64_t count = 0;
	while (ring->position < __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE)) {
		uint32_t length = __atomic_load_n((uint32_t *)(ring->data + (ring->position & ring->mask)), __ATOMIC_ACQUIRE);
		if (length & BPF_RINGBUF_BUSY_BIT)
			break;
		ring->position += (length + BPF_RINGBUF_HDR_SZ + 7) & ~7u;
		__atomic_store_n(ring->consumer, ring->position, __ATOMIC_RELEASE);
		count++;
	}
	return count;
}

int main(int count, char **arguments)
{
	if (count != 4) {
		fprintf(stderr, "usage: floor OBJECT empty|empties|ring|least|count fentry|kprobe|tracepoint\n");
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

	bpf_object__for_each_program(program, object) {
		if (bpf_program__autoload(program) && bpf_program__attach(program) == NULL)
			return 1;
	}
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	fprintf(stderr, "attached\n");
	uint64_t received = 0;
	while (!stop) {
		received += drain(&ring);
		poll(NULL, 0, strcmp(arguments[2], "ring") == 0 || strcmp(arguments[2], "least") == 0 ? 1 : -1);
	}
	received += drain(&ring);
	printf("%llu\n", (unsigned long long)received);
	return 0;
}
