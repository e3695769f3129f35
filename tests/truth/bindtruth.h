// bindtruth makes socket calls whose every detail it knows, and prints those details, so that what a
// tracer reports can be compared with them field by field. Nothing here looks at a tracer: each fact comes
// from the return value of a call, from getsockname/getsockopt, or from /proc.
//
// The lines of `run` (one per call, in the order made; numbers unless said otherwise):
//
//   case             string
//   call             "bind"; "listen" or "connect" for the calls that only choose a port by the way
//   via              "syscall", "io_uring", "int80" or "socketcall"
//   pid tid ppid     as the initial process namespace (that of the program's start) numbers them
//   uid gid          the real ids, again as seen from outside; euid, egid the effective ones
//   comm             string; null if the bytes are not UTF-8, since JSON then has no exact form for them
//   commHex          string, the exact bytes, lower case
//   family           "IPv4"/"IPv6", of the socket; without a socket of the sockaddr; else null
//   socketFamily     the AF_ number of the socket, null without one
//   type             "STREAM", "DGRAM", "RAW", "SEQPACKET", "DCCP"…, null without a socket
//   protocol         SO_PROTOCOL, 0 without a socket
//   requestedFamily  the AF_ number in the sockaddr, null if it could not be read
//   requestedAddress string, and requestedPort: null if the length given is shorter than the family's
//                    sockaddr, the memory is unreadable, or the sockaddr is not of an IP family. The sockaddr's
//                    own family says how to read it; AF_UNSPEC is read as the socket's family
//   addressLength    the third argument of the call
//   address, port    after the call: of getsockname on success, as requested on failure. The port of a raw
//                    socket is 0 (getsockname would report the protocol number there)
//   scopeId          as requested
//   v6only           bool, IPV6_V6ONLY before the call; v6onlyAfter after it: the kernel sets it itself when
//                    an IPv6 socket is bound to an address that is neither :: nor mapped
//   options          string of five, "FTNRr", with . for one that is off, read before the call
//   error, errorName 0 and null on success
//   ifindex, ifname  of SO_BINDTODEVICE after the call (0 and null without), ifindexBefore before it: binding
//                    a link-local address with a scope id sets it
//   inode            of the socket, after the call; 0 without a socket, null if unknown
//   netns, mntns     inodes, of the calling thread; socketNetns that of the socket (null if unknown)
//   cgroupId         inode of the version 2 cgroup, null if it is not reachable; cgroupPath string
//   shown            bool: false for what a tracer of IP binds must never show
//
// The five option letters are F T N R r, in this order: IP_FREEBIND, IP_TRANSPARENT, IP_BIND_ADDRESS_NO_PORT,
// SO_REUSEADDR, SO_REUSEPORT.
//
// The lines of `accept` share case, via, pid … cgroupPath, family, type, protocol, error, errorName, ifindex,
// ifname and shown, and have
//
//   call             "accept" or "accept4"
//   localAddress, localPort, remoteAddress, remotePort
//                    getsockname and getpeername of the new descriptor; after a failure the listener's address
//                    and null
//   descriptor       the new descriptor, null after a failure
//   flags            of accept4
//   nonblocking      bool, whether the new descriptor is
//
// The lines of `listen` share with `run` case, via, pid … cgroupPath, family, type, protocol, v6only, options, error,
// errorName, ifindex, ifname and shown (of the socket before the call, and its ifindex), and have
//
//   address, port    of getsockname after the call
//   backlog          as requested
//   limit            what the kernel took of it: 0 of a socket that does not listen afterwards, null after a failure
//   atLimit          bool, whether as much as net.core.somaxconn or more was requested
//   implicit         bool, whether the socket had no port before the call, and has one after it
//   chosen           bool, whether nobody requested the port by number
//   already          bool, whether it listened before
//
// The lines of `release` share with `run` case, pid … cgroupPath, family, type, protocol, v6only, options, ifindex, ifname
// and shown (of the socket before), and have
//
//   call             "close", "exit", "shutdown" or "disconnect": how the port is let go of
//   address, port    of getsockname before
//   state            of the socket before, as BindSocket has it
//   implicit         bool, whether listen() gave the socket its port
//   timeWait         bool, whether the kernel keeps the port for the socket's connection; null for one that listens
//   boundLeast, boundMost
//                    for how long it was bound, in nanoseconds; null if that is not measured
//
// A case that cannot be done prints {"case":NAME,"skipped":REASON} instead, and one that can be done in part
// prints it after the lines of that part. A reason that begins with "broken:" is a fault of this program,
// which then exits with 1.
//
// In `run` every bind() the program makes has its line; the set-up makes none. In `accept` the binds of the
// listeners have no lines. In `release` every port that a bound socket lets go of has its line.

#ifndef BINDTRUTH_H
#define BINDTRUTH_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef IPPROTO_UDPLITE
#define IPPROTO_UDPLITE 136
#endif
#ifndef IPPROTO_SCTP
#define IPPROTO_SCTP 132
#endif
#ifndef IPPROTO_DCCP
#define IPPROTO_DCCP 33
#endif
#ifndef SOCK_DCCP
#define SOCK_DCCP 6
#endif

// ---- report.c: facts, and the lines that report them

enum via { VIA_SYSCALL, VIA_URING, VIA_INT80, VIA_SOCKETCALL };
enum call { CALL_BIND, CALL_LISTEN, CALL_CONNECT, CALL_ACCEPT, CALL_ACCEPT4 };

struct who {
	pid_t pid, tid, ppid;
	uid_t uid, euid;
	gid_t gid, egid;
	char comm[17];
	uint64_t netns, mntns;
	uint64_t cgroup; // 0: unknown
	char cgroupPath[1024];
};

struct socket_facts {
	bool isSocket;
	int family, type, protocol;
	char options[6];
	bool v6only;
	unsigned ifindex;
	char ifname[16];
	uint64_t netns; // 0: unknown
	uint64_t inode; // 0: no socket
	bool inodeUnknown;
};

// Holds no pointers, so that one process can fill it in and another print it.
struct bind_record {
	enum call call;
	enum via via;
	bool shown;
	struct who who;
	struct socket_facts before, after;
	int length;
	int requestedFamily; // -1: unreadable
	bool hasRequested;
	char requestedAddress[INET6_ADDRSTRLEN];
	unsigned requestedPort, scopeId;
	bool hasAddress;
	char address[INET6_ADDRSTRLEN];
	unsigned port;
	int error;
};

struct accept_record {
	enum call call;
	enum via via;
	bool shown;
	struct who who;
	struct socket_facts socket; // the new one, or after a failure the listener
	bool hasLocal, hasRemote;
	char localAddress[INET6_ADDRSTRLEN], remoteAddress[INET6_ADDRSTRLEN];
	unsigned localPort, remotePort;
	int descriptor, flags, error;
	bool nonblocking;
};

struct listen_record {
	enum via via;
	bool shown;
	struct who who;
	struct socket_facts socket;
	bool hasAddress;
	char address[INET6_ADDRSTRLEN];
	unsigned port;
	int backlog, error;
	bool hasLimit, atLimit, implicit, chosen, already;
	unsigned limit;
};

// How a port is let go of.
enum way { BY_CLOSE, BY_EXIT, BY_SHUTDOWN, BY_DISCONNECT };

struct release_record {
	enum way way;
	bool shown;
	struct who who;
	struct socket_facts socket;
	char address[INET6_ADDRSTRLEN];
	unsigned port;
	const char *state;
	bool implicit, hasTimeWait, timeWait;
	uint64_t boundLeast, boundMost; // nanoseconds; 0: not known
};

struct place {
	struct sockaddr_storage address;
	int length;
};

extern const char *currentCase;

void read_who(struct who *who);
void read_socket(int fd, struct socket_facts *facts);
bool text_of(const struct sockaddr_storage *from, char text[INET6_ADDRSTRLEN], unsigned *port);
const char *error_name(int error);
void print_bind(const struct bind_record *record);
void print_accept(const struct accept_record *record);
void print_listen(const struct listen_record *record);
void print_release(const struct release_record *record);
void print_skipped(const char *name, const char *reason);
void print_text(const char *text); // to stdout, whole or not at all
_Noreturn void skip(const char *format, ...) __attribute__((format(printf, 1, 2)));
unsigned lines_printed(void);
void share_line_count(void); // counts the lines of children too, from here on

// ---- calls.c: the ways to make a call. Each gives 0 (or a descriptor) or minus the error number.

struct ring {
	int fd;
	unsigned *sqTail, *sqArray, sqMask;
	unsigned *cqHead, *cqTail, cqMask;
	void *sqes, *cqes;
};

// Both skip the case where the kernel cannot do it.
void need_int80(void);
void open_ring(struct ring *ring, unsigned setupFlags, unsigned opcode);
#define RING_BIND 56
#define RING_LISTEN 57
#define RING_ACCEPT 13
#define RING_SQPOLL (1u << 1)
#define SQE_FIXED_FILE (1u << 0)
#define SQE_ASYNC (1u << 4)
#define RING_MULTISHOT (1u << 0)
void register_file(struct ring *ring, int fd);
pid_t ring_worker(char comm[17]);

struct bind_call {
	int fd;
	const void *address;
	int length;
	enum via via;
	bool unreadable;       // the address is not to be looked at: it is bad memory
	bool hidden;           // not for a tracer's eyes
	struct ring *ring;     // for VIA_URING
	unsigned sqeFlags;
	bool byWorker;         // done by a thread of io_uring's
	int sqeFd;             // what stands in the ring entry instead of fd, with SQE_FIXED_FILE
	const struct who *who; // where the caller cannot find its own facts
};

int make_bind(const struct bind_call *call);
int make_accept(enum via via, struct ring *ring, int fd, struct sockaddr_storage *peer, socklen_t *length,
	bool four, int flags);
int make_listen(enum via via, struct ring *ring, int fd, int backlog);
void submit_accept(struct ring *ring, int fd, struct sockaddr_storage *peer, socklen_t *length, int flags,
	unsigned sqeFlags, unsigned acceptFlags);
int await_ring(struct ring *ring);

// The whole of it: facts, call, facts, line. Gives the (positive) error.
int bind_and_report(const struct bind_call *call);
void before_bind(const struct bind_call *call, struct bind_record *record);
void after_bind(const struct bind_call *call, struct bind_record *record, int error);

// ---- world.c: where and as whom a call is made

void open_cgroup_root(void);
int cgroup_root(void); // a directory, or -1
bool enter_private_network(void);
extern bool privateNetwork;
bool write_file(const char *path, const char *text);
bool read_file(const char *path, char *text, size_t size);
int create_device(const char *name); // ifindex; skips the case where no kind of device can be made
int create_device_without_carrier(const char *name);
void create_vxlan(const char *name, unsigned port); // the kernel then has a UDP socket bound to the port
void need_address(int ifindex, const char *address, int prefix);
void need_tentative_address(int ifindex, const char *address, int prefix); // stays so without a carrier
void become(uid_t uid, gid_t gid); // skips without the right to
unsigned ifindex_of(const char *name);

int open_socket(int family, int type, int protocol); // skips the case where the kernel has no such
struct place place_of(const char *address, unsigned port);
struct place place_scoped(const char *address, unsigned port, unsigned scope);
void set_options(int fd, const char *letters); // e.g. "F..R."; skips where it may not
bool option_asked(int fd, int which);
uint64_t netns_at_making(int fd);

// ---- making.c: sockets, bound and connected

unsigned own_netns(void);
void new_netns(void);
int open_for(const char *address, int type, int protocol);
void bind_to(int fd, const char *address, unsigned port);
int bound(const char *address, unsigned port, int type, int protocol);
int bound_of(int family, int type, int protocol, const char *address, unsigned port, const char *options);
int listening(const char *address, unsigned port, int backlog);
void connect_to(int fd, const char *address, unsigned port);
int accept_one(int fd);
void set(int fd, int level, int name, int value);
void send_descriptor(int through, int fd);
int receive_descriptor(int from);

// ---- the verbs

// Runs one case in a child of its own, and sees to it that something is printed for it; false if it broke.
bool run_isolated(const char *name, bool inPrivateNetwork, void (*body)(const void *), const void *argument);

// A case of calls that have no more in common than this.
struct call_case {
	const char *name;
	unsigned port;
	void (*run)(const struct call_case *);
	const char *what;
};

int list_cases(const struct call_case *cases, int count, bool verbose);
int run_cases(const struct call_case *cases, int count, int wanted, char **names); // wanted 0: all

int list_binds(bool verbose);
int run_binds(int count, char **names);
int list_accepts(bool verbose);
int run_accepts(int count, char **names);
int list_listens(bool verbose);
int run_listens(int count, char **names);
int list_releases(bool verbose);
int run_releases(int count, char **names);
int run_load(int count, char **arguments);
int run_churn(int count, char **arguments);
int run_race(int count, char **arguments);
int run_crowd(unsigned long threads);
int run_sockets(void);
int run_socket_churn(void);
int run_socket_crowd(unsigned long processes, unsigned long sockets);
int list_why(void);
int run_why(int count, char **names);
int run_conflicts(unsigned seed, int cases, unsigned most, int ofProtocol);
int run_history(int count, char **arguments);
int run_hold(const char *address, const char *port);
bool parse_number(const char *text, uint64_t most, uint64_t *value);
_Noreturn void exec_fast(char **arguments);

#endif
