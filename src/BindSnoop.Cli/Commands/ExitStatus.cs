namespace BindSnoop.Cli.Commands;

/// <summary>What the program ends with; the manual page says what each means.</summary>
internal static class ExitStatus
{
    public const int Success = 0;
    public const int Failure = 1;
    public const int UsageError = 2;
    public const int NotKnown = 3;
}
