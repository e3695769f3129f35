namespace BindSnoop.PowerShell.Completion;

/// <summary>One thing that can be completed to.</summary>
/// <param name="Word">What to put on the command line, without quotes.</param>
/// <param name="Hint">What distinguishes it from others.</param>
/// <param name="Shown">What a menu shows, if not the word.</param>
public sealed record Offer(string Word, string Hint, string? Shown = null);
