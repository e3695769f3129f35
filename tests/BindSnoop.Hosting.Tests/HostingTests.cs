using System.Diagnostics;
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using System.Net;
using System.Net.Sockets;
using Xunit;
using Xunit.Sdk;
using Xunit.v3;

[assembly: Parallelization(Mode = ParallelMode.None)]

namespace BindSnoop.Hosting.Tests;

/// <summary>The module within a program that hosts PowerShell: what only the host gets to see.</summary>
public sealed class HostingTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    /// <summary>From before anything is attached to well into the stream.</summary>
    public static TheoryData<int> Delays => [0, 1, 2, 5, 10, 20, 40, 80, 160, 320, 640];

    [Theory]
    [MemberData(nameof(Delays))]
    public void AStopFromAnotherThreadLeavesNothing(int milliseconds)
    {
        Requires.Tracing();
        int before = BpfDescriptors();
        using Runspace runspace = new RecordingHost().Open();
        using PowerShell shell = Shell(runspace, "Get-BindEvent -IncludeError | ForEach-Object { $_.Comm }");
        using Load load = new();
        shell.BeginInvoke();
        Thread.Sleep(milliseconds);
        Stopwatch watch = Stopwatch.StartNew();
        shell.Stop();
        Assert.True(watch.Elapsed < s_patience, $"stopping took {watch.Elapsed}");
        Assert.Equal(PSInvocationState.Stopped, shell.InvocationStateInfo.State);
        Assert.Equal(before, BpfDescriptors());
    }

    [Fact]
    public void ClosingTheRunspaceLeavesNothing()
    {
        Requires.Tracing();
        int before = BpfDescriptors();
        Runspace runspace = new RecordingHost().Open();
        using PowerShell shell = Shell(runspace, "Get-BindEvent -Verbose");
        shell.BeginInvoke();
        Assert.True(WaitFor(() => shell.Streams.Verbose.Any(v => v.Message.StartsWith("Tracing through", StringComparison.Ordinal))));
        Assert.True(BpfDescriptors() > before, "a trace holds descriptors");
        runspace.Dispose();
        Assert.True(WaitFor(() => BpfDescriptors() == before), "something is left attached");
    }

    [Fact]
    public void AnErrorDownstreamLeavesNothing()
    {
        Requires.Tracing();
        int before = BpfDescriptors();
        using Runspace runspace = new RecordingHost().Open();
        using PowerShell shell = Shell(runspace, "Get-BindEvent | ForEach-Object { throw 'enough' }");
        using Load load = new();
        RuntimeException exception = Assert.ThrowsAny<RuntimeException>(() => shell.Invoke());
        Assert.Equal("enough", exception.Message);
        Assert.Equal(before, BpfDescriptors());
    }

    [Fact]
    public void CountingShowsItsProgress()
    {
        Requires.Tracing();
        RecordingHost host = new();
        using Runspace runspace = host.Open();
        using PowerShell shell = Shell(runspace, "Get-BindCount -Duration 2.2");
        shell.Invoke();
        ProgressRecord[] progress = [.. host.Progress.Where(p => p.Activity == "Counting binds")];
        Assert.True(progress.Length >= 3, $"{progress.Length} calls");
        Assert.Equal(progress.Select(p => p.PercentComplete).Order(), progress.Select(p => p.PercentComplete));
        Assert.All(progress, p => Assert.InRange(p.PercentComplete, 0, 100));
        Assert.Equal(ProgressRecordType.Completed, progress[^1].RecordType);
    }

    [Fact]
    public void TheLastWarningOfALossIsTheTotalAndNoneIsOutput()
    {
        Requires.Tracing();
        RecordingHost host = new();
        using Runspace runspace = host.Open();
        using PowerShell shell = Shell(runspace, "Get-BindEvent -BufferSize 4096 -Duration 1");
        using Load load = new();
        Assert.All(shell.Invoke(), o => Assert.Equal("BindSnoop.BindEvent", o.TypeNames[0]));
        Assert.Matches("^[0-9]+ calls were lost in all, of [0-9]+: ", shell.Streams.Warning[^1].Message);
        Assert.Empty(shell.Streams.Error);
    }

    [Fact]
    public void TwoRunspacesTraceSideBySide()
    {
        Requires.Tracing();
        using Socket first = new(SocketType.Stream, ProtocolType.Tcp);
        using Socket second = new(SocketType.Stream, ProtocolType.Tcp);
        (int Port, Socket Socket)[] sockets = [(20981, first), (20982, second)];
        List<(Runspace Runspace, PowerShell Shell, IAsyncResult Running)> shells = [];
        foreach ((int port, _) in sockets)
        {
            Runspace runspace = new RecordingHost().Open();
            PowerShell shell = Shell(runspace, $"Get-BindEvent -Port {port} -MaxEvents 1 -Verbose | Select-Object -ExpandProperty Port");
            shells.Add((runspace, shell, shell.BeginInvoke()));
        }

        Assert.True(WaitFor(() => shells.All(s => s.Shell.Streams.Verbose.Any(v => v.Message.StartsWith("Tracing through", StringComparison.Ordinal)))));
        foreach ((int port, Socket socket) in sockets)
        {
            socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
        }

        for (int i = 0; i < shells.Count; i++)
        {
            Assert.True(shells[i].Running.AsyncWaitHandle.WaitOne(s_patience), "no event came");
            Assert.Equal(sockets[i].Port, Assert.Single(shells[i].Shell.EndInvoke(shells[i].Running)).BaseObject);
            shells[i].Shell.Dispose();
            shells[i].Runspace.Dispose();
        }
    }

    [Fact]
    public void NothingOfAnEventIsLostInSerialization()
    {
        Requires.Tracing();
        using Runspace runspace = new RecordingHost().Open();
        using PowerShell shell = Shell(runspace, "Get-BindEvent -ProcessId $PID -MaxEvents 1 -Duration 20");
        using Load load = new();
        PSObject original = Assert.Single(shell.Invoke());

        // Depth 1 is all that a remote session or a job gives by default.
        PSObject copy = (PSObject)PSSerializer.Deserialize(PSSerializer.Serialize(original, 1));
        Assert.Equal("Deserialized.BindSnoop.BindEvent", copy.TypeNames[0]);
        foreach (PSPropertyInfo property in original.Properties)
        {
            Assert.Equal(
                LanguagePrimitives.ConvertTo<string>(property.Value),
                LanguagePrimitives.ConvertTo<string>(copy.Properties[property.Name].Value));
        }
    }

    private static PowerShell Shell(Runspace runspace, string script)
    {
        PowerShell shell = PowerShell.Create();
        shell.Runspace = runspace;
        return shell.AddScript(script);
    }

    private static bool WaitFor(Func<bool> condition) => SpinWait.SpinUntil(condition, s_patience);

    /// <summary>How many BPF programs, maps and links this process holds.</summary>
    private static int BpfDescriptors() =>
        Directory.EnumerateFiles("/proc/self/fd").Count(f => Target(f).StartsWith("anon_inode:bpf", StringComparison.Ordinal) || Target(f).Contains("bpf_link", StringComparison.Ordinal));

    private static string Target(string link)
    {
        try
        {
            return new FileInfo(link).LinkTarget ?? "";
        }
        catch (IOException)
        {
            return "";
        }
    }

    /// <summary>Binds without end, on a thread of its own.</summary>
    private sealed class Load : IDisposable
    {
        private readonly Thread _thread;
        private volatile bool _enough;

        public Load()
        {
            _thread = new Thread(Bind);
            _thread.Start();
        }

        public void Dispose()
        {
            _enough = true;
            _thread.Join();
        }

        private void Bind()
        {
            while (!_enough)
            {
                using Socket socket = new(SocketType.Stream, ProtocolType.Tcp);
                socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            }
        }
    }
}
