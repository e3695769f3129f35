using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Reflection;
using System.Text;
using BindSnoop.Cli.Commands;
using BindSnoop.Cli.Output;

namespace BindSnoop.Cli;

/// <summary>Reads the command line, runs the command, and turns what goes wrong into messages and exit codes.</summary>
internal static class CommandLine
{
    private const string Name = "bindsnoop";

    /// <summary>The root command, with all below it.</summary>
    public static Command Create()
    {
        // Not a RootCommand, which would be named after the assembly.
        Command root = BindCommand.Create(Name);
        root.Add(AcceptCommand.Create());
        root.Add(ListenCommand.Create());
        root.Add(ReleaseCommand.Create());
        root.Add(SocketsCommand.Create());
        root.Add(WhyCommand.Create());
        root.Add(TopCommand.Create());
        root.Add(ReportCommand.Create());
        root.Add(RecordCommand.Create());
        root.Add(FindCommand.Create());
        root.Add(SupportCommand.Create());
        root.Add(Completion.CreateOption());
        root.Add(new HelpOption("--help", "-h") { Action = new HelpWithExamples(root) });
        root.Add(new Option<bool>("--version") { Description = "Print the version", Action = new VersionAction() });
        return root;
    }

    public static int Run(string[] args)
    {
        Command root = Create();
        ParseResult parsed = root.Parse(
            ShortOptions.Separate(args, root),
            new ParserConfiguration { EnablePosixBundling = false, ResponseFileTokenReplacer = null });
        List<string> errors =
        [
            .. parsed.Errors.Select(e => e.Message),
            .. parsed.CommandResult.Command != root && parsed.RootCommandResult.Children.Any(c => c is OptionResult { Implicit: false })
                ? [$"The options of '{parsed.CommandResult.Command.Name}' go after it."]
                : Array.Empty<string>(),
            .. parsed.Tokens.Where(t => t.Type == TokenType.Directive).Select(t => $"Unrecognized command or argument '{t.Value}'."),
        ];
        if (errors.Count > 0)
        {
            errors.ForEach(Complain);
            Messages.Write($"Try '{Name} --help'.");
            return ExitStatus.UsageError;
        }

        try
        {
            // Not to Console, which sends control sequences to a terminal before the first character.
            using StringWriter help = new();
            int result = parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, Output = help });
            StandardStream.Output.Write(Encoding.UTF8.GetBytes(help.ToString()));
            return result;
        }
        catch (UsageException exception)
        {
            Complain(exception.Message);
            Advise(exception.RecommendedAction);
            return ExitStatus.UsageError;
        }
        catch (TraceException exception)
        {
            Complain(exception.Message);
            Advise(exception.RecommendedAction);
            return ExitStatus.Failure;
        }
        catch (OutputException exception)
        {
            Complain(exception.Message);
            return ExitStatus.Failure;
        }
        catch (ReaderGoneException)
        {
            return ExitStatus.Success;
        }
        catch (OutOfMemoryException)
        {
            // .NET also says so when it cannot start a thread, for lack of descriptors or by a limit on threads.
            Complain("The process ran out of memory, or reached a limit on open files or threads.");
            Advise("Raise the limits of this process ('ulimit -n', 'ulimit -u', 'ulimit -v') or the memory limit of its cgroup.");
            return ExitStatus.Failure;
        }
        catch (Exception exception)
        {
            Complain($"This should not have happened: {exception}");
            Advise("Please report it, with the lines above.");
            return ExitStatus.Failure;
        }
    }

    private static void Complain(string message) => Messages.Write($"{Name}: {message}");

    private static void Advise(string action)
    {
        if (action.Length > 0)
        {
            // The engine speaks to users of the module.
            Messages.Write(action.Replace("Get-BindTraceSupport", $"'{Name} support'", StringComparison.Ordinal));
        }
    }

    private sealed class VersionAction : SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parseResult)
        {
            string version = typeof(CommandLine).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;
            StandardStream.Output.Write(Encoding.UTF8.GetBytes($"{Name} {version}\n"));
            return ExitStatus.Success;
        }
    }
}
