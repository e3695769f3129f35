namespace BindSnoop.Cli.Output;

/// <summary>A table of counts that are summed by what was asked for, highest first.</summary>
/// <param name="output">Where it goes.</param>
/// <param name="heading">What stands above the counts.</param>
/// <param name="options">What is counted.</param>
internal sealed class CountGroupTextWriter(OutputBuffer output, string heading, TraceOptions options)
{
    private const int NumberWidth = 10;

    public void Write(IReadOnlyList<BindCountGroup> groups)
    {
        output.Right(heading, NumberWidth);
        if (options.Filter.IncludeError)
        {
            output.Right(" FAILED", NumberWidth);
        }

        WriteCells(group => ColumnOf(group).Heading);
        foreach (BindCountGroup next in groups)
        {
            output.Right(next.Count, NumberWidth);
            if (options.Filter.IncludeError)
            {
                output.Right(next.Failed, NumberWidth);
            }

            WriteCells(next.NameOf);
        }
    }

    private static (string Heading, int Width) ColumnOf(CountGroup group) => group switch
    {
        CountGroup.Address => ("LADDR", 32),
        CountGroup.Port => ("LPORT", 5),
        CountGroup.Protocol => ("PROT", 7),
        CountGroup.Comm => ("COMM", 16),
        CountGroup.User => ("USER", 16),
        CountGroup.Unit => ("UNIT", 32),
        CountGroup.Container => ("CONTAINER", 32),
        _ => ("POD", 48),
    };

    // The last one needs no room behind it.
    private void WriteCells(Func<CountGroup, string> cellOf)
    {
        for (int i = 0; i < options.GroupBy.Count; i++)
        {
            output.Byte((byte)' ');
            output.Left(cellOf(options.GroupBy[i]), i + 1 < options.GroupBy.Count ? ColumnOf(options.GroupBy[i]).Width : 0);
        }

        output.EndLine();
    }
}
