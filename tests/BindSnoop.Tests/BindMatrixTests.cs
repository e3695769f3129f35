using System.Globalization;
using System.Net;
using BindSnoop.Kernel;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>Every case of the truth program under every back end, every field of every event.</summary>
public sealed class BindMatrixTests
{
    private static readonly Backend[] s_backends = [Backend.Fentry, Backend.Kprobe, Backend.Tracepoint];

    public static IEnumerable<TheoryDataRow<Backend, string>> Rows() =>
        from backend in s_backends
        from name in Truth.Cases
        select new TheoryDataRow<Backend, string>(backend, name).WithTrait("Backend", backend.ToString());

    public static IEnumerable<TheoryDataRow<Backend>> Backends() =>
        s_backends.Select(backend => new TheoryDataRow<Backend>(backend).WithTrait("Backend", backend.ToString()));

    [Theory]
    [MemberData(nameof(Rows))]
    public void Case(Backend backend, string name)
    {
        BackendRun run = BackendRun.Of(backend);
        TruthLine[] lines = [.. run.Lines.Where(l => l.Case == name)];
        Assert.NotEmpty(lines);

        string[] skipped = [.. lines.Select(l => l.Skipped).OfType<string>()];
        Assert.DoesNotContain(skipped, reason => reason.StartsWith("broken:", StringComparison.Ordinal));

        lines = [.. lines.Where(l => l.Skipped is null)];
        HashSet<int> processes = [.. lines.Select(l => l.Pid)];
        TruthLine[] expected = [.. lines.Where(l => Seen.By(l, backend))];
        BindEvent[] actual = [.. run.Events.Where(e => processes.Contains(e.ProcessId))];

        List<string> faults = [];
        for (int i = 0; i < Math.Max(expected.Length, actual.Length); i++)
        {
            if (i >= actual.Length)
            {
                faults.Add($"no event for {Show(expected[i])}");
            }
            else if (i >= expected.Length)
            {
                faults.Add($"one event too many: {actual[i]}");
            }
            else
            {
                Compare(run, expected[i], actual[i], faults);
            }
        }

        for (int i = 1; i < actual.Length; i++)
        {
            int before = Array.FindLastIndex(actual, i - 1, e => e.ThreadId == actual[i].ThreadId);
            if (before >= 0 && actual[before].KernelTime >= actual[i].KernelTime)
            {
                faults.Add($"thread {actual[i].ThreadId} goes back in time from {actual[before].KernelTime} to {actual[i].KernelTime}");
            }
        }

        if (faults.Count > 0)
        {
            Assert.Fail(string.Join(Environment.NewLine, faults));
        }

        Assert.SkipWhen(skipped.Length > 0, string.Join("; ", skipped));
    }

    /// <summary>Nothing else comes from the truth program or a child of its: its set-up makes no binds.</summary>
    [Theory]
    [MemberData(nameof(Backends))]
    public void NothingElseIsSeen(Backend backend)
    {
        BackendRun run = BackendRun.Of(backend);
        HashSet<int> processes = [.. run.Lines.Select(l => l.Pid)];
        HashSet<int> parents = [.. run.Lines.Select(l => l.Ppid)];
        Assert.DoesNotContain(run.Events, e => !processes.Contains(e.ProcessId) &&
            (parents.Contains(e.ProcessId) || parents.Contains(e.ParentProcessId) || processes.Contains(e.ParentProcessId)));
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void NothingIsLost(Backend backend)
    {
        BackendRun run = BackendRun.Of(backend);
        Assert.Equal(new TraceStatistics(run.Events.Count, 0, run.Statistics.Filtered), run.Statistics);
    }

    private static void Compare(BackendRun run, TruthLine line, BindEvent actual, List<string> faults)
    {
        void Equal<T>(string field, T expected, T value)
        {
            if (!EqualityComparer<T>.Default.Equals(expected, value))
            {
                faults.Add($"{field} is {Quote(value)} instead of {Quote(expected)} of {Show(line)}");
            }
        }

        void True(string field, bool right, object value)
        {
            if (!right)
            {
                faults.Add($"{field} is {Quote(value)} of {Show(line)}");
            }
        }

        string? requested = WithScope(line.RequestedAddress, line.ScopeId);

        Equal("ProcessId", line.Pid, actual.ProcessId);
        Equal("ThreadId", line.Tid, actual.ThreadId);
        Equal("ParentProcessId", line.Ppid, actual.ParentProcessId);
        Equal("Uid", line.Uid, actual.Uid);
        Equal("Gid", line.Gid, actual.Gid);
        Equal("Comm", DisplayText.Escape(Convert.FromHexString(line.CommHex)), actual.Comm);
        Equal("Protocol", ProtocolName(line.Protocol), actual.Protocol);
        Equal("ProtocolNumber", line.Protocol, actual.ProtocolNumber);
        Equal("SocketType", line.Type ?? "", actual.SocketType);
        Equal("AddressFamily", line.Family, actual.AddressFamily);
        Equal("Address", line.Error == 0 ? WithScope(line.Address, (uint)line.Ifindex) : requested, actual.Address);
        Equal("Port", line.Port ?? 0, actual.Port);
        Equal("RequestedAddress", requested, actual.RequestedAddress);
        Equal("RequestedPort", line.RequestedPort ?? 0, actual.RequestedPort);
        Equal("OptionString", line.Options, actual.OptionString);
        Equal("Options", OptionsOf(line.Options), actual.Options);
        Equal("IPv6Only", line.V6OnlyAfter, actual.IPv6Only);

        // A link-local address binds the socket to its interface before the kernel looks whether there is one;
        // an interface without a name is none to getsockopt(SO_BINDTODEVICE), which the truth comes from.
        Equal("InterfaceIndex", line.ErrorName == "ENODEV" ? (int)line.ScopeId : line.Ifindex, actual.InterfaceIndex);
        Equal("ErrorCode", line.Error, actual.ErrorCode);
        Equal("ErrorName", line.ErrorName ?? "", actual.ErrorName);
        Equal("ErrorMessage", line.Error == 0, actual.ErrorMessage.Length == 0);
        Equal("NetworkNamespace", line.SocketNetns ?? line.Netns, actual.NetworkNamespace);
        Equal("MountNamespace", line.Mntns, actual.MountNamespace);
        Equal("Backend", run.Backend.ToString(), actual.Backend);

        // These two are looked up after the call, when the process or the cgroup may be gone for good; tests
        // of their own see to those that stay.
        True("InterfaceName", actual.InterfaceName == (line.Ifname ?? "") || actual.InterfaceName.Length == 0, actual.InterfaceName);
        if (line.CgroupId is { } cgroup)
        {
            Equal("CgroupId", cgroup, actual.CgroupId);
        }

        string path = line.CgroupPath is null ? "" : DisplayText.Escape(line.CgroupPath);
        bool mayBeGone = path.Contains("bindtruth", StringComparison.Ordinal) || Cgroups.MountPoint is null;
        True("CgroupPath", actual.CgroupPath == path || (mayBeGone && actual.CgroupPath.Length == 0), actual.CgroupPath);

        Equal("Time.Kind", DateTimeKind.Local, actual.Time.Kind);
        DateTime time = actual.Time.ToUniversalTime();
        TimeSpan slack = TimeSpan.FromMilliseconds(2);
        True("Time", time >= run.Started - slack && time <= run.Ended + slack, time.ToString("O", CultureInfo.InvariantCulture));
        True("KernelTime", actual.KernelTime >= run.KernelStarted && actual.KernelTime <= run.KernelEnded, actual.KernelTime);
    }

    private static string Quote(object? value) => value is null ? "null" : value is string ? $"\"{value}\"" : value.ToString()!;

    private static string Show(TruthLine line) =>
        $"{line.Type ?? "no socket"} {line.Protocol} {line.RequestedAddress}:{line.RequestedPort} length {line.AddressLength} {line.Via} = {line.ErrorName ?? "0"}";

    private static string? WithScope(string? address, uint scope) =>
        address is not null && scope != 0 && IPAddress.Parse(address).IsIPv6LinkLocal ? $"{address}%{scope}" : address;

    // The constants IPPROTO_* of linux/in.h and linux/in6.h.
    private static string ProtocolName(int number) => number switch
    {
        0 => "",
        1 => "ICMP",
        6 => "TCP",
        17 => "UDP",
        33 => "DCCP",
        58 => "ICMPV6",
        132 => "SCTP",
        136 => "UDPLITE",
        255 => "RAW",
        262 => "MPTCP",
        _ => number.ToString(CultureInfo.InvariantCulture),
    };

    private static BindOptions OptionsOf(string letters)
    {
        BindOptions options = BindOptions.None;
        options |= letters[0] == 'F' ? BindOptions.FreeBind : 0;
        options |= letters[1] == 'T' ? BindOptions.Transparent : 0;
        options |= letters[2] == 'N' ? BindOptions.BindAddressNoPort : 0;
        options |= letters[3] == 'R' ? BindOptions.ReuseAddress : 0;
        options |= letters[4] == 'r' ? BindOptions.ReusePort : 0;
        return options;
    }
}
