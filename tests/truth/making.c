// Making sockets of every kind, for the verbs that keep them. Each skips the case where the kernel cannot do it.

#include "bindtruth.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

unsigned own_netns(void)
{
	struct stat status;
	return stat("/proc/thread-self/ns/net", &status) == 0 ? (unsigned)status.st_ino : 0;
}

int open_for(const char *address, int type, int protocol)
{
	return open_socket(strchr(address, ':') != NULL ? AF_INET6 : AF_INET, type, protocol);
}

void bind_to(int fd, const char *address, unsigned port)
{
	struct place place = place_of(address, port);
	if (bind(fd, (struct sockaddr *)&place.address, (socklen_t)place.length) != 0)
		skip("bind to %s port %u: %s", address, port, error_name(errno));
}

int bound(const char *address, unsigned port, int type, int protocol)
{
	int fd = open_for(address, type, protocol);
	bind_to(fd, address, port);
	return fd;
}

int bound_of(int family, int type, int protocol, const char *address, unsigned port, const char *options)
{
	int fd = open_socket(family, type, protocol);
	set_options(fd, options);
	bind_to(fd, address, port);
	return fd;
}

int listening(const char *address, unsigned port, int backlog)
{
	int fd = bound(address, port, SOCK_STREAM, 0);
	if (listen(fd, backlog) != 0)
		skip("listen: %s", error_name(errno));
	return fd;
}

void connect_to(int fd, const char *address, unsigned port)
{
	struct place place = place_of(address, port);
	if (connect(fd, (struct sockaddr *)&place.address, (socklen_t)place.length) != 0 && errno != EINPROGRESS)
		skip("connect to %s port %u: %s", address, port, error_name(errno));
}

int accept_one(int fd)
{
	int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	if (connection < 0)
		skip("accept: %s", error_name(errno));
	return connection;
}

void set(int fd, int level, int name, int value)
{
	if (setsockopt(fd, level, name, &value, sizeof value) != 0)
		skip("setsockopt %d, %d: %s", level, name, error_name(errno));
}

void send_descriptor(int through, int fd)
{
	char byte = 'x', control[CMSG_SPACE(sizeof fd)];
	struct iovec part = {&byte, 1};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	memset(control, 0, sizeof control);
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(head), &fd, sizeof fd);
	if (sendmsg(through, &message, 0) != 1)
		skip("sendmsg: %s", error_name(errno));
}

int receive_descriptor(int from)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec part = {&byte, 1};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	int fd;
	if (recvmsg(from, &message, MSG_CMSG_CLOEXEC) != 1)
		skip("recvmsg: %s", error_name(errno));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
	return fd;
}

void new_netns(void)
{
	if (unshare(CLONE_NEWNET) != 0)
		skip("unshare: %s", error_name(errno));
}
