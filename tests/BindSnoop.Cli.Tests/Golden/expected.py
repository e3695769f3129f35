#!/usr/bin/env python3
"""What Python's own % makes of the classic format strings; ClassicWriterTests compares with it.

    ./expected.py > expected.txt
"""
from os import strerror

# microseconds, uid, errno, pid, comm, protocol, address, port, options, interface
EVENTS = [
    (1000000, 0, 0, 181, "nginx", "TCP", "0.0.0.0", 80, "...R.", 0),
    (1000042, 1000, 98, 4194303, "python3", "TCP", "127.0.0.1", 8080, ".....", 0),
    (1011045, 4294967294, 13, 1, "a-very-long-pro", "UDPLITE", "2001:db8:1234:5678:9abc:def0:1234:5678", 443, "FTNRr", 1234),
    (3500000, 33, 0, 99999999, "K\u00e4se 6789abcde", "SCTP", "192.168.100.200", 65535, "F.N.r", 12),
    (999999, 0, 22, 7, "", "ICMPV6", "fe80::1%9", 0, ".T...", 9),
    (1000000, 0, 0, 8, "\u65e5\u672c\u8a9e\u540d\u524d", "MPTCP", "::ffff:127.0.0.1", 5, "...Rr", 0),
    (12345678901234, 65534, 9, 4242, "\\x1b[31mred", "-", "-", 0, ".....", 0),
]
COUNTS = [
    ("127.0.0.1", 8080, 12345678901),
    ("0.0.0.0", 80, 3),
    ("127.0.0.1", 80, 3),
    ("127.0.0.1", 443, 3),
    ("::", 80, 12),
    ("2001:db8:1234:5678:9abc:def0:1234:5678", 65535, 2),
]


def header(flags):
    text = ""
    if "t" in flags:
        text += "%-9s " % "TIME(s)"
    if "U" in flags:
        text += "%6s " % "UID"
    if "E" in flags:
        text += ("%-25s " if "w" in flags else "%3s ") % "RC"
    columns = "%10s %-12.12s %-4s %-39s %-5s %5s %2s" if "w" in flags else "%8s %-12.12s %-4s %-15s %-5s %5s %2s"
    return text + columns % ("PID", "COMM", "PROT", "ADDR", "PORT", "OPTS", "IF")


def row(event, flags):
    time, uid, error, *rest = event
    text = ""
    if "t" in flags:
        text += "%-9.6f " % ((float(time) - EVENTS[0][0]) / 1000000)
    if "U" in flags:
        text += "%6d " % uid
    if "E" in flags:
        text += "%-25s " % strerror(error) if "w" in flags else "%3s " % str(-error)
    columns = "%10d %-12.12s %-4s %-39s %5d %-5s %2d" if "w" in flags else "%8d %-12.12s %-4.4s %-15.15s %5d %-5s %2d"
    return text + columns % tuple(rest)


for flags in ("", "t", "U", "E", "w", "tU", "Ew", "tUE", "tUEw"):
    print("== " + flags)
    print(header(flags))
    for event in EVENTS:
        print(row(event, flags))
# microseconds, errno, pid, comm, IP version, remote address and port, local address and port
ACCEPTS = [
    (5000000, 0, 907, "sshd", 4, "192.168.56.1", 32324, "192.168.56.102", 22),
    (5062500, 0, 4194303, "a-very-long-pro", 6, "2001:db8:1234:5678:9abc:def0:1234:5678", 65535, "::1", 8080),
    (5002500, 0, 10000000, "K\u00e4se 6789abcde", 6, "::ffff:127.0.0.1", 1, "::ffff:127.0.0.1", 65535),
    (4999500, 24, 1, "", 4, "-", 0, "0.0.0.0", 443),
    (98765432109, 0, 2, "x", 4, "10.0.0.1", 5, "10.0.0.2", 80),
]


def accept_row(event, flags):
    time, error, *rest = event
    text = ""
    if "t" in flags:
        text += "%-9.3f" % ((float(time) - ACCEPTS[0][0]) / 1000000)
    if "E" in flags:
        text += "%3s " % str(-error)
    return text + "%-7d %-12.12s %-2d %-16s %-5d %-16s %-5d" % tuple(rest)


for flags in ("", "t", "E", "tE"):
    print("== accept " + flags)
    text = "%-9s" % "TIME(s)" if "t" in flags else ""
    text += "%3s " % "RC" if "E" in flags else ""
    print(text + "%-7s %-12s %-2s %-16s %-5s %-16s %-5s" % ("PID", "COMM", "IP", "RADDR", "RPORT", "LADDR", "LPORT"))
    for event in ACCEPTS:
        print(accept_row(event, flags))

# microseconds, errno, pid, comm, network namespace, protocol, backlog, port, address
LISTENS = [
    (7000000, 0, 907, "sshd", 4026531840, "TCP", 128, 22, "0.0.0.0"),
    (7000250, 0, 4194303, "a-very-long-pro", 4026532222, "MPTCP", -1, 65535, "2001:db8:1234:5678:9abc:def0:1234:5678"),
    (7500000, 98, 1, "K\u00e4se 6789abcde", 4026531840, "TCP", 511, 8080, "127.0.0.1"),
    (6999999, 0, 2, "", 1, "SCTP", "-", 5, "::1"),
]


def listen_row(event, flags):
    time, error, *rest = event
    text = ""
    if "t" in flags:
        text += "%-9.6f " % ((float(time) - LISTENS[0][0]) / 1000000)
    if "E" in flags:
        text += "%3s " % str(-error)
    return text + "%-6d %-12.12s %-12s %-6s %-8s %-5s %-39s" % tuple(rest)


for flags in ("", "t", "E", "tE"):
    print("== listen " + flags)
    text = "%-9s " % "TIME(s)" if "t" in flags else ""
    text += "%3s " % "RC" if "E" in flags else ""
    print(text + "%-6s %-12s %-12s %-6s %-8s %-5s %-39s" % ("PID", "COMM", "NETNS", "PROTO", "BACKLOG", "PORT", "ADDR"))
    for event in LISTENS:
        print(listen_row(event, flags))

print("== count")
print("%-32s %20s     %-10s" % ("LADDR", "LPORT", "BINDS"))
for address, port, count in COUNTS:
    print("%s     %-10d" % ("%-32s %20s" % (address, port), count))
