using System.CommandLine;
using BindSnoop.Cli.Output;

namespace BindSnoop.Cli.Commands;

/// <summary><c>bindsnoop support</c>: what this machine can trace, and what to do about what it cannot.</summary>
internal sealed class SupportCommand
{
    private readonly Option<bool> _json = new("--json") { Description = "Print one JSON object" };
    private readonly Option<bool> _detailed = new("--detailed") { Description = "List what was compared to prove each back end" };

    private SupportCommand()
    {
    }

    public static Command Create()
    {
        SupportCommand support = new();
        Command command = new("support", "Show what this machine can trace; needs no privileges") { support._json, support._detailed };
        command.SetAction(support.Invoke);
        return command;
    }

    private int Invoke(ParseResult parsed)
    {
        TraceSupport found = TraceSupport.Probe();
        OutputBuffer output = new(StandardStream.Output);
        try
        {
            if (parsed.GetValue(_json))
            {
                new JsonWriter(output).Write(found, TraceSupport.Description);
            }
            else
            {
                // Lines are as long as they are: others than people read them, too.
                output.Left(SupportReport.Make(found, int.MaxValue, parsed.GetValue(_detailed)), 0);
                output.EndLine();
            }

            output.Flush();
        }
        catch (ReaderGoneException)
        {
        }

        return found.Usable ? ExitStatus.Success : ExitStatus.Failure;
    }
}
