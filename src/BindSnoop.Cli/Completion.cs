using System.CommandLine;
using System.CommandLine.Completions;
using System.CommandLine.Invocation;
using System.Text;
using BindSnoop.Cli.Commands;
using BindSnoop.Cli.Output;

namespace BindSnoop.Cli;

/// <summary>
/// <c>--completion bash</c>: a script that knows the options. It runs nothing when the user hits Tab,
/// which would take longer than a user waits.
/// </summary>
internal static class Completion
{
    public static Option<string> CreateOption() => new("--completion")
    {
        HelpName = "SHELL",
        Description = "Print a script for completion in the shell: source <(bindsnoop --completion bash)",
        CompletionSources = { "bash" },
        Action = new PrintAction(),
    };

    internal static string BashScript(Command root)
    {
        Command[] commands = [.. root.Subcommands, root];
        StringBuilder script = new();
        script.Append("# Completion of bindsnoop's command line in bash.\n_bindsnoop()\n{\n");
        script.Append("    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n");
        script.Append("    case $previous in\n");
        foreach (Option option in commands.SelectMany(c => c.Options).Where(o => o.HelpName is not null).DistinctBy(o => o.Name))
        {
            script.Append("        ").AppendJoin('|', Names(option)).Append(')').Append(Complete(option)).Append(" return ;;\n");
        }

        script.Append("    esac\n    case ${COMP_WORDS[1]} in\n");
        foreach (Command command in commands)
        {
            IEnumerable<string> words = command.Options.SelectMany(Names).Concat(command.Subcommands.Select(c => c.Name));
            script.Append("        ").Append(command == root ? "*" : command.Name).Append(')');
            script.Append(CompGen($"-W '{string.Join(' ', words)}'")).Append(" ;;\n");
        }

        script.Append("    esac\n}\ncomplete -F _bindsnoop bindsnoop\n");
        return script.ToString();
    }

    private static IEnumerable<string> Names(Option option) => option.Aliases.Prepend(option.Name).Where(n => n[0] == '-').Distinct();

    private static string Complete(Option option) => option.HelpName switch
    {
        "PATH" => CompGen("-d"),
        "MAPPATH" or "FILE" => CompGen("-f"),
        "USER[,USER...]" => CompGen("-u"),
        "PID[,PID...]" => CompGen("-W \"$(cd /proc && echo [0-9]*)\""),
        _ when option.GetCompletions(CompletionContext.Empty).Select(c => c.Label).ToList() is { Count: > 0 } values =>
            CompGen($"-W '{string.Join(' ', values)}'"),
        _ => "",
    };

    private static string CompGen(string what) => $" COMPREPLY=($(compgen {what} -- \"$current\"));";

    private sealed class PrintAction : SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parseResult)
        {
            string shell = parseResult.GetValue<string>("--completion") ?? "";
            if (shell != "bash")
            {
                throw new UsageException(new TraceException(
                    "InvalidShell",
                    TraceErrorKind.InvalidArgument,
                    $"There is no completion for '{DisplayText.Escape(shell)}'.",
                    "Give bash.",
                    shell));
            }

            StandardStream.Output.Write(Encoding.UTF8.GetBytes(BashScript(parseResult.RootCommandResult.Command)));
            return ExitStatus.Success;
        }
    }
}
