using System.Globalization;

namespace BindSnoop.Cli.Output;

/// <summary>The text of bcc's tcpaccept, column by column; the column RC is our own.</summary>
internal sealed class ClassicAcceptWriter(OutputBuffer output, bool time, bool timestamp, bool errors) : IEventWriter<AcceptEvent>
{
    private long? _firstTime;

    public void Begin()
    {
        if (time)
        {
            output.Left("TIME", 9);
        }

        if (timestamp)
        {
            output.Left("TIME(s)", 9);
        }

        if (errors)
        {
            output.Right("RC", 3);
            output.Byte((byte)' ');
        }

        Columns("PID", "COMM", "IP", "RADDR", "RPORT", "LADDR", "LPORT");
    }

    public void Write(AcceptEvent next)
    {
        if (time)
        {
            output.Left(next.Time.ToString("HH:mm:ss", CultureInfo.InvariantCulture), 9);
        }

        if (timestamp)
        {
            // The classic takes microseconds, cut off, and counts from its first event.
            long microseconds = next.KernelTime / 1000;
            _firstTime ??= microseconds;
            output.Left(((microseconds - _firstTime.Value) / 1e6).ToString("F3", CultureInfo.InvariantCulture), 9);
        }

        if (errors)
        {
            output.Right(-next.ErrorCode, 3);
            output.Byte((byte)' ');
        }

        Columns(
            Text(next.ProcessId),
            next.Comm,
            next.AddressFamily == nameof(IPFamily.IPv4) ? "4" : "6",
            next.RemoteAddress ?? "-",
            Text(next.RemotePort),
            next.LocalAddress,
            Text(next.LocalPort));
    }

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);

    private void Columns(string pid, string comm, string version, string remoteAddress, string remotePort, string localAddress, string localPort)
    {
        output.Left(pid, 7);
        output.Byte((byte)' ');
        output.Left(comm, 12, 12);
        output.Byte((byte)' ');
        output.Left(version, 2);
        output.Byte((byte)' ');
        output.Left(remoteAddress, 16);
        output.Byte((byte)' ');
        output.Left(remotePort, 5);
        output.Byte((byte)' ');
        output.Left(localAddress, 16);
        output.Byte((byte)' ');
        output.Left(localPort, 5);
        output.EndLine();
    }
}
