using System.CommandLine;
using BindSnoop.Cli.Output;

namespace BindSnoop.Cli.Commands;

/// <summary><c>bindsnoop support</c>: what this machine can trace, and what to do about what it cannot.</summary>
internal sealed class SupportCommand
{
    private readonly Option<bool> _json = new("--json") { Description = "Print one JSON object" };

    private SupportCommand()
    {
    }

    public static Command Create()
    {
        SupportCommand support = new();
        Command command = new("support", "Tell what this machine can trace; needs no privileges") { support._json };
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
                WriteText(output, found);
            }

            output.Flush();
        }
        catch (ReaderGoneException)
        {
        }

        return found.Usable ? ExitStatus.Success : ExitStatus.Failure;
    }

    private static void WriteText(OutputBuffer output, TraceSupport found)
    {
        Line(output, "Kernel", $"{found.Kernel} ({found.Architecture})");
        Line(output, "BTF", found.Btf ? "yes" : "no");
        Line(output, "libbpf", OrNone(found.LibBpfVersion));
        Line(output, "JIT", found.Jit);
        Line(output, "Capabilities", OrNone(string.Join(", ", found.Capabilities)));
        Line(output, "Lockdown", OrNone(found.Lockdown));
        Line(output, "Memory lock", found.MemoryLockLimit);
        Line(output, "Cgroup v2", OrNone(found.CgroupMountPoint));
        foreach (BackendSupport backend in found.Backends)
        {
            Line(output, backend.Backend.ToString(), backend.Usable ? "usable" : "not usable");
            foreach (string more in new[] { backend.Reason, backend.Remedy, backend.Blind.Length > 0 ? $"Does not see: {backend.Blind}" : "" })
            {
                if (more.Length > 0)
                {
                    Line(output, "", more);
                }
            }
        }
    }

    private static void Line(OutputBuffer output, string name, string value)
    {
        output.Left(name, 14);
        output.Left(DisplayText.Escape(value), 0);
        output.EndLine();
    }

    private static string OrNone(string value) => value.Length > 0 ? value : "none";
}
