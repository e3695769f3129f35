using System.Globalization;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>Traces from inside of namespaces: ids and times are those that the tracing process itself sees.</summary>
public sealed class NamespaceTests
{
    public static IEnumerable<TheoryDataRow<Backend>> Backends() => PrivilegeTests.Backends();

    /// <summary>With a /proc of its own: ids are the namespace's, of nested namespaces too; of processes outside the host's, marked.</summary>
    [Theory]
    [MemberData(nameof(Backends))]
    public void PidNamespace(Backend backend)
    {
        Requires.Tracing(backend);
        Dictionary<string, string> seen = TraceInside(backend, ["unshare", "--pid", "--fork", "--mount-proc", "--"]);
        Assert.Equal($"1 {seen["thread"]} 0 False True", seen["own"]);
        Assert.Equal($"1 {seen["thread"]} 0 False True", seen["accept"]);
        Assert.Equal("1", seen["count"]);
        Assert.Equal($"{seen["nested-leader"]} {seen["nested-leader"]} {seen["nested-parent"]} False True", seen["nested"]);
        Assert.Equal($"{Environment.ProcessId} {seen["outside-thread"]} {seen["outside-parent"]} True False", seen["outside"]);
        Assert.Equal($"{NamespaceChild.OwnPort}", seen["by-id"]);
        Assert.Equal($"{NamespaceChild.OwnPort},{NamespaceChild.NestedPort}", seen["by-ids"]);
    }

    /// <summary>With the host's /proc, ids are the host's, since that is where they are looked up.</summary>
    [Theory]
    [MemberData(nameof(Backends))]
    public void PidNamespaceWithTheProcOfAnother(Backend backend)
    {
        Requires.Tracing(backend);
        Dictionary<string, string> seen = TraceInside(backend, ["unshare", "--pid", "--fork", "--"]);
        Assert.NotEqual("1", seen["self"]);
        Assert.Equal($"{seen["self"]} {seen["thread"]} {seen["parent"]} False True", seen["own"]);
        Assert.Equal($"{Environment.ProcessId} {seen["outside-thread"]} {seen["outside-parent"]} False True", seen["outside"]);
        Assert.Equal($"{NamespaceChild.OwnPort}", seen["by-id"]);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void TimeNamespace(Backend backend)
    {
        Requires.Tracing(backend);
        Assert.SkipUnless(File.Exists("/proc/self/ns/time"), "This kernel has no time namespaces.");
        foreach (string offset in new[] { "864000", "-60", "0" })
        {
            (int status, string output) = Child.Under(
                ["unshare", "--time", "--fork", "--boottime", offset, "--monotonic", offset, "--"], Child.TraceTimes, With(backend));
            Assert.Equal((0, "kernel-time True time True path True"), (status, output.Trim()));
        }
    }

    private static Dictionary<string, string> TraceInside(Backend backend, string[] command)
    {
        using CancellationTokenSource ended = new();
        Dictionary<string, string> outside = [];
        Thread caller = new(() =>
        {
            outside["outside-thread"] = Sys.ThreadId().ToString(CultureInfo.InvariantCulture);
            NamespaceChild.NameThread();
            while (!ended.IsCancellationRequested)
            {
                Assert.Equal(0, Sys.BindOnce("127.0.0.1", NamespaceChild.OutsidePort));
                Thread.Sleep(10);
            }
        });
        caller.Start();
        int status;
        string output;
        try
        {
            (status, output) = Child.Under(command, Child.TraceNamespaces, With(backend));
        }
        finally
        {
            ended.Cancel();
            caller.Join();
        }

        Assert.True(status == 0, output);
        Dictionary<string, string> seen = output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l.Split(": ")).ToDictionary(p => p[0], p => p[1]);
        seen["outside-thread"] = outside["outside-thread"];
        string[] stat = File.ReadAllText("/proc/self/stat").Split(") ")[1].Split(' ');
        seen["outside-parent"] = stat[1];
        return seen;
    }

    private static Dictionary<string, string> With(Backend backend) => new() { [PrivilegeTests.BackendVariable] = backend.ToString() };
}
