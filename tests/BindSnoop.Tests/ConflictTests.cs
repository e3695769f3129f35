using System.Diagnostics;
using System.Globalization;
using System.Net;
using BindSnoop.Diagnosis;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>What is said of binds, against what the kernel does: random ones, with random sockets in their way.</summary>
public sealed class ConflictTests
{
    private const int Cases = 2500;

    private const int Tcp = 6;
    private const int Udp = 17;
    private const int Sctp = 132;
    private const int UdpLite = 136;

    /// <summary>With one holder the rules say exactly what the kernel says, except for what docs/limits.md says of SCTP and 6.1.</summary>
    [Theory]
    [InlineData(Tcp)]
    [InlineData(Udp)]
    [InlineData(UdpLite)]
    [InlineData(Sctp)]
    [InlineData(262)]
    public void OneHolderIsExact(int protocol)
    {
        (int good, int refused, string[] faults) = Compare(protocol, 1, mayLetThrough: protocol == Sctp);
        Assert.True(faults.Length == 0, string.Join('\n', faults));
        Assert.InRange(refused, 100, good - 100);
    }

    /// <summary>With several, nobody is refused without a holder that is named; the kernel's shortcuts may let more through.</summary>
    [Theory]
    [InlineData(Tcp)]
    [InlineData(Udp)]
    public void OfSeveralHoldersOneIsNamed(int protocol)
    {
        (int good, int refused, string[] faults) = Compare(protocol, 4, mayLetThrough: true);
        Assert.True(faults.Length == 0, string.Join('\n', faults));
        Assert.InRange(refused, 100, good - 100);
    }

    private static (int Good, int Refused, string[] Faults) Compare(int protocol, int holders, bool mayLetThrough)
    {
        Assert.SkipUnless(Interop.Libc.geteuid() == 0, "Only root can make a network namespace.");
        using Interop.FileDescriptor probe = Interop.Libc.socket(Interop.Libc.AF_INET, protocol is Udp or UdpLite ? Interop.Libc.SOCK_DGRAM : Interop.Libc.SOCK_STREAM, protocol);
        Assert.SkipWhen(probe.IsInvalid, "This kernel does not have the protocol.");
        int seed = Environment.TickCount & int.MaxValue;
        TestContext.Current.TestOutputHelper?.WriteLine($"bindtruth conflicts {seed} {Cases} {holders} {protocol}");
        using Process process = Truth.Start("conflicts", Text(seed), Text(Cases), Text(holders), Text(protocol));
        try
        {
            uint netns = uint.Parse(process.StandardOutput.ReadLine() ?? process.StandardError.ReadToEnd(), CultureInfo.InvariantCulture);
            List<string> lines = [];
            while (process.StandardOutput.ReadLine() is { } line && line != "ready")
            {
                lines.Add(line);
            }

            Assert.Equal(Cases, lines.Count);
            SocketSnapshot snapshot = SocketSnapshot.Take(new() { NetworkNamespace = [netns], All = true });
            if (snapshot.Refusal is { } refusal)
            {
                Requires.Skip(Backend.Auto, refusal);
            }

            ILookup<int, BindSocket> sockets = snapshot.Sockets.ToLookup(s => s.Port);
            List<string> faults = [];
            int good = 0;
            int refused = 0;
            foreach (string line in lines)
            {
                string[] fields = line.Split(' ');
                int port = Number(fields[0]);
                int error = Number(fields[7]);
                BindClaim claim = new(
                    netns, protocol, AddressValue.Of(IPAddress.Parse(fields[1])), port, fields[2] == "1", (uint)Number(fields[3]), fields[4] == "1", fields[5] == "1", (uint)Number(fields[6]));
                PortVerdict verdict = PortSearch.OfPort(claim, sockets[port]);
                if (error is not (0 or Sys.EAddrInUse))
                {
                    // It failed before the port was looked at.
                    continue;
                }

                good++;
                refused += error == 0 ? 0 : 1;
                bool isLetThrough = mayLetThrough || (Environment.OSVersion.Version is { Major: 6, Minor: 1 } && IsOfMappedAny(claim, verdict));
                bool isRight = verdict.Available == (error == 0) || (isLetThrough && error == 0 && verdict.Available == false);
                isRight &= verdict.Available != false || (verdict.Holders.Count > 0 && verdict.Holders.All(h => h.HeldBy != "Process" || h.ProcessId == process.Id));
                if (!isRight)
                {
                    faults.Add($"{line}: {verdict.Available} {verdict.Explanation} | {string.Join(", ", sockets[port])}");
                }
            }

            return (good, refused, [.. faults]);
        }
        finally
        {
            process.StandardInput.Close();
            process.WaitForExit();
        }
    }

    /// <summary>Whether a mapped address meets nothing but sockets bound to ::ffff:0.0.0.0.</summary>
    private static bool IsOfMappedAny(in BindClaim claim, PortVerdict verdict) =>
        claim.Address.Unmapped is not null && verdict.Holders.All(h => h.Address == "::ffff:0.0.0.0");

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
