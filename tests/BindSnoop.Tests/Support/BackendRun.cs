using BindSnoop.Host;

namespace BindSnoop.Tests;

/// <summary>Cases of the truth program, run once under one back end: what is true, and what was seen.</summary>
internal sealed class BackendRun<TLine, TEvent>
    where TLine : CallLine
    where TEvent : TraceEvent
{
    public BackendRun(TraceOptions options, Func<TraceOptions, Collector<TEvent>> trace, Func<IReadOnlyList<TLine>> make)
    {
        Backend = options.Backend;
        try
        {
            using Collector<TEvent> collector = trace(options);
            Started = DateTime.UtcNow;
            KernelStarted = KernelClock.Now;
            Lines = make();
            Events = collector.Finish(out TraceStatistics statistics);
            KernelEnded = KernelClock.Now;
            Ended = DateTime.UtcNow;
            Statistics = statistics;
        }
        catch (TraceException exception) when (Requires.IsRefusal(exception))
        {
            Refusal = exception;
        }
    }

    public Backend Backend { get; }

    /// <summary>Why the back end cannot be used here; null if it can.</summary>
    public TraceException? Refusal { get; }

    public DateTime Started { get; }

    public DateTime Ended { get; }

    public long KernelStarted { get; }

    public long KernelEnded { get; }

    public IReadOnlyList<TLine> Lines { get; } = [];

    public IReadOnlyList<TEvent> Events { get; } = [];

    public TraceStatistics Statistics { get; } = new(0, 0, 0);

    /// <summary>Compares every event with the truth.</summary>
    public void Compare(TLine line, TEvent actual, Comparison comparison)
    {
        comparison.Equal("ProcessId", line.Pid, actual.ProcessId);
        comparison.Equal("ThreadId", line.Tid, actual.ThreadId);
        comparison.Equal("ParentProcessId", line.Ppid, actual.ParentProcessId);
        comparison.Equal("Uid", line.Uid, actual.Uid);
        comparison.Equal("Gid", line.Gid, actual.Gid);
        comparison.Equal("Comm", DisplayText.Escape(Convert.FromHexString(line.CommHex)), actual.Comm);
        comparison.Equal("ErrorCode", line.Error, actual.ErrorCode);
        comparison.Equal("ErrorName", line.ErrorName ?? "", actual.ErrorName);
        comparison.Equal("ErrorMessage", line.Error == 0, actual.ErrorMessage.Length == 0);
        comparison.Equal("NetworkNamespace", line.SocketNetns ?? line.Netns, actual.NetworkNamespace);
        comparison.Equal("MountNamespace", line.Mntns, actual.MountNamespace);
        comparison.True("Inode", line.Inode is { } inode ? actual.Inode == inode : actual.Inode != 0, actual.Inode);
        comparison.Equal("Backend", Backend.ToString(), actual.Backend);
        if (line.CgroupId is { } cgroup)
        {
            comparison.Equal("CgroupId", cgroup, actual.CgroupId);
            comparison.Equal("SocketCgroupId", actual.Inode == 0 ? 0 : cgroup, actual.SocketCgroupId);
        }

        // Looked up after the call, when the cgroup may be gone for good; tests of their own see to those that stay.
        string path = line.CgroupPath is null ? "" : DisplayText.Escape(line.CgroupPath);
        bool mayBeGone = path.Contains("bindtruth", StringComparison.Ordinal) || Cgroups.MountPoint is null;
        comparison.True("CgroupPath", actual.CgroupPath == path || (mayBeGone && actual.CgroupPath.Length == 0), actual.CgroupPath);

        comparison.Equal("Time.Kind", DateTimeKind.Local, actual.Time.Kind);
        DateTime time = actual.Time.ToUniversalTime();
        TimeSpan slack = TimeSpan.FromMilliseconds(2);
        comparison.True("Time", time >= Started - slack && time <= Ended + slack, time.ToString("O", System.Globalization.CultureInfo.InvariantCulture));
        comparison.True("KernelTime", actual.KernelTime >= KernelStarted && actual.KernelTime <= KernelEnded, actual.KernelTime);
    }
}
