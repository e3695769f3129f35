namespace BindSnoop.Cli.Output;

/// <summary>The table of bcc's "bindsnoop --count": the IPv4 addresses, then the IPv6 ones, each highest first.</summary>
/// <param name="output">Where it goes.</param>
/// <param name="heading">What stands above the counts.</param>
internal sealed class CountTextWriter(OutputBuffer output, string heading)
{
    public void Write(IReadOnlyList<BindCount> counts)
    {
        output.Left("LADDR", 32);
        output.Byte((byte)' ');
        output.Right("LPORT", 20);
        output.Left("", 5);
        output.Left(heading, 10);
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
            output.Left(row.Address ?? TextColumn.Nothing, 32);
            output.Byte((byte)' ');
            output.Right(row.Port, 20);
            output.Left("", 5);
            output.Left(row.Count, 10);
            output.EndLine();
        }
    }
}
