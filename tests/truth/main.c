// bindtruth: makes known binds (and accepts, listens and releases) and prints what is true of each. See bindtruth.h.

#include "bindtruth.h"

#include <stdio.h>
#include <string.h>

static int usage(void)
{
	fputs(
		"usage: bindtruth list [--ports]           the cases of run\n"
		"       bindtruth run [CASE...]            make the binds, one line for each\n"
		"       bindtruth accept [CASE...]         make the accepts, one line for each\n"
		"       bindtruth accept --list [--ports]  the cases of accept\n"
		"       bindtruth listen [CASE...]         make the listens, one line for each\n"
		"       bindtruth listen --list [--ports]  the cases of listen\n"
		"       bindtruth release [CASE...]        bind sockets and let go of their ports, one line for each\n"
		"       bindtruth release --list [--ports] the cases of release\n"
		"       bindtruth load [--count N] [--threads T] [--fail | --listen | --close | --unbound] [--seconds S]\n"
		"                                          bind in a loop, report how long a bind takes\n"
		"       bindtruth churn [--processes N] [--seconds S] [--life MS] [--pace MS] [--cgroups DIRECTORY]\n"
		"                                          processes that come and go, and bind\n"
		"       bindtruth crowd THREADS           wait in accept(); connect to each for every line of the input\n"
		"       bindtruth sockets                  sockets of every kind, until the end of the input\n"
		"       bindtruth sockets --churn          sockets that come and go, until then; prints their network namespace\n"
		"       bindtruth race descriptor|hold|listen|both N unix|udp|closed\n"
		"       bindtruth race accept N unix|connection\n"
		"       bindtruth race address N           N calls, or those of 5 s, while a thread changes what each is made on\n"
		"       bindtruth sockets --crowd PROCESSES SOCKETS\n"
		"                                          so many sockets in each of so many processes, until then\n"
		"       bindtruth conflicts SEED CASES HOLDERS PROTOCOL\n"
		"                                          random binds to ports with random holders, and the kernel's answers\n"
		"       bindtruth why --list               the cases of why\n"
		"       bindtruth why [CASE...]            binds that fail, and why; each waits for a line of the input\n"
		"       bindtruth history SLOTS MS [SEED]  sockets that live for up to so long, until the end of the input: when each was\n"
		"                                          bound and closed, in microseconds of the real clock, and binds that fail\n"
		"       bindtruth hold ADDRESS PORT        listen until SIGTERM or the end of the input\n", stderr);
	return 2;
}

int main(int count, char **arguments)
{
	if (count < 2)
		return usage();
	const char *verb = arguments[1];
	count -= 2;
	arguments += 2;
	if (strcmp(verb, "exec-fast") == 0 && count == 2)
		exec_fast(arguments);

	bool ports = count > 0 && strcmp(arguments[count - 1], "--ports") == 0;
	if (strcmp(verb, "list") == 0 && count == ports)
		return list_binds(ports);
	if (strcmp(verb, "accept") == 0 && count == 1 + ports && strcmp(arguments[0], "--list") == 0)
		return list_accepts(ports);
	if (strcmp(verb, "why") == 0 && count == 1 && strcmp(arguments[0], "--list") == 0)
		return list_why();
	if (strcmp(verb, "listen") == 0 && count == 1 + ports && strcmp(arguments[0], "--list") == 0)
		return list_listens(ports);
	if (strcmp(verb, "release") == 0 && count == 1 + ports && strcmp(arguments[0], "--list") == 0)
		return list_releases(ports);

	share_line_count();
	open_cgroup_root();
	if (strcmp(verb, "run") == 0)
		return run_binds(count, arguments);
	if (strcmp(verb, "accept") == 0)
		return run_accepts(count, arguments);
	if (strcmp(verb, "listen") == 0)
		return run_listens(count, arguments);
	if (strcmp(verb, "release") == 0)
		return run_releases(count, arguments);
	if (strcmp(verb, "load") == 0)
		return run_load(count, arguments);
	if (strcmp(verb, "churn") == 0)
		return run_churn(count, arguments);
	if (strcmp(verb, "sockets") == 0 && count == 0)
		return run_sockets();
	if (strcmp(verb, "sockets") == 0 && count == 1 && strcmp(arguments[0], "--churn") == 0)
		return run_socket_churn();
	if (strcmp(verb, "history") == 0) {
		int status = run_history(count, arguments);
		return status == 2 ? usage() : status;
	}
	if (strcmp(verb, "race") == 0) {
		int status = run_race(count, arguments);
		return status == 2 ? usage() : status;
	}
	uint64_t threads, sockets;
	if (strcmp(verb, "sockets") == 0 && count == 3 && strcmp(arguments[0], "--crowd") == 0 &&
		parse_number(arguments[1], 20000, &threads) && parse_number(arguments[2], 1000, &sockets))
		return run_socket_crowd((unsigned long)threads, (unsigned long)sockets);
	uint64_t seed, cases, holders, protocol;
	if (strcmp(verb, "conflicts") == 0 && count == 4 && parse_number(arguments[0], UINT32_MAX, &seed) && parse_number(arguments[1], 40000, &cases) &&
		parse_number(arguments[2], 16, &holders) && parse_number(arguments[3], 511, &protocol))
		return run_conflicts((unsigned)seed, (int)cases, (unsigned)holders, (int)protocol);
	if (strcmp(verb, "why") == 0)
		return run_why(count, arguments);
	if (strcmp(verb, "crowd") == 0 && count == 1 && parse_number(arguments[0], 1000, &threads))
		return run_crowd((unsigned long)threads);
	if (strcmp(verb, "hold") == 0 && count == 2)
		return run_hold(arguments[0], arguments[1]);
	return usage();
}
