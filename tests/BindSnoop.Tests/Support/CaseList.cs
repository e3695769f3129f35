namespace BindSnoop.Tests;

/// <summary>The cases of a subcommand of the truth program.</summary>
internal sealed class CaseList
{
    private readonly Lazy<IReadOnlyList<string>> _names;
    private readonly Lazy<ILookup<string, string>> _missing;

    /// <param name="list">What makes the program name its cases.</param>
    /// <param name="run">What makes it do them.</param>
    public CaseList(string[] list, string[] run)
    {
        _names = new(() => Truth.Execute(list));
        _missing = new(() => Missing(Truth.Execute(run)));
    }

    public IReadOnlyList<string> Names => _names.Value;

    /// <summary>Cases of which nothing can be made here (a protocol that the kernel lacks), by the reason.</summary>
    public ILookup<string, string> WhatIsMissing => _missing.Value;

    private static ILookup<string, string> Missing(IReadOnlyList<string> lines) => lines
        // Some wait after each case until the next is requested.
        .Where(l => !l.StartsWith("{\"ready\"", StringComparison.Ordinal))
        .Select(CallLine.Parse<AnyLine>)
        .GroupBy(l => l.Case)
        // What is broken is no property of the machine: the case itself is to fail.
        .Where(g => g.All(l => l.Skipped is { } reason && !reason.StartsWith("broken:", StringComparison.Ordinal)))
        .ToLookup(g => g.First().Skipped!, g => g.Key);

    private sealed record AnyLine : CallLine;
}
