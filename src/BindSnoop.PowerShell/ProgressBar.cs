using System.Diagnostics;
using System.Management.Automation;

namespace BindSnoop.PowerShell;

/// <summary>Shows how far something is that takes longer than two seconds, where somebody sees it.</summary>
/// <param name="cmdlet">What takes so long; on its thread alone.</param>
/// <param name="activity">What it does.</param>
/// <param name="total">How long it takes; null: that is not known.</param>
internal sealed class ProgressBar(PSCmdlet cmdlet, string activity, TimeSpan? total = null)
{
    /// <summary>How long one picture stays.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(2);

    private readonly Stopwatch _elapsed = Stopwatch.StartNew();
    private TimeSpan _next = total is null ? s_patience : TimeSpan.Zero;
    private string? _shown;

    /// <summary>Whether it will ever be shown.</summary>
    public bool IsWanted { get; } = (total is null || total > s_patience) && IsSeen(cmdlet.Host.Name);

    /// <summary>How much of the time is left.</summary>
    public TimeSpan Left => total is { } time && time > _elapsed.Elapsed ? time - _elapsed.Elapsed : TimeSpan.Zero;

    /// <summary>Shows it, if it is time for another picture.</summary>
    public void Show(Func<string> status)
    {
        TimeSpan now = _elapsed.Elapsed;
        if (!IsWanted || now < _next)
        {
            return;
        }

        _next = now + Interval;
        _shown = status();

        // One for each picture, as who collects them keeps them.
        ProgressRecord record = new(0, activity, _shown);
        if (total is { } time)
        {
            record.PercentComplete = (int)Math.Min(100, 100 * now / time);
            record.SecondsRemaining = (int)Math.Ceiling(Left.TotalSeconds);
        }

        cmdlet.WriteProgress(record);
    }

    /// <summary>Takes it away.</summary>
    public void Complete()
    {
        // A pipeline that is being stopped takes it away itself, and lets no cmdlet write.
        if (_shown is not null && !cmdlet.Stopping)
        {
            cmdlet.WriteProgress(new ProgressRecord(0, activity, _shown)
            {
                RecordType = ProgressRecordType.Completed,
                PercentComplete = total is null ? -1 : 100,
            });
        }
    }

    // Other hosts decide for themselves; PowerShell's own writes it into whatever its output goes to.
    private static bool IsSeen(string host) =>
        host != "ConsoleHost" || (!Console.IsOutputRedirected && !Console.IsErrorRedirected && !Environment.GetCommandLineArgs().Any(IsNonInteractive));

    private static bool IsNonInteractive(string argument) =>
        argument.TrimStart('-', '/') is { Length: >= 4 } name && argument.Length > name.Length && "NonInteractive".StartsWith(name, StringComparison.OrdinalIgnoreCase);
}
