namespace BindSnoop.Cli.Output;

/// <summary>Which columns the classic text has.</summary>
internal sealed record ClassicColumns(bool Timestamp = false, bool Uid = false, bool Errors = false, bool Wide = false);

/// <summary>The text of bcc's bindsnoop, column by column.</summary>
internal sealed class ClassicBindWriter(OutputBuffer output, ClassicColumns columns) : IEventWriter<BindEvent>
{
    /// <summary>In place of a value that the call did not give.</summary>
    internal const string Nothing = "-";

    // Of what explains the line above.
    private const int Indent = 4;

    private readonly int _pidWidth = columns.Wide ? 10 : 8;
    private readonly int _protocolMost = columns.Wide ? int.MaxValue : 4;
    private readonly int _addressWidth = columns.Wide ? 39 : 15;
    private readonly int _addressMost = columns.Wide ? int.MaxValue : 15;
    private long? _firstTime;

    public void Begin()
    {
        if (columns.Timestamp)
        {
            output.Left("TIME(s)", 9);
            output.Byte((byte)' ');
        }

        if (columns.Uid)
        {
            output.Right("UID", 6);
            output.Byte((byte)' ');
        }

        if (columns.Errors)
        {
            if (columns.Wide)
            {
                output.Left("RC", 25);
            }
            else
            {
                output.Right("RC", 3);
            }

            output.Byte((byte)' ');
        }

        output.Right("PID", _pidWidth);
        output.Byte((byte)' ');
        output.Left("COMM", 12);
        output.Byte((byte)' ');
        output.Left("PROT", 4);
        output.Byte((byte)' ');
        output.Left("ADDR", _addressWidth);
        output.Byte((byte)' ');
        output.Left("PORT", 5);
        output.Byte((byte)' ');
        output.Right("OPTS", 5);
        output.Byte((byte)' ');
        output.Right("IF", 2);
        output.EndLine();
    }

    public void Write(BindEvent next)
    {
        if (columns.Timestamp)
        {
            // The classic takes microseconds, cut off, and counts from its first event.
            long time = next.KernelTime / 1000;
            _firstTime ??= time;
            Seconds(time - _firstTime.Value);
            output.Byte((byte)' ');
        }

        if (columns.Uid)
        {
            output.Right(next.Uid, 6);
            output.Byte((byte)' ');
        }

        if (columns.Errors)
        {
            if (columns.Wide)
            {
                output.Left(next.ErrorCode == 0 ? "Success" : next.ErrorMessage, 25);
            }
            else
            {
                output.Right(-next.ErrorCode, 3);
            }

            output.Byte((byte)' ');
        }

        output.Right(next.ProcessId, _pidWidth);
        output.Byte((byte)' ');
        output.Left(next.Comm, 12, 12);
        output.Byte((byte)' ');
        output.Left(next.Protocol is { Length: > 0 } protocol ? protocol : Nothing, 4, _protocolMost);
        output.Byte((byte)' ');
        output.Left(next.Address ?? Nothing, _addressWidth, _addressMost);
        output.Byte((byte)' ');
        output.Right(next.Port, 5);
        output.Byte((byte)' ');
        output.Left(next.OptionString, 5);
        output.Byte((byte)' ');
        output.Right(next.InterfaceIndex, 2);
        output.EndLine();
        if (next.Explanation is { } explanation)
        {
            output.Left("", Indent);
            output.Left(explanation, 0);
            output.EndLine();
        }
    }

    /// <summary><c>%-9.6f</c>, of microseconds.</summary>
    private void Seconds(long microseconds)
    {
        (long seconds, long fraction) = Math.DivRem(Math.Abs(microseconds), 1_000_000);
        output.Left(string.Create(
            System.Globalization.CultureInfo.InvariantCulture, $"{(microseconds < 0 ? "-" : "")}{seconds}.{fraction:d6}"), 9);
    }
}

/// <summary>The table of bcc's "bindsnoop --count": the IPv4 addresses, then the IPv6 ones, each highest first.</summary>
internal sealed class ClassicCountWriter(OutputBuffer output)
{
    public void Write(IReadOnlyList<BindCount> counts)
    {
        output.Left("LADDR", 32);
        output.Byte((byte)' ');
        output.Right("LPORT", 20);
        output.Left("", 5);
        output.Left("BINDS", 10);
        output.EndLine();

        var rows = counts
            .GroupBy(c => (c.AddressFamily, c.Address, c.Port))
            .Select(g => (g.Key.AddressFamily, g.Key.Address, g.Key.Port, Count: g.Sum(c => c.Count)))
            .OrderBy(r => r.AddressFamily, StringComparer.Ordinal)
            .ThenByDescending(r => r.Count)
            .ThenBy(r => r.Address, StringComparer.Ordinal)
            .ThenBy(r => r.Port);
        foreach (var row in rows)
        {
            output.Left(row.Address ?? ClassicBindWriter.Nothing, 32);
            output.Byte((byte)' ');
            output.Right(row.Port, 20);
            output.Left("", 5);
            output.Left(row.Count, 10);
            output.EndLine();
        }
    }
}
