using System.CommandLine;

namespace BindSnoop.Cli;

/// <summary>
/// Takes bundles of short options apart as getopt(3) does: <c>-Uu0</c> is <c>-U -u 0</c>. System.CommandLine
/// would take the value of <c>-P6000</c> for options where they exist, as <c>-6</c> does.
/// </summary>
internal static class ShortOptions
{
    public static IReadOnlyList<string> Separate(IReadOnlyList<string> args, Command root)
    {
        List<string> separated = [];
        Command command = root;
        bool isValue = false;
        for (int i = 0; i < args.Count; i++)
        {
            string arg = args[i];
            if (isValue)
            {
                separated.Add(arg);
                isValue = false;
            }
            else if (arg == "--")
            {
                separated.AddRange(args.Skip(i));
                break;
            }
            else if (arg.Length > 1 && arg[0] == '-' && arg[1] != '-')
            {
                isValue = SeparateOne(arg, command, separated);
            }
            else
            {
                separated.Add(arg);
                isValue = Find(command, arg) is { } option && TakesValue(option);
                command = command.Subcommands.FirstOrDefault(c => c.Name == arg) ?? command;
            }
        }

        return separated;
    }

    /// <returns>Whether the next argument is the value of the last option.</returns>
    private static bool SeparateOne(string arg, Command command, List<string> separated)
    {
        int before = separated.Count;
        for (int i = 1; i < arg.Length; i++)
        {
            string name = $"-{arg[i]}";
            if (Find(command, name) is not { } option)
            {
                // Not ours to understand: the parser complains about the whole of it.
                separated.RemoveRange(before, separated.Count - before);
                separated.Add(arg);
                return false;
            }

            separated.Add(name);
            if (TakesValue(option))
            {
                if (i + 1 == arg.Length)
                {
                    return true;
                }

                separated.Add(arg[(i + 1)..].TrimStart('='));
                return false;
            }
        }

        return false;
    }

    private static Option? Find(Command command, string name) =>
        command.Options.FirstOrDefault(o => o.Name == name || o.Aliases.Contains(name));

    private static bool TakesValue(Option option) => option.Arity.MaximumNumberOfValues > 0 && option.ValueType != typeof(bool);
}
