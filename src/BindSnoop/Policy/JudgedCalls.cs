using System.Globalization;

namespace BindSnoop;

/// <summary>Which calls a policy judged, and which calls it has rules for but was not given.</summary>
internal sealed class JudgedCalls(BindPolicy policy)
{
    private readonly long[] _judged = new long[Enum.GetValues<BindPolicyCall>().Length];
    private readonly long[] _left = new long[Enum.GetValues<BindPolicyCall>().Length];

    /// <summary>How many calls were judged.</summary>
    public long Total => _judged.Sum();

    /// <summary>How many calls were given that no rule applies to, in a sentence each.</summary>
    public IEnumerable<string> Left =>
        from call in Enum.GetValues<BindPolicyCall>()
        where _left[(int)call] > 0
        select $"{Count(_left[(int)call])} {(_left[(int)call] == 1 ? "call" : "calls")} of {NameOf(call)} {(_left[(int)call] == 1 ? "was" : "were")} not judged: the policy has no rules for {NameOf(call)}.";

    /// <summary>
    /// Calls that the policy has rules for but was not given: the input may have been recorded without them. Without any event,
    /// binds are not missing, because they are traced by default.
    /// </summary>
    public IEnumerable<BindPolicyCall> Missing =>
        policy.Calls.Where(c => _judged[(int)c] == 0 && (c != BindPolicyCall.Bind || Total + _left.Sum() > 0));

    /// <summary>The error for missing calls.</summary>
    public static TraceException IsMissing(BindPolicyCall call) => new(
        "CallsMissing",
        TraceErrorKind.InvalidOperation,
        $"The policy has rules for {NameOf(call)}, but the input has no such call: it is unknown whether there were violations.",
        $"Add events of {NameOf(call)} to the input.",
        call);

    /// <summary>Counts a call.</summary>
    /// <returns>Whether a rule applies to such calls.</returns>
    public bool Add(BindPolicyCall call)
    {
        bool isJudged = policy.Calls.Contains(call);
        (isJudged ? _judged : _left)[(int)call]++;
        return isJudged;
    }

    /// <summary>How many were judged, such as "5 binds and 2 listens".</summary>
    public override string ToString() =>
        string.Join(" and ", policy.Calls.Select(c => $"{Count(_judged[(int)c])} {(c == BindPolicyCall.Listen ? "listens" : "binds")}"));

    private static string NameOf(BindPolicyCall call) => call == BindPolicyCall.Listen ? "listen()" : "bind()";

    private static string Count(long number) => number.ToString(CultureInfo.InvariantCulture);
}
