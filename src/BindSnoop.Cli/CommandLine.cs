using System.CommandLine;
using BindSnoop.Cli.Commands;
using BindSnoop.Cli.Output;

namespace BindSnoop.Cli;

/// <summary>Reads the command line, runs the command, and turns what goes wrong into messages and exit codes.</summary>
internal static class CommandLine
{
    public const int Success = 0;
    public const int Failure = 1;
    public const int UsageError = 2;

    private const string Name = "bindsnoop";

    public static int Run(string[] args)
    {
        RootCommand root = BindCommand.Create();
        ParseResult parsed = root.Parse(
            ShortOptions.Separate(args, root),
            new ParserConfiguration { EnablePosixBundling = false, ResponseFileTokenReplacer = null });
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors)
            {
                Complain(error.Message);
            }

            Messages.Write($"Try '{Name} --help'.");
            return UsageError;
        }

        try
        {
            return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (UsageException exception)
        {
            Complain(exception.InnerException!.Message);
            Messages.Write(exception.RecommendedAction);
            return UsageError;
        }
        catch (TraceException exception)
        {
            Complain(exception.Message);
            Messages.Write(exception.RecommendedAction);
            return exception.Kind == TraceErrorKind.InvalidArgument ? UsageError : Failure;
        }
        catch (OutputException exception)
        {
            Complain(exception.Message);
            return Failure;
        }
    }

    private static void Complain(string message) => Messages.Write($"{Name}: {message}");
}
