// A crowd of threads that wait in accept() for one listener, as the threads of many servers do.

#include "bindtruth.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct acceptor {
	pthread_t thread;
	int listener;
	_Atomic pid_t tid;
};

static atomic_ulong accepted;

static void *accept_forever(void *argument)
{
	struct acceptor *acceptor = argument;
	acceptor->tid = (pid_t)syscall(SYS_gettid);
	for (;;) {
		int fd = (int)syscall(SYS_accept, acceptor->listener, NULL, NULL);
		if (fd < 0)
			continue;
		close(fd);
		accepted++;
	}
	return NULL;
}

static bool waits(const struct acceptor *acceptor)
{
	char path[64], call[256];
	snprintf(path, sizeof path, "/proc/self/task/%d/syscall", acceptor->tid);
	// "running" of a thread that does not wait.
	return acceptor->tid != 0 && read_file(path, call, sizeof call) && *call >= '0' && *call <= '9' && atoi(call) == SYS_accept;
}

static void await_all(const struct acceptor *crowd, unsigned long threads)
{
	for (unsigned long i = 0; i < threads; i++)
		while (!waits(&crowd[i]))
			usleep(1000);
}

static void tell(const struct sockaddr_in *address)
{
	char text[128];
	snprintf(text, sizeof text, "{\"pid\":%d,\"port\":%d,\"accepted\":%lu}\n", getpid(), ntohs(address->sin_port), accepted);
	print_text(text);
}

// A line, once all of them wait; then, for every line of the input, as many connections as there are threads, and
// a line once those are accepted and all wait again. They wait on until the end of the input, or a signal.
int run_crowd(unsigned long threads)
{
	currentCase = "crowd";
	int listener = open_socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof address;
	if (bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 1024) != 0 ||
		getsockname(listener, (struct sockaddr *)&address, &length) != 0) {
		perror("bindtruth: a listener");
		return 1;
	}

	struct acceptor *crowd = calloc(threads, sizeof *crowd);
	pthread_attr_t attributes;
	if (crowd == NULL || pthread_attr_init(&attributes) != 0 || pthread_attr_setstacksize(&attributes, 65536) != 0) {
		perror("bindtruth");
		return 1;
	}
	for (unsigned long i = 0; i < threads; i++) {
		crowd[i].listener = listener;
		int error = pthread_create(&crowd[i].thread, &attributes, accept_forever, &crowd[i]);
		if (error != 0) {
			fprintf(stderr, "bindtruth: pthread_create: %s\n", strerror(error));
			return 1;
		}
	}
	await_all(crowd, threads);
	tell(&address);

	unsigned long connected = 0;
	for (int c; (c = getchar()) != EOF;) {
		if (c != '\n')
			continue;
		for (unsigned long i = 0; i < threads; i++, connected++) {
			int client = open_socket(AF_INET, SOCK_STREAM, 0);
			if (connect(client, (struct sockaddr *)&address, sizeof address) != 0) {
				perror("bindtruth: connect");
				return 1;
			}
			close(client);
		}
		while (accepted < connected)
			usleep(1000);
		await_all(crowd, threads);
		tell(&address);
	}
	return 0;
}
