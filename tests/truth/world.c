// Where and as whom a call is made: namespaces, addresses, devices, cgroups, users. No program but the
// kernel is asked for any of it, so that the bare image of a virtual machine is enough.

#include "bindtruth.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

bool privateNetwork;

bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool done = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return done;
}

bool read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t length = read(fd, text, size - 1);
	close(fd);
	if (length < 0)
		return false;
	text[length] = 0;
	return true;
}

// ---- cgroups

static int cgroupRoot = -1;

int cgroup_root(void)
{
	return cgroupRoot;
}

static void unescape(char *path)
{
	// The mount table writes blanks and backslashes as three octal digits.
	char *to = path;
	for (const char *from = path; *from != 0; to++) {
		if (from[0] == '\\' && from[1] != 0 && from[2] != 0 && from[3] != 0) {
			*to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = 0;
}

void open_cgroup_root(void)
{
	FILE *mounts = fopen("/proc/self/mounts", "re");
	char line[4096];
	while (cgroupRoot < 0 && mounts != NULL && fgets(line, sizeof line, mounts) != NULL) {
		char path[2048], type[64];
		if (sscanf(line, "%*s %2047s %63s", path, type) == 2 && strcmp(type, "cgroup2") == 0) {
			unescape(path);
			cgroupRoot = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		}
	}
	if (mounts != NULL)
		fclose(mounts);
#if defined(SYS_fsopen) && defined(SYS_fsconfig) && defined(SYS_fsmount)
	// Nothing mounted, as in a small image: a mount that hangs nowhere serves as well.
	if (cgroupRoot < 0) {
		enum { CONFIG_CREATE = 6 };
		int context = (int)syscall(SYS_fsopen, "cgroup2", 1);
		if (context >= 0 && syscall(SYS_fsconfig, context, CONFIG_CREATE, NULL, NULL, 0) == 0)
			cgroupRoot = (int)syscall(SYS_fsmount, context, 1, 0);
		if (context >= 0)
			close(context);
	}
#endif
	// Out of the way: cases close and count the low descriptors.
	if (cgroupRoot >= 0) {
		int high = fcntl(cgroupRoot, F_DUPFD_CLOEXEC, 200);
		if (high >= 0) {
			close(cgroupRoot);
			cgroupRoot = high;
		}
	}
}

// ---- the network

// Sockets without an address of their own: a set-up bind would be an event without a line.
static bool talk(struct nlmsghdr *message)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct { struct nlmsghdr header; struct nlmsgerr error; char rest[512]; } answer;
	message->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	message->nlmsg_seq = 1;
	int error = fd < 0 ? errno : EIO;
	if (fd >= 0 &&
		sendto(fd, message, message->nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof kernel) == (ssize_t)message->nlmsg_len &&
		recv(fd, &answer, sizeof answer, 0) >= (ssize_t)sizeof answer.header && answer.header.nlmsg_type == NLMSG_ERROR)
		error = -answer.error.error;
	if (fd >= 0)
		close(fd);
	errno = error;
	return error == 0;
}

// The request is what the message begins, with room behind it.
static struct rtattr *attribute(void *request, unsigned short type, const void *data, size_t length)
{
	struct nlmsghdr *message = request;
	struct rtattr *next = (struct rtattr *)(void *)((char *)message + NLMSG_ALIGN(message->nlmsg_len));
	next->rta_type = type;
	next->rta_len = (unsigned short)RTA_LENGTH(length);
	if (length > 0)
		memcpy(RTA_DATA(next), data, length);
	message->nlmsg_len = NLMSG_ALIGN(message->nlmsg_len) + RTA_ALIGN(next->rta_len);
	return next;
}

static bool set_up(const char *name)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_flags = 0};
	snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
	bool done = ioctl(fd, SIOCGIFFLAGS, &request) == 0;
	request.ifr_flags |= IFF_UP;
	done = done && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
	close(fd);
	return done;
}

static bool add_address_with(int ifindex, const char *text, int prefix, int flags)
{
	struct { struct nlmsghdr header; struct ifaddrmsg body; char room[128]; } request;
	unsigned char address[sizeof(struct in6_addr)];
	memset(&request, 0, sizeof request);
	int family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
	if (inet_pton(family, text, address) != 1)
		return false;
	request.header.nlmsg_len = NLMSG_LENGTH(sizeof request.body);
	request.header.nlmsg_type = RTM_NEWADDR;
	request.header.nlmsg_flags = NLM_F_CREATE;
	request.body.ifa_family = (unsigned char)family;
	request.body.ifa_prefixlen = (unsigned char)prefix;
	request.body.ifa_flags = (unsigned char)flags;
	request.body.ifa_index = (unsigned)ifindex;
	attribute(&request, IFA_LOCAL, address, family == AF_INET ? 4 : 16);
	attribute(&request, IFA_ADDRESS, address, family == AF_INET ? 4 : 16);
	return talk(&request.header);
}

static bool add_address(int ifindex, const char *text, int prefix)
{
	// Without NODAD an address is tentative at first, and cannot be bound.
	return add_address_with(ifindex, text, prefix, strchr(text, ':') != NULL ? IFA_F_NODAD : 0);
}

void need_address(int ifindex, const char *address, int prefix)
{
	if (!add_address(ifindex, address, prefix))
		skip("adding %s: %s", address, error_name(errno));
}

void need_tentative_address(int ifindex, const char *address, int prefix)
{
	if (!add_address_with(ifindex, address, prefix, 0))
		skip("adding %s: %s", address, error_name(errno));
}

bool enter_private_network(void)
{
	if (unshare(CLONE_NEWNET) != 0)
		return false;
	privateNetwork = true;
	// A kernel's default for IPv6 may be off per interface; failures show up in the cases themselves.
	write_file("/proc/sys/net/ipv6/conf/all/disable_ipv6", "0");
	write_file("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "0");
	write_file("/proc/sys/net/ipv6/bindv6only", "0");
	write_file("/proc/sys/net/ipv4/ip_unprivileged_port_start", "1024");
	if (!set_up("lo"))
		skip("lo cannot be brought up: %s", error_name(errno));
	unsigned lo = ifindex_of("lo");
	if (!add_address((int)lo, "10.77.0.1", 32))
		skip("adding 10.77.0.1 to lo: %s", error_name(errno));
	// Not there without IPv6, and then not requested.
	add_address((int)lo, "fd77::1", 128);
	add_address((int)lo, "fe80::1", 64);
	return true;
}

// A device of a kind, which a number and a port belong to if that is a tunnel.
static bool create_device_of(const char *kind, const char *name, unsigned port)
{
	struct { struct nlmsghdr header; struct ifinfomsg body; char room[256]; } request;
	memset(&request, 0, sizeof request);
	request.header.nlmsg_len = NLMSG_LENGTH(sizeof request.body);
	request.header.nlmsg_type = RTM_NEWLINK;
	request.header.nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	attribute(&request, IFLA_IFNAME, name, strlen(name) + 1);
	struct rtattr *info = attribute(&request, IFLA_LINKINFO, NULL, 0);
	attribute(&request, IFLA_INFO_KIND, kind, strlen(kind));
	if (port != 0) {
		struct rtattr *data = attribute(&request, IFLA_INFO_DATA, NULL, 0);
		uint32_t number = 77;
		uint16_t there = htons((uint16_t)port);
		attribute(&request, IFLA_VXLAN_ID, &number, sizeof number);
		attribute(&request, IFLA_VXLAN_PORT, &there, sizeof there);
		data->rta_len = (unsigned short)((char *)&request + request.header.nlmsg_len - (char *)data);
	}
	info->rta_len = (unsigned short)((char *)&request + request.header.nlmsg_len - (char *)info);
	return talk(&request.header);
}

static int create_one_of(const char *const *kinds, size_t count, const char *name)
{
	char reasons[256] = "";
	for (size_t i = 0; i < count; i++) {
		if (create_device_of(kinds[i], name, 0)) {
			if (!set_up(name))
				skip("%s cannot be brought up: %s", name, error_name(errno));
			return (int)ifindex_of(name);
		}
		size_t used = strlen(reasons);
		snprintf(reasons + used, sizeof reasons - used, "%s%s: %s", used == 0 ? "" : ", ", kinds[i], error_name(errno));
	}
	skip("no device can be made (%s)", reasons);
}

int create_device(const char *name)
{
	static const char *const kinds[] = {"dummy", "veth", "netkit", "bridge", "ifb"};
	return create_one_of(kinds, sizeof kinds / sizeof *kinds, name);
}

int create_device_without_carrier(const char *name)
{
	// The other end of the first stays down, and nothing is plugged into the second.
	static const char *const kinds[] = {"veth", "bridge"};
	return create_one_of(kinds, sizeof kinds / sizeof *kinds, name);
}

void create_vxlan(const char *name, unsigned port)
{
	if (!create_device_of("vxlan", name, port) || !set_up(name))
		skip("no vxlan can be made: %s", error_name(errno));
}

unsigned ifindex_of(const char *name)
{
	unsigned index = if_nametoindex(name);
	if (index == 0)
		skip("no interface %s: %s", name, error_name(errno));
	return index;
}

// ---- users

void become(uid_t uid, gid_t gid)
{
	if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
		skip("becoming uid %u, gid %u: %s", uid, gid, error_name(errno));
	// Otherwise /proc/self belongs to root from here on.
	prctl(PR_SET_DUMPABLE, 1);
}

// ---- sockets

// What is known of a descriptor from its making, for what the kernel does not report later.
static struct { unsigned char options; uint64_t netns; } made[1024];

int open_socket(int family, int type, int protocol)
{
	int fd = socket(family, type | SOCK_CLOEXEC, protocol);
	if (fd < 0 && (errno == EPROTONOSUPPORT || errno == ESOCKTNOSUPPORT))
		skip("this kernel has no protocol %d", protocol);
	if (fd < 0)
		skip("socket(%d, %d, %d): %s", family, type, protocol, error_name(errno));
	struct stat status;
	if (fd < 1024) {
		made[fd].options = 0;
		made[fd].netns = stat("/proc/thread-self/ns/net", &status) == 0 ? status.st_ino : 0;
	}
	return fd;
}

uint64_t netns_at_making(int fd)
{
	return fd >= 0 && fd < 1024 ? made[fd].netns : 0;
}

struct place place_of(const char *address, unsigned port)
{
	return place_scoped(address, port, 0);
}

struct place place_scoped(const char *address, unsigned port, unsigned scope)
{
	struct place place = {.length = sizeof(struct sockaddr_in)};
	struct sockaddr_in *four = (struct sockaddr_in *)&place.address;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&place.address;
	if (inet_pton(AF_INET, address, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons((uint16_t)port);
		return place;
	}
	if (inet_pton(AF_INET6, address, &six->sin6_addr) != 1)
		skip("%s is no address", address);
	six->sin6_family = AF_INET6;
	six->sin6_port = htons((uint16_t)port);
	six->sin6_scope_id = scope;
	place.length = sizeof *six;
	return place;
}

bool option_asked(int fd, int which)
{
	return fd >= 0 && fd < 1024 && made[fd].options >> which & 1;
}

void set_options(int fd, const char *letters)
{
	static const struct { char letter; int level, name; } options[] = {
		{'F', SOL_IP, IP_FREEBIND}, {'T', SOL_IP, IP_TRANSPARENT}, {'N', SOL_IP, IP_BIND_ADDRESS_NO_PORT},
		{'R', SOL_SOCKET, SO_REUSEADDR}, {'r', SOL_SOCKET, SO_REUSEPORT}};
	for (int i = 0; i < 5; i++) {
		int on = 1;
		if (strchr(letters, options[i].letter) == NULL)
			continue;
		if (setsockopt(fd, options[i].level, options[i].name, &on, sizeof on) != 0)
			skip("setting option %c: %s", options[i].letter, error_name(errno));
		if (fd < 1024)
			made[fd].options |= (unsigned char)(1 << i);
	}
}

// ---- children

bool run_isolated(const char *name, bool inPrivateNetwork, void (*body)(const void *), const void *argument)
{
	unsigned before = lines_printed();
	currentCase = name;
	pid_t child = fork();
	if (child < 0) {
		char reason[64];
		snprintf(reason, sizeof reason, "broken: fork: %s", error_name(errno));
		print_skipped(name, reason);
		return false;
	}
	if (child == 0) {
		alarm(30); // a case that hangs must not hang the tests
		if (inPrivateNetwork && geteuid() == 0)
			enter_private_network();
		body(argument);
		_exit(0);
	}
	int status;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	char reason[64];
	if (WIFSIGNALED(status))
		snprintf(reason, sizeof reason, "broken: ended by signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		snprintf(reason, sizeof reason, "broken: exit status %d", WEXITSTATUS(status));
	else if (lines_printed() == before)
		snprintf(reason, sizeof reason, "broken: made no call");
	else
		return true;
	print_skipped(name, reason);
	return false;
}

int list_cases(const struct call_case *cases, int count, bool verbose)
{
	for (int i = 0; i < count; i++) {
		if (verbose)
			printf("%-24s %5u  %s\n", cases[i].name, cases[i].port, cases[i].what == NULL ? "" : cases[i].what);
		else
			puts(cases[i].name);
	}
	return 0;
}

static void run_case(const void *argument)
{
	const struct call_case *c = argument;
	c->run(c);
}

static const struct call_case *find_case(const struct call_case *cases, int count, const char *name)
{
	for (int i = 0; i < count; i++)
		if (strcmp(cases[i].name, name) == 0)
			return &cases[i];
	return NULL;
}

int run_cases(const struct call_case *cases, int count, int wanted, char **names)
{
	for (int i = 0; i < wanted; i++) {
		if (find_case(cases, count, names[i]) == NULL) {
			fprintf(stderr, "bindtruth: no case %s\n", names[i]);
			return 2;
		}
	}
	bool good = true;
	for (int i = 0; i < (wanted > 0 ? wanted : count); i++) {
		const struct call_case *c = wanted > 0 ? find_case(cases, count, names[i]) : &cases[i];
		good &= run_isolated(c->name, true, run_case, c);
	}
	return good ? 0 : 1;
}
