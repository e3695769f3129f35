// The ways into the kernel: the plain system call, the two 32-bit ones, and io_uring.

#include "bindtruth.h"

#include <dirent.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// ---- 32-bit calls

#ifdef __x86_64__

// The numbers of the i386 table.
enum { I386_GETPID = 20, I386_SOCKETCALL = 102, I386_BIND = 361, I386_LISTEN = 363, I386_ACCEPT4 = 364 };

static int int80(long number, long a, long b, long c, long d)
{
	long result;
	// Kernels before 4.17 do not keep r8 to r11.
	__asm__ volatile("int $0x80"
		: "=a"(result)
		: "a"(number), "b"(a), "c"(b), "d"(c), "S"(d)
		: "memory", "cc", "r8", "r9", "r10", "r11");
	return (int)result;
}

void need_int80(void)
{
	// Without IA32 emulation the instruction is a fault, so a child tries it.
	pid_t child = fork();
	if (child < 0)
		skip("fork: %s", error_name(errno));
	if (child == 0)
		_exit(int80(I386_GETPID, 0, 0, 0, 0) == getpid() ? 0 : 1);
	int status;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		skip("int 0x80 raises signal %d: no IA32 emulation", WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		skip("int 0x80 does not make 32-bit calls here");
}

// A 32-bit call sees the low half of a pointer only.
static unsigned char *low_page(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (page == MAP_FAILED)
		skip("mmap(MAP_32BIT): %s", error_name(errno));
	return page;
}

static int bind_low(const struct bind_call *call)
{
	unsigned char *page = low_page();
	if (call->length > 0 && call->length <= 256)
		memcpy(page, call->address, (size_t)call->length);
	if (call->via == VIA_INT80)
		return int80(I386_BIND, call->fd, (long)page, call->length, 0);
	uint32_t *arguments = (uint32_t *)(void *)(page + 1024);
	arguments[0] = (uint32_t)call->fd;
	arguments[1] = (uint32_t)(uintptr_t)page;
	arguments[2] = (uint32_t)call->length;
	return int80(I386_SOCKETCALL, 2, (long)arguments, 0, 0);
}

static int accept_low(enum via via, int fd, struct sockaddr_storage *peer, socklen_t *length, bool four, int flags)
{
	unsigned char *page = low_page();
	uint32_t *lowLength = (uint32_t *)(void *)(page + 512);
	*lowLength = *length;
	int result;
	if (via == VIA_INT80) {
		result = int80(I386_ACCEPT4, fd, (long)page, (long)lowLength, flags);
	} else {
		uint32_t *arguments = (uint32_t *)(void *)(page + 1024);
		arguments[0] = (uint32_t)fd;
		arguments[1] = (uint32_t)(uintptr_t)page;
		arguments[2] = (uint32_t)(uintptr_t)lowLength;
		arguments[3] = (uint32_t)flags;
		result = int80(I386_SOCKETCALL, four ? 18 : 5, (long)arguments, 0, 0);
	}
	*length = *lowLength;
	memcpy(peer, page, sizeof *peer);
	return result;
}

static int listen_low(enum via via, int fd, int backlog)
{
	if (via == VIA_INT80)
		return int80(I386_LISTEN, fd, backlog, 0, 0);
	uint32_t *arguments = (uint32_t *)(void *)low_page();
	arguments[0] = (uint32_t)fd;
	arguments[1] = (uint32_t)backlog;
	return int80(I386_SOCKETCALL, 4, (long)arguments, 0, 0);
}

#else

void need_int80(void)
{
	skip("int 0x80 is of x86-64 only");
}

static int bind_low(const struct bind_call *call)
{
	(void)call;
	return -ENOSYS;
}

static int accept_low(enum via via, int fd, struct sockaddr_storage *peer, socklen_t *length, bool four, int flags)
{
	(void)via, (void)fd, (void)peer, (void)length, (void)four, (void)flags;
	return -ENOSYS;
}

static int listen_low(enum via via, int fd, int backlog)
{
	(void)via, (void)fd, (void)backlog;
	return -ENOSYS;
}

#endif

// ---- io_uring, by hand: liburing is not there in every image

static void *map_ring(int fd, size_t size, off_t offset)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, offset);
	if (memory == MAP_FAILED)
		skip("mapping the ring: %s", error_name(errno));
	return memory;
}

void open_ring(struct ring *ring, unsigned setupFlags, unsigned opcode)
{
	struct io_uring_params params = {.flags = setupFlags, .sq_thread_idle = 1000};
	ring->fd = (int)syscall(SYS_io_uring_setup, 4, &params);
	if (ring->fd < 0)
		skip("io_uring_setup: %s", error_name(errno));

	unsigned char *sq = map_ring(ring->fd, params.sq_off.array + params.sq_entries * sizeof(unsigned), IORING_OFF_SQ_RING);
	unsigned char *cq = map_ring(ring->fd, params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe),
		IORING_OFF_CQ_RING);
	ring->sqes = map_ring(ring->fd, params.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
	ring->sqTail = (unsigned *)(void *)(sq + params.sq_off.tail);
	ring->sqMask = *(unsigned *)(void *)(sq + params.sq_off.ring_mask);
	ring->sqArray = (unsigned *)(void *)(sq + params.sq_off.array);
	ring->cqHead = (unsigned *)(void *)(cq + params.cq_off.head);
	ring->cqTail = (unsigned *)(void *)(cq + params.cq_off.tail);
	ring->cqMask = *(unsigned *)(void *)(cq + params.cq_off.ring_mask);
	ring->cqes = cq + params.cq_off.cqes;

	// An unknown opcode would answer EINVAL, which a bind can answer as well: so ask first.
	static unsigned char memory[sizeof(struct io_uring_probe) + 256 * sizeof(struct io_uring_probe_op)];
	struct io_uring_probe *probe = (struct io_uring_probe *)(void *)memory;
	memset(memory, 0, sizeof memory);
	if (syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_PROBE, probe, 256) != 0)
		skip("io_uring_register(PROBE): %s", error_name(errno));
	if (opcode >= probe->ops_len || !(probe->ops[opcode].flags & IO_URING_OP_SUPPORTED))
		skip("this kernel's io_uring lacks operation %u", opcode);
}

void register_file(struct ring *ring, int fd)
{
	if (syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_FILES, &fd, 1) != 0)
		skip("io_uring_register(FILES): %s", error_name(errno));
}

static void submit(struct ring *ring, const struct io_uring_sqe *entry)
{
	unsigned tail = *ring->sqTail;
	unsigned slot = tail & ring->sqMask;
	((struct io_uring_sqe *)ring->sqes)[slot] = *entry;
	ring->sqArray[slot] = slot;
	__atomic_store_n(ring->sqTail, tail + 1, __ATOMIC_RELEASE);
	// With a polling thread the wake-up does the submission; without, the flag is ignored.
	if (syscall(SYS_io_uring_enter, ring->fd, 1, 0, IORING_ENTER_SQ_WAKEUP, NULL, 0) < 0)
		skip("io_uring_enter: %s", error_name(errno));
}

int await_ring(struct ring *ring)
{
	unsigned head = *ring->cqHead;
	while (__atomic_load_n(ring->cqTail, __ATOMIC_ACQUIRE) == head)
		if (syscall(SYS_io_uring_enter, ring->fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0 && errno != EINTR)
			skip("io_uring_enter: %s", error_name(errno));
	int result = ((struct io_uring_cqe *)ring->cqes)[head & ring->cqMask].res;
	__atomic_store_n(ring->cqHead, head + 1, __ATOMIC_RELEASE);
	return result;
}

void submit_accept(struct ring *ring, int fd, struct sockaddr_storage *peer, socklen_t *length, int flags,
	unsigned sqeFlags, unsigned acceptFlags)
{
	struct io_uring_sqe entry = {.opcode = RING_ACCEPT, .flags = (unsigned char)sqeFlags,
		.ioprio = (unsigned short)acceptFlags, .fd = fd, .addr = (uintptr_t)peer, .off = (uintptr_t)length,
		.accept_flags = (unsigned)flags};
	submit(ring, &entry);
}

// The kernel's own thread of this process that carried the operation out: it idles for seconds afterwards.
pid_t ring_worker(char comm[17])
{
	DIR *tasks = opendir("/proc/self/task");
	if (tasks == NULL)
		skip("/proc/self/task: %s", error_name(errno));
	pid_t found = 0;
	for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
		char path[64], name[32];
		pid_t tid = (pid_t)atoi(entry->d_name);
		if (tid == 0)
			continue;
		snprintf(path, sizeof path, "/proc/self/task/%d/comm", tid);
		if (!read_file(path, name, sizeof name) || strncmp(name, "iou-", 4) != 0)
			continue;
		if (found != 0)
			skip("more than one io_uring worker, %d and %d: which of them did it is unknown", found, tid);
		found = tid;
		name[strcspn(name, "\n")] = 0;
		snprintf(comm, 17, "%.15s", name);
	}
	closedir(tasks);
	if (found == 0)
		skip("no io_uring worker thread to be seen");
	return found;
}

// ---- the calls

int make_bind(const struct bind_call *call)
{
	if (call->via == VIA_SYSCALL)
		return syscall(SYS_bind, call->fd, call->address, call->length) == 0 ? 0 : -errno;
	if (call->via != VIA_URING)
		return bind_low(call);
	struct io_uring_sqe entry = {.opcode = RING_BIND, .flags = (unsigned char)call->sqeFlags,
		.fd = call->sqeFlags & SQE_FIXED_FILE ? call->sqeFd : call->fd, .addr = (uintptr_t)call->address,
		.off = (unsigned)call->length};
	submit(call->ring, &entry);
	return await_ring(call->ring);
}

int make_accept(enum via via, struct ring *ring, int fd, struct sockaddr_storage *peer, socklen_t *length,
	bool four, int flags)
{
	if (via == VIA_URING) {
		submit_accept(ring, fd, peer, length, flags, 0, 0);
		return await_ring(ring);
	}
	if (via != VIA_SYSCALL)
		return accept_low(via, fd, peer, length, four, flags);
	long result = four ? syscall(SYS_accept4, fd, peer, length, flags) : syscall(SYS_accept, fd, peer, length);
	return result < 0 ? -errno : (int)result;
}

int make_listen(enum via via, struct ring *ring, int fd, int backlog)
{
	if (via == VIA_SYSCALL)
		return syscall(SYS_listen, fd, backlog) == 0 ? 0 : -errno;
	if (via != VIA_URING)
		return listen_low(via, fd, backlog);
	struct io_uring_sqe entry = {.opcode = RING_LISTEN, .fd = fd, .len = (unsigned)backlog};
	submit(ring, &entry);
	return await_ring(ring);
}

// ---- a bind and its record

static void read_request(const struct bind_call *call, struct bind_record *record)
{
	record->length = call->length;
	record->requestedFamily = -1;
	if (call->unreadable || call->length < (int)sizeof(sa_family_t))
		return;
	struct sockaddr_storage copy = {.ss_family = 0};
	size_t length = (size_t)call->length > sizeof copy ? sizeof copy : (size_t)call->length;
	memcpy(&copy, call->address, length);
	record->requestedFamily = copy.ss_family;
	int family = copy.ss_family == AF_UNSPEC && record->before.isSocket ? record->before.family : copy.ss_family;
	// 24: a sockaddr_in6 may go without its scope id, as in RFC 2133.
	if ((family == AF_INET && length < sizeof(struct sockaddr_in)) || (family == AF_INET6 && length < 24))
		return;
	copy.ss_family = (sa_family_t)family;
	record->hasRequested = text_of(&copy, record->requestedAddress, &record->requestedPort);
	if (family == AF_INET6 && length >= sizeof(struct sockaddr_in6))
		record->scopeId = ((struct sockaddr_in6 *)&copy)->sin6_scope_id;
}

void before_bind(const struct bind_call *call, struct bind_record *record)
{
	memset(record, 0, sizeof *record);
	record->call = CALL_BIND;
	record->via = call->via;
	record->shown = !call->hidden;
	if (call->who != NULL)
		record->who = *call->who;
	else
		read_who(&record->who);
	read_socket(call->fd, &record->before);
	read_request(call, record);
}

void after_bind(const struct bind_call *call, struct bind_record *record, int error)
{
	record->error = error;
	read_socket(call->fd, &record->after);
	if (error == 0) {
		struct sockaddr_storage name = {.ss_family = 0};
		socklen_t length = sizeof name;
		record->hasAddress = getsockname(call->fd, (struct sockaddr *)&name, &length) == 0 &&
			text_of(&name, record->address, &record->port);
	} else {
		record->hasAddress = record->hasRequested;
		memcpy(record->address, record->requestedAddress, sizeof record->address);
		record->port = record->requestedPort;
	}
	if (record->before.type == SOCK_RAW)
		record->port = 0;
	if (call->byWorker)
		record->who.tid = ring_worker(record->who.comm);
}

int bind_and_report(const struct bind_call *call)
{
	struct bind_record record;
	before_bind(call, &record);
	int error = -make_bind(call);
	after_bind(call, &record, error);
	print_bind(&record);
	return error;
}
