using System.CommandLine;
using System.CommandLine.Completions;
using System.CommandLine.Invocation;
using System.Text;
using BindSnoop.Cli.Commands;
using BindSnoop.Cli.Output;

namespace BindSnoop.Cli;

/// <summary>
/// <c>--completion SHELL</c>: a script that knows the options. It runs nothing when the user hits Tab,
/// which would take longer than a user waits.
/// </summary>
internal static class Completion
{
    private static readonly Dictionary<string, Func<Command, string>> s_scripts = new() { ["bash"] = BashScript, ["zsh"] = ZshScript, ["fish"] = FishScript };

    private enum ValueKind
    {
        Directory,
        File,
        User,
        Process,
        Word,
    }

    public static Option<string> CreateOption()
    {
        Option<string> option = new("--completion")
        {
            HelpName = "SHELL",
            Description = "Print a script for completion in bash, zsh or fish: source <(bindsnoop --completion bash)",
            Action = new PrintAction(),
        };
        option.CompletionSources.Add([.. s_scripts.Keys]);
        return option;
    }

    private static string BashScript(Command root)
    {
        Command[] commands = [.. root.Subcommands, root];
        StringBuilder script = new();
        script.Append("# Completion of bindsnoop's command line in bash.\n_bindsnoop()\n{\n");
        script.Append("    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n");
        script.Append("    case $previous in\n");
        foreach (Option option in WithValue(commands))
        {
            script.Append("        ").AppendJoin('|', Names(option)).Append(')').Append(Value(option)).Append(" return ;;\n");
        }

        script.Append("    esac\n    case ${COMP_WORDS[1]} in\n");
        foreach (Command command in commands)
        {
            IEnumerable<string> words = command.Options.SelectMany(Names).Concat(command.Subcommands.Select(c => c.Name));
            script.Append("        ").Append(command == root ? "*" : command.Name).Append(')');
            script.Append(CompGen($"{(TakesFile(command) ? "-f " : "")}-W '{string.Join(' ', words)}'")).Append(" ;;\n");
        }

        script.Append("    esac\n}\ncomplete -F _bindsnoop bindsnoop\n");
        return script.ToString();

        static string CompGen(string what) => $" COMPREPLY=($(compgen {what} -- \"$current\"));";

        static string Value(Option option) => KindOf(option) switch
        {
            ValueKind.Directory => CompGen("-d"),
            ValueKind.File => CompGen("-f"),
            ValueKind.User => CompGen("-u"),
            ValueKind.Process => CompGen("-W \"$(cd /proc && echo [0-9]*)\""),
            _ => WordsOf(option) is { Length: > 0 } words ? CompGen($"-W '{words}'") : "",
        };
    }

    // Runs as a function if zsh loads it from its path, and else registers it.
    private static string ZshScript(Command root)
    {
        Command[] commands = [.. root.Subcommands, root];
        StringBuilder script = new();
        script.Append("#compdef bindsnoop\n# Completion of bindsnoop's command line in zsh.\n_bindsnoop()\n{\n    local -a commands options\n");
        script.Append("    case ${words[CURRENT-1]} in\n");
        foreach (Option option in WithValue(commands))
        {
            script.Append("        ").AppendJoin('|', Names(option)).Append(") ").Append(Value(option)).Append("; return ;;\n");
        }

        script.Append("    esac\n    case ${words[2]} in\n");
        foreach (Command command in commands)
        {
            script.Append("        ").Append(command == root ? "*" : command.Name).Append(")\n            options=(\n");
            foreach (Option option in command.Options)
            {
                foreach (string name in Names(option))
                {
                    script.Append("                ").Append(Described(name, option.Description)).Append('\n');
                }
            }

            script.Append("            )\n");
            if (command.Subcommands.Count > 0)
            {
                script.Append("            (( CURRENT > 2 )) || commands=(").AppendJoin(' ', command.Subcommands.Select(c => Described(c.Name, c.Description))).Append(")\n");
            }

            script.Append(TakesFile(command) ? "            _files\n            ;;\n" : "            ;;\n");
        }

        script.Append("    esac\n    _describe -o option options\n    (( ! $#commands )) || _describe command commands\n}\n");
        script.Append("if [[ $funcstack[1] == _bindsnoop ]]; then _bindsnoop \"$@\"; else compdef _bindsnoop bindsnoop; fi\n");
        return script.ToString();

        static string Described(string name, string? description) => $"'{name}:{description?.Replace("'", "'\\''", StringComparison.Ordinal)}'";

        static string Value(Option option) => KindOf(option) switch
        {
            ValueKind.Directory => "_files -/",
            ValueKind.File => "_files",
            ValueKind.User => "_users",
            ValueKind.Process => "compadd -- /proc/<->(:t)",
            _ => WordsOf(option) is { Length: > 0 } words ? $"compadd -- {words}" : "_message value",
        };
    }

    private static string FishScript(Command root)
    {
        Command[] commands = [.. root.Subcommands, root];
        StringBuilder script = new();
        script.Append("# Completion of bindsnoop's command line in fish.\nfunction __bindsnoop_is\n    set -l words (commandline -opc)\n    set -l command ''\n");
        script.Append("    contains -- \"$words[2]\" ").AppendJoin(' ', root.Subcommands.Select(c => c.Name)).Append("; and set command $words[2]\n");
        script.Append("    test \"$command\" = \"$argv[1]\"\nend\n\ncomplete -c bindsnoop -f\n");
        foreach (Command command in root.Subcommands)
        {
            script.Append("complete -c bindsnoop -n 'test (count (commandline -opc)) -eq 1' -a ").Append(command.Name).Append(Described(command.Description)).Append('\n');
        }

        foreach (Command command in commands)
        {
            string on = $"complete -c bindsnoop -n \"__bindsnoop_is '{(command == root ? "" : command.Name)}'\"";
            if (TakesFile(command))
            {
                script.Append(on).Append(" -F\n");
            }

            foreach (Option option in command.Options)
            {
                script.Append(on);
                foreach (string name in Names(option))
                {
                    script.Append(name.Length == 2 ? " -s " : " -l ").Append(name.TrimStart('-'));
                }

                script.Append(option.HelpName is null ? "" : Value(option)).Append(Described(option.Description)).Append('\n');
            }
        }

        return script.ToString();

        static string Described(string? description) =>
            $" -d '{description?.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal)}'";

        static string Value(Option option) => KindOf(option) switch
        {
            ValueKind.Directory => " -x -a '(__fish_complete_directories)'",
            ValueKind.File => " -r -F",
            ValueKind.User => " -x -a '(__fish_complete_users)'",
            ValueKind.Process => " -x -a '(__fish_complete_pids)'",
            _ => WordsOf(option) is { Length: > 0 } words ? $" -x -a '{words}'" : " -x",
        };
    }

    private static IEnumerable<Option> WithValue(IEnumerable<Command> commands) =>
        commands.SelectMany(c => c.Options).Where(o => o.HelpName is not null).DistinctBy(o => o.Name);

    private static IEnumerable<string> Names(Option option) => option.Aliases.Prepend(option.Name).Where(n => n[0] == '-').Distinct();

    private static bool TakesFile(Command command) => command.Arguments.Any(a => a.Name == "FILE");

    private static ValueKind KindOf(Option option) => option.HelpName switch
    {
        "PATH" => ValueKind.Directory,
        "MAPPATH" or "FILE" => ValueKind.File,
        "USER[,USER...]" => ValueKind.User,
        "PID[,PID...]" => ValueKind.Process,
        _ => ValueKind.Word,
    };

    private static string WordsOf(Option option) => string.Join(' ', option.GetCompletions(CompletionContext.Empty).Select(c => c.Label));

    private sealed class PrintAction : SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parseResult)
        {
            string shell = parseResult.GetValue<string>("--completion") ?? "";
            if (!s_scripts.TryGetValue(shell, out Func<Command, string>? script))
            {
                throw new UsageException(new TraceException(
                    "InvalidShell",
                    TraceErrorKind.InvalidArgument,
                    $"There is no completion for '{DisplayText.Escape(shell)}'.",
                    "Give bash, zsh or fish.",
                    shell));
            }

            StandardStream.Output.Write(Encoding.UTF8.GetBytes(script(parseResult.RootCommandResult.Command)));
            return ExitStatus.Success;
        }
    }
}
