using System.CommandLine;
using BindSnoop.Cli.Commands;
using Xunit;

namespace BindSnoop.Cli.Tests;

/// <summary>What the options mean.</summary>
[Trait("Build", "Any")]
public sealed class OptionTests
{
    [Theory]
    [InlineData("-Uu 0", "-U -u 0")]
    [InlineData("-tUEw", "-t -U -E -w")]
    [InlineData("-P80", "-P 80")]
    [InlineData("-P6000", "-P 6000")]
    [InlineData("-P=6000", "-P 6000")]
    [InlineData("-4p4 -6", "-4 -p 4 -6")]
    [InlineData("-EP 80,443 -w", "-E -P 80,443 -w")]
    [InlineData("-u -4", "-u -4")]
    [InlineData("--port -4t", "--port -4t")]
    [InlineData("--port=-4t", "--port=-4t")]
    [InlineData("-Uq", "-Uq")]
    [InlineData("-- -tU", "-- -tU")]
    [InlineData("support -tU", "support -tU")]
    [InlineData("accept -tTP80 -p -t", "accept -t -T -P 80 -p -t")]
    [InlineData("accept -Ut", "accept -Ut")]
    public void Bundles_are_taken_apart_as_getopt_does(string args, string expected) =>
        Assert.Equal(expected.Split(' '), ShortOptions.Separate(args.Split(' '), CommandLine.Create()));

    [Fact]
    public void Filters_are_read()
    {
        TraceFilter filter = Read(
            "-p", "1,2", "-p", "3", "-P80,443,8000-8999", "--uid", "0,root,1000", "--protocol", "tcp,17", "--address", "10.0.0.0/8,::1",
            "--comm", "a,b", "--comm", "c", "--family", "ipv6", "-4", "--cgroup", "/a", "--cgroup", "/b", "--cgroupmap", "/c", "--mntnsmap", "/d", "--requested-only",
            "--netns", "4026531840", "--netns", "/proc/self/ns/net");
        Assert.Equal([1u, 2u, 3u], filter.ProcessId);
        Assert.Equal([new PortRange(80, 80), new PortRange(443, 443), new PortRange(8000, 8999)], filter.Port);
        Assert.Equal([0u, 0u, 1000u], filter.Uid);
        Assert.Equal<ushort>([6, 17], filter.Protocol);
        Assert.Equal([AddressPrefix.Parse("10.0.0.0/8"), AddressPrefix.Parse("::1")], filter.Address);
        Assert.Equal(["a,b", "c"], filter.Comm);
        Assert.Equal([IPFamily.IPv6, IPFamily.IPv4], filter.AddressFamily);
        Assert.Equal(["/a", "/b"], filter.Cgroup);
        Assert.Equal("/c", filter.CgroupMap);
        Assert.Equal("/d", filter.MountNamespaceMap);
        Assert.Equal([4026531840, Host.NetworkNamespaces.Own], filter.NetworkNamespace);
        Assert.True(filter.RequestedOnly);
        Assert.False(filter.IncludeError);
    }

    [Fact]
    public void No_filter_lets_all_through() => Assert.Equivalent(new TraceFilter(), Read(), strict: true);

    [Theory]
    [InlineData("4096", 4096)]
    [InlineData("512K", 512 * 1024)]
    [InlineData("16m", 16 * 1024 * 1024)]
    public void Sizes_are_read(string text, int expected)
    {
        RunOptions options = new();
        Command command = new("test");
        options.AddTo(command);
        Assert.Equal(expected, options.Read(command.Parse(["--buffer-size", text]), new()).BufferSize);
    }

    [Theory]
    [InlineData("0.5", 500)]
    [InlineData("10", 10_000)]
    [InlineData(".25", 250)]
    public void Durations_are_read(string text, int milliseconds)
    {
        RunOptions options = new();
        Command command = new("test");
        options.AddTo(command);
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), options.ReadDuration(command.Parse(["--duration", text])));
    }

    private static TraceFilter Read(params string[] args)
    {
        FilterOptions options = new(FilteredCall.Bind);
        Command command = new("test");
        options.AddTo(command);
        return options.Read(command.Parse(ShortOptions.Separate(args, command)), includeError: false);
    }
}
