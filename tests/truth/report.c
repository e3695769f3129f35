// Facts about the caller and its socket, and the JSON lines that report them.

#include "bindtruth.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SIOCGSKNS
#define SIOCGSKNS 0x894C
#endif
#ifndef IPV6_TRANSPARENT
#define IPV6_TRANSPARENT 75
#endif
#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif
#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

const char *currentCase = "";

static unsigned privateCount;
static unsigned *lineCount = &privateCount;

void share_line_count(void)
{
	void *page = mmap(NULL, sizeof(unsigned), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (page != MAP_FAILED)
		lineCount = page;
}

unsigned lines_printed(void)
{
	return __atomic_load_n(lineCount, __ATOMIC_SEQ_CST);
}

// ---- writing

struct line {
	char text[8192];
	size_t length;
};

static void put(struct line *line, const char *text)
{
	size_t length = strlen(text);
	if (line->length + length >= sizeof line->text) {
		fputs("bindtruth: a line is too long\n", stderr);
		_exit(70);
	}
	memcpy(line->text + line->length, text, length + 1);
	line->length += length;
}

static void put_name(struct line *line, const char *name)
{
	put(line, line->length == 0 ? "{\"" : ",\"");
	put(line, name);
	put(line, "\":");
}

// One code point of strict UTF-8: no overlong forms, no surrogates. Gives its length in bytes, 0 if malformed.
static size_t decode(const unsigned char *bytes, size_t left, uint32_t *point)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length = bytes[0] < 0x80 ? 1 : bytes[0] >> 5 == 6 ? 2 : bytes[0] >> 4 == 14 ? 3 : bytes[0] >> 3 == 30 ? 4 : 0;
	if (length == 0 || length > left)
		return 0;
	uint32_t value = length == 1 ? bytes[0] : bytes[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if (bytes[i] >> 6 != 2)
			return 0;
		value = value << 6 | (bytes[i] & 0x3f);
	}
	if (value < least[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return 0;
	*point = value;
	return length;
}

static bool is_utf8(const char *text)
{
	uint32_t point;
	for (size_t left = strlen(text), step; left > 0; text += step, left -= step)
		if ((step = decode((const unsigned char *)text, left, &point)) == 0)
			return false;
	return true;
}

// Only ASCII comes out, so that a line is safe to show on a terminal whatever a process is called.
static void put_string(struct line *line, const char *text)
{
	if (text == NULL || !is_utf8(text)) {
		put(line, "null");
		return;
	}
	const unsigned char *next = (const unsigned char *)text;
	size_t left = strlen(text);
	uint32_t point;
	put(line, "\"");
	while (left > 0) {
		char piece[16];
		size_t step = decode(next, left, &point);
		if (point == '"' || point == '\\')
			snprintf(piece, sizeof piece, "\\%c", (char)point);
		else if (point >= 0x20 && point < 0x7f)
			snprintf(piece, sizeof piece, "%c", (char)point);
		else if (point < 0x10000)
			snprintf(piece, sizeof piece, "\\u%04x", point);
		else
			snprintf(piece, sizeof piece, "\\u%04x\\u%04x", 0xd800 + ((point - 0x10000) >> 10),
				0xdc00 + ((point - 0x10000) & 0x3ff));
		put(line, piece);
		next += step;
		left -= step;
	}
	put(line, "\"");
}

static void add_string(struct line *line, const char *name, const char *value)
{
	put_name(line, name);
	put_string(line, value);
}

static void add_number(struct line *line, const char *name, long long value)
{
	char text[32];
	snprintf(text, sizeof text, "%lld", value);
	put_name(line, name);
	put(line, text);
}

static void add_number_or_null(struct line *line, const char *name, bool known, long long value)
{
	if (known)
		add_number(line, name, value);
	else
		add_string(line, name, NULL);
}

static void add_bool(struct line *line, const char *name, bool value)
{
	put_name(line, name);
	put(line, value ? "true" : "false");
}

static void add_hex(struct line *line, const char *name, const char *bytes)
{
	put_name(line, name);
	put(line, "\"");
	for (; *bytes != 0; bytes++) {
		char pair[3];
		snprintf(pair, sizeof pair, "%02x", (unsigned char)*bytes);
		put(line, pair);
	}
	put(line, "\"");
}

void print_text(const char *text)
{
	// One write per line: children and threads share the descriptor, and halves must not mix.
	size_t length = strlen(text);
	while (length > 0) {
		ssize_t done = write(STDOUT_FILENO, text, length);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0) {
			perror("bindtruth: standard output");
			_exit(74);
		}
		text += done;
		length -= (size_t)done;
	}
}

static void finish(struct line *line)
{
	put(line, "}\n");
	print_text(line->text);
	__atomic_add_fetch(lineCount, 1, __ATOMIC_SEQ_CST);
}

void print_skipped(const char *name, const char *reason)
{
	struct line line = {.length = 0};
	add_string(&line, "case", name);
	add_string(&line, "skipped", reason);
	finish(&line);
}

void skip(const char *format, ...)
{
	char reason[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(reason, sizeof reason, format, arguments);
	va_end(arguments);
	print_skipped(currentCase, reason);
	_exit(0);
}

// ---- names

const char *error_name(int error)
{
#define NAME(e) case e: return #e
	switch (error) {
	case 0: return NULL;
	NAME(EPERM); NAME(ENOENT); NAME(EINTR); NAME(EIO); NAME(EBADF); NAME(EAGAIN); NAME(ENOMEM); NAME(EACCES);
	NAME(EFAULT); NAME(EBUSY); NAME(EEXIST); NAME(ENODEV); NAME(ENOTDIR); NAME(EINVAL); NAME(ENFILE);
	NAME(EMFILE); NAME(ENOSPC); NAME(EROFS); NAME(ENOSYS); NAME(ENOTSOCK); NAME(EPROTOTYPE); NAME(ENOPROTOOPT);
	NAME(EPROTONOSUPPORT); NAME(ESOCKTNOSUPPORT); NAME(EOPNOTSUPP); NAME(EPFNOSUPPORT); NAME(EAFNOSUPPORT);
	NAME(EADDRINUSE); NAME(EADDRNOTAVAIL); NAME(ENETDOWN); NAME(ENETUNREACH); NAME(ECONNABORTED);
	NAME(ECONNRESET); NAME(ENOBUFS); NAME(EISCONN); NAME(ENOTCONN); NAME(ETIMEDOUT); NAME(ECONNREFUSED);
	NAME(EHOSTUNREACH); NAME(EALREADY); NAME(EINPROGRESS); NAME(ECANCELED); NAME(EUSERS);
	default: return "?";
	}
#undef NAME
}

static const char *family_name(int family)
{
	return family == AF_INET ? "IPv4" : family == AF_INET6 ? "IPv6" : NULL;
}

static const char *type_name(int type)
{
	switch (type) {
	case SOCK_STREAM: return "STREAM";
	case SOCK_DGRAM: return "DGRAM";
	case SOCK_RAW: return "RAW";
	case SOCK_RDM: return "RDM";
	case SOCK_SEQPACKET: return "SEQPACKET";
	case SOCK_DCCP: return "DCCP";
	case SOCK_PACKET: return "PACKET";
	default: return "?";
	}
}

static const char *via_name(enum via via)
{
	static const char *const names[] = {"syscall", "io_uring", "int80", "socketcall"};
	return names[via];
}

static const char *call_name(enum call call)
{
	static const char *const names[] = {"bind", "listen", "connect", "accept", "accept4"};
	return names[call];
}

// ---- the caller

static uint64_t inode_of(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0 ? status.st_ino : 0;
}

static void read_cgroup(struct who *who)
{
	FILE *file = fopen("/proc/thread-self/cgroup", "re");
	who->cgroupPath[0] = 0;
	who->cgroup = 0;
	if (file == NULL)
		return;
	char line[sizeof who->cgroupPath + 8];
	while (fgets(line, sizeof line, file) != NULL) {
		if (strncmp(line, "0::", 3) != 0)
			continue;
		line[strcspn(line, "\n")] = 0;
		snprintf(who->cgroupPath, sizeof who->cgroupPath, "%.*s", (int)sizeof who->cgroupPath - 1, line + 3);
		break;
	}
	fclose(file);

	struct stat status;
	const char *below = who->cgroupPath;
	while (*below == '/')
		below++;
	// A path through .. leads out of the cgroup namespace, hence out of what is mounted.
	if (who->cgroupPath[0] != 0 && strncmp(below, "..", 2) != 0 && cgroup_root() >= 0 &&
		fstatat(cgroup_root(), *below == 0 ? "." : below, &status, 0) == 0)
		who->cgroup = status.st_ino;
}

void read_who(struct who *who)
{
	memset(who, 0, sizeof *who);
	who->pid = getpid();
	who->tid = (pid_t)syscall(SYS_gettid);
	who->ppid = getppid();
	who->uid = getuid();
	who->euid = geteuid();
	who->gid = getgid();
	who->egid = getegid();
	prctl(PR_GET_NAME, who->comm);
	who->netns = inode_of("/proc/thread-self/ns/net");
	who->mntns = inode_of("/proc/thread-self/ns/mnt");
	read_cgroup(who);
}

// ---- the socket

static bool flag_of(int fd, int level, int name, bool *known)
{
	int value = 0;
	socklen_t length = sizeof value;
	*known = getsockopt(fd, level, name, &value, &length) == 0;
	return *known && value != 0;
}

static bool option_of(int fd, int which, int family)
{
	static const struct { int level, name; } options[] = {
		{SOL_IP, IP_FREEBIND}, {SOL_IP, IP_TRANSPARENT}, {SOL_IP, IP_BIND_ADDRESS_NO_PORT},
		{SOL_SOCKET, SO_REUSEADDR}, {SOL_SOCKET, SO_REUSEPORT}};
	bool known;
	bool on = flag_of(fd, options[which].level, options[which].name, &known);
	// Raw IPv6 sockets do not know SOL_IP.
	if (!known && family == AF_INET6 && which < 2)
		on = flag_of(fd, SOL_IPV6, which == 0 ? IPV6_FREEBIND : IPV6_TRANSPARENT, &known);
	// MPTCP sockets take some of these but do not report them; then what was set counts.
	return known ? on : option_asked(fd, which);
}

void read_socket(int fd, struct socket_facts *facts)
{
	memset(facts, 0, sizeof *facts);
	memcpy(facts->options, ".....", 6);
	socklen_t length = sizeof facts->family;
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &facts->family, &length) != 0)
		return;
	facts->isSocket = true;
	struct stat own;
	if (fstat(fd, &own) == 0)
		facts->inode = own.st_ino;
	length = sizeof facts->type;
	getsockopt(fd, SOL_SOCKET, SO_TYPE, &facts->type, &length);
	length = sizeof facts->protocol;
	getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &facts->protocol, &length);

	if (facts->family == AF_INET || facts->family == AF_INET6) {
		for (int i = 0; i < 5; i++)
			if (option_of(fd, i, facts->family))
				facts->options[i] = "FTNRr"[i];
	}
	bool known;
	if (facts->family == AF_INET6)
		facts->v6only = flag_of(fd, SOL_IPV6, IPV6_V6ONLY, &known);

	length = sizeof facts->ifname;
	if (getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, facts->ifname, &length) != 0 || length == 0)
		facts->ifname[0] = 0;
	if (facts->ifname[0] != 0) {
		// Asked of the socket itself, as the thread may be in another network namespace.
		struct ifreq request = {.ifr_ifindex = 0};
		memcpy(request.ifr_name, facts->ifname, sizeof facts->ifname);
		if (ioctl(fd, SIOCGIFINDEX, &request) == 0)
			facts->ifindex = (unsigned)request.ifr_ifindex;
	}

	// Only a network's administrator may ask; for the others it is that in which the socket was made.
	facts->netns = netns_at_making(fd);
	int space = ioctl(fd, SIOCGSKNS);
	struct stat status;
	if (space >= 0) {
		if (fstat(space, &status) == 0)
			facts->netns = status.st_ino;
		close(space);
	}
}

bool text_of(const struct sockaddr_storage *from, char text[INET6_ADDRSTRLEN], unsigned *port)
{
	if (from->ss_family == AF_INET) {
		const struct sockaddr_in *four = (const struct sockaddr_in *)from;
		*port = ntohs(four->sin_port);
		return inet_ntop(AF_INET, &four->sin_addr, text, INET6_ADDRSTRLEN) != NULL;
	}
	if (from->ss_family == AF_INET6) {
		const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)from;
		*port = ntohs(six->sin6_port);
		return inet_ntop(AF_INET6, &six->sin6_addr, text, INET6_ADDRSTRLEN) != NULL;
	}
	return false;
}

// ---- lines

static void add_who(struct line *line, const struct who *who)
{
	add_number(line, "pid", who->pid);
	add_number(line, "tid", who->tid);
	add_number(line, "ppid", who->ppid);
	add_number(line, "uid", who->uid);
	add_number(line, "gid", who->gid);
	add_number(line, "euid", who->euid);
	add_number(line, "egid", who->egid);
	add_string(line, "comm", who->comm);
	add_hex(line, "commHex", who->comm);
}

static void add_spaces(struct line *line, const struct who *who, const struct socket_facts *socket)
{
	add_number_or_null(line, "inode", !socket->inodeUnknown, (long long)socket->inode);
	add_number(line, "netns", (long long)who->netns);
	add_number_or_null(line, "socketNetns", socket->netns != 0, (long long)socket->netns);
	add_number(line, "mntns", (long long)who->mntns);
	add_number_or_null(line, "cgroupId", who->cgroup != 0, (long long)who->cgroup);
	add_string(line, "cgroupPath", who->cgroupPath[0] == 0 ? NULL : who->cgroupPath);
}

void print_bind(const struct bind_record *r)
{
	struct line line = {.length = 0};
	const struct socket_facts *s = &r->before;
	add_string(&line, "case", currentCase);
	add_string(&line, "call", call_name(r->call));
	add_string(&line, "via", via_name(r->via));
	add_who(&line, &r->who);
	add_string(&line, "family", family_name(s->isSocket ? s->family : r->requestedFamily));
	add_number_or_null(&line, "socketFamily", s->isSocket, s->family);
	add_string(&line, "type", s->isSocket ? type_name(s->type) : NULL);
	add_number(&line, "protocol", s->protocol);
	add_number_or_null(&line, "requestedFamily", r->requestedFamily >= 0, r->requestedFamily);
	add_string(&line, "requestedAddress", r->hasRequested ? r->requestedAddress : NULL);
	add_number_or_null(&line, "requestedPort", r->hasRequested, r->requestedPort);
	add_number(&line, "scopeId", r->scopeId);
	add_number(&line, "addressLength", r->length);
	add_string(&line, "address", r->hasAddress ? r->address : NULL);
	add_number_or_null(&line, "port", r->hasAddress, r->port);
	add_bool(&line, "v6only", s->v6only);
	add_bool(&line, "v6onlyAfter", r->after.v6only);
	add_string(&line, "options", s->options);
	add_number(&line, "error", r->error);
	add_string(&line, "errorName", error_name(r->error));
	add_number(&line, "ifindex", r->after.ifindex);
	add_string(&line, "ifname", r->after.ifindex == 0 ? NULL : r->after.ifname);
	add_number(&line, "ifindexBefore", s->ifindex);
	add_spaces(&line, &r->who, s);
	add_bool(&line, "shown", r->shown);
	finish(&line);
}

void print_accept(const struct accept_record *r)
{
	struct line line = {.length = 0};
	const struct socket_facts *s = &r->socket;
	add_string(&line, "case", currentCase);
	add_string(&line, "call", call_name(r->call));
	add_string(&line, "via", via_name(r->via));
	add_who(&line, &r->who);
	add_string(&line, "family", s->isSocket ? family_name(s->family) : NULL);
	add_number_or_null(&line, "socketFamily", s->isSocket, s->family);
	add_string(&line, "type", s->isSocket ? type_name(s->type) : NULL);
	add_number(&line, "protocol", s->protocol);
	add_string(&line, "localAddress", r->hasLocal ? r->localAddress : NULL);
	add_number_or_null(&line, "localPort", r->hasLocal, r->localPort);
	add_string(&line, "remoteAddress", r->hasRemote ? r->remoteAddress : NULL);
	add_number_or_null(&line, "remotePort", r->hasRemote, r->remotePort);
	add_number_or_null(&line, "descriptor", r->error == 0, r->descriptor);
	add_number(&line, "flags", r->flags);
	add_bool(&line, "nonblocking", r->nonblocking);
	add_number(&line, "error", r->error);
	add_string(&line, "errorName", error_name(r->error));
	add_number(&line, "ifindex", s->ifindex);
	add_string(&line, "ifname", s->ifindex == 0 ? NULL : s->ifname);
	add_spaces(&line, &r->who, s);
	add_bool(&line, "shown", r->shown);
	finish(&line);
}

static const char *way_name(enum way way)
{
	static const char *const names[] = {"close", "exit", "shutdown", "disconnect"};
	return names[way];
}

void print_release(const struct release_record *r)
{
	struct line line = {.length = 0};
	const struct socket_facts *s = &r->socket;
	add_string(&line, "case", currentCase);
	add_string(&line, "call", way_name(r->way));
	add_string(&line, "via", via_name(VIA_SYSCALL));
	add_who(&line, &r->who);
	add_string(&line, "family", family_name(s->family));
	add_number(&line, "socketFamily", s->family);
	add_string(&line, "type", type_name(s->type));
	add_number(&line, "protocol", s->protocol);
	add_string(&line, "address", r->address);
	add_number(&line, "port", r->port);
	add_string(&line, "state", r->state);
	add_bool(&line, "implicit", r->implicit);
	if (r->hasTimeWait)
		add_bool(&line, "timeWait", r->timeWait);
	else
		add_string(&line, "timeWait", NULL);
	add_number_or_null(&line, "boundLeast", r->boundLeast != 0, (long long)r->boundLeast);
	add_number_or_null(&line, "boundMost", r->boundMost != 0, (long long)r->boundMost);
	add_bool(&line, "v6only", s->v6only);
	add_string(&line, "options", s->options);
	add_number(&line, "error", 0);
	add_string(&line, "errorName", NULL);
	add_number(&line, "ifindex", s->ifindex);
	add_string(&line, "ifname", s->ifindex == 0 ? NULL : s->ifname);
	add_spaces(&line, &r->who, s);
	add_bool(&line, "shown", r->shown);
	finish(&line);
}

void print_listen(const struct listen_record *r)
{
	struct line line = {.length = 0};
	const struct socket_facts *s = &r->socket;
	add_string(&line, "case", currentCase);
	add_string(&line, "call", call_name(CALL_LISTEN));
	add_string(&line, "via", via_name(r->via));
	add_who(&line, &r->who);
	add_string(&line, "family", s->isSocket ? family_name(s->family) : NULL);
	add_number_or_null(&line, "socketFamily", s->isSocket, s->family);
	add_string(&line, "type", s->isSocket ? type_name(s->type) : NULL);
	add_number(&line, "protocol", s->protocol);
	add_string(&line, "address", r->hasAddress ? r->address : NULL);
	add_number_or_null(&line, "port", r->hasAddress, r->port);
	add_number(&line, "backlog", r->backlog);
	add_number_or_null(&line, "limit", r->hasLimit, r->limit);
	add_bool(&line, "atLimit", r->atLimit);
	add_bool(&line, "implicit", r->implicit);
	add_bool(&line, "chosen", r->chosen);
	add_bool(&line, "already", r->already);
	add_bool(&line, "v6only", s->v6only);
	add_string(&line, "options", s->options);
	add_number(&line, "error", r->error);
	add_string(&line, "errorName", error_name(r->error));
	add_number(&line, "ifindex", s->ifindex);
	add_string(&line, "ifname", s->ifindex == 0 ? NULL : s->ifname);
	add_spaces(&line, &r->who, s);
	add_bool(&line, "shown", r->shown);
	finish(&line);
}
