using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using BindSnoop.Abi;
using BindSnoop.Errors;
using BindSnoop.Host;
using BindSnoop.Names;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>Names, numbers and clocks of the kernel, against the C library's.</summary>
public sealed unsafe partial class KernelTests
{
    private const int AddressTextSize = 46;
    private const long NanosecondsPerTick = 100;

    [LibraryImport("libc", EntryPoint = "strerrorname_np")]
    private static partial byte* NameOfError(int errno);

    [LibraryImport("libc", EntryPoint = "inet_ntop")]
    private static partial byte* InetNtop(int family, byte* address, byte* text, int size);

    [Fact]
    public void ErrorNames()
    {
        try
        {
            _ = NameOfError(1);
        }
        catch (EntryPointNotFoundException)
        {
            Assert.Skip("This C library does not know the names of errors (glibc does since 2.32).");
        }

        for (int errno = 1; errno < 200; errno++)
        {
            string? name = Marshal.PtrToStringUTF8((nint)NameOfError(errno));
            Assert.Equal(name ?? $"{errno}", Errno.NameOf(errno) switch { "EOPNOTSUPP" when name == "ENOTSUP" => name, var other => other });
        }
    }

    [Theory]
    [InlineData(0, "")]
    [InlineData(98, "EADDRINUSE")]
    [InlineData(133, "EHWPOISON")]
    [InlineData(134, "134")]
    [InlineData(512, "512")]
    [InlineData(-1, "-1")]
    public void NameOfAnError(int errno, string expected) => Assert.Equal(expected, Errno.NameOf(errno));

    /// <summary>Not "Unknown error -98", as elsewhere.</summary>
    [Fact]
    public void ErrorTexts()
    {
        Assert.Equal("Address already in use", Errno.TextOf(98));
        Assert.Equal("Address already in use (EADDRINUSE)", Errno.Describe(98));
    }

    [Fact]
    public void ClockShowsTheWallClockTime()
    {
        KernelClock clock = default;
        clock.Synchronize();
        for (int i = 0; i < 100; i++)
        {
            long before = DateTime.UtcNow.Ticks;
            long ticks = clock.ToUtcTicks((ulong)KernelClock.Now);
            long after = DateTime.UtcNow.Ticks;
            Assert.InRange(ticks, before - TimeSpan.TicksPerMillisecond, after + TimeSpan.TicksPerMillisecond);
        }
    }

    [Fact]
    public void ClockKeepsDistances()
    {
        KernelClock clock = default;
        clock.Synchronize();
        long start = KernelClock.Now / NanosecondsPerTick * NanosecondsPerTick;
        foreach (long distance in new long[] { 0, 100, 1_000_000_000, 86_400_000_000_000, 31_536_000_000_000_000 })
        {
            Assert.Equal(distance / NanosecondsPerTick, clock.ToUtcTicks((ulong)(start + distance)) - clock.ToUtcTicks((ulong)start));
        }
    }

    /// <summary>It counts the time that the machine slept, unlike CLOCK_MONOTONIC.</summary>
    [Fact]
    public void ClockIsTimeSinceBoot()
    {
        double uptime = double.Parse(File.ReadAllText("/proc/uptime").Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(KernelClock.Now / 1e9, uptime - 0.1, uptime + 2);
    }

    [Theory]
    [InlineData(0, "")]
    [InlineData(1, "STREAM")]
    [InlineData(2, "DGRAM")]
    [InlineData(3, "RAW")]
    [InlineData(5, "SEQPACKET")]
    [InlineData(6, "DCCP")]
    [InlineData(10, "10")]
    public void SocketType(int number, string expected) => Assert.Equal(expected, SocketTypes.NameOf((ushort)number));

    /// <summary>
    /// Addresses look as ss and ip show them, except for the two prefixes of translators whose last four bytes
    /// .NET alone writes with dots: ::ffff:0:0:0/96 and ISATAP's.
    /// </summary>
    [Fact]
    public void AddressesLookAsElsewhere()
    {
        Gen<byte> sparse = Gen.Frequency((3, Gen.Constant((byte)0)), (1, Gen.Constant((byte)0xff)), (1, Gen.Choose(0, 255).Select(b => (byte)b)));
        byte[] siit = [0xff, 0xff, 0, 0];
        byte[] isatap = [0, 0x5e, 0xfe];
        byte[] buffer = new byte[AddressTextSize];
        Gen<byte[]> addresses = sparse.ArrayOf(16).Where(
            b => (b.AsSpan(0, 8).ContainsAnyExcept((byte)0) || !b.AsSpan(8, 4).SequenceEqual(siit)) && !b.AsSpan(9, 3).SequenceEqual(isatap));
        Prop.ForAll(addresses.ToArbitrary(), bytes =>
        {
            foreach (AddressFamily family in new[] { AddressFamily.InterNetwork, AddressFamily.InterNetworkV6 })
            {
                int number = family == AddressFamily.InterNetwork ? 2 : 10;
                AddressBytes address = default;
                bytes.CopyTo(address);
                fixed (byte* raw = bytes, text = buffer)
                {
                    Assert.Equal(Marshal.PtrToStringUTF8((nint)InetNtop(number, raw, text, AddressTextSize)), TraceEvent.AddressText(address, number, 0));
                }
            }

            return true;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(20_000).WithQuietOnSuccess(true));
    }

    [Theory]
    [InlineData("fe80::1", 0u, "fe80::1")]
    [InlineData("fe80::1", 7u, "fe80::1%7")]
    [InlineData("febf::1", 4294967295u, "febf::1%4294967295")]
    [InlineData("::1", 7u, "::1")]
    [InlineData("ff02::1", 7u, "ff02::1")]
    [InlineData("2001:db8::1", 7u, "2001:db8::1")]
    [InlineData("::ffff:0.0.0.0", 0u, "::ffff:0.0.0.0")]
    public void ScopeOfLinkLocalAddresses(string address, uint scope, string expected)
    {
        AddressBytes bytes = default;
        IPAddress.Parse(address).TryWriteBytes(bytes, out _);
        Assert.Equal(expected, TraceEvent.AddressText(bytes, 10, scope));
    }
}
