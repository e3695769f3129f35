namespace BindSnoop;

/// <summary>What was found out about a bind that failed.</summary>
/// <param name="Cause">One of the values of <see cref="BindEvent.Cause"/>.</param>
/// <param name="Explanation">One sentence: why, and what would help.</param>
/// <param name="Holders">The sockets in the way.</param>
internal sealed record BindFinding(string Cause, string Explanation, IReadOnlyList<BindSocket> Holders);
