namespace BindSnoop.Cli.Commands;

/// <summary>A value on the command line that cannot be right.</summary>
internal sealed class UsageException(TraceException inner) : Exception(inner.Message, inner)
{
    /// <summary>What to give instead.</summary>
    public string RecommendedAction { get; } = inner.RecommendedAction;

    /// <summary>Reads a value; that it is wrong, even if only this machine has no such thing, is the user's error.</summary>
    public static T For<T>(Func<string, T> parse, string text)
    {
        try
        {
            return parse(text);
        }
        catch (TraceException exception) when (exception.Kind is TraceErrorKind.InvalidArgument or TraceErrorKind.ObjectNotFound)
        {
            throw new UsageException(exception);
        }
    }
}
