using System.Globalization;
using BindSnoop.Diagnosis;
using BindSnoop.Names;

namespace BindSnoop;

/// <summary>Reads the values of rules that no filter reads.</summary>
internal static class PolicyValues
{
    /// <summary>A call that rules can apply to.</summary>
    public static BindPolicyCall Call(string text)
    {
        foreach (BindPolicyCall call in Enum.GetValues<BindPolicyCall>())
        {
            if (call.ToString().Equals(text, StringComparison.OrdinalIgnoreCase))
            {
                return call;
            }
        }

        throw Invalid(text, "a call that a policy can judge", "Give Bind, Listen or both.");
    }

    /// <summary>The name of a thread, as events write the same bytes; it may also have none at all.</summary>
    public static string Comm(string text) => text.Length == 0 ? "" : DisplayText.Escape(ThreadName.Parse(text));

    /// <summary>A group id.</summary>
    public static uint Gid(string text) =>
        uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint gid) && gid != uint.MaxValue
            ? gid
            : throw Invalid(text, "a group id", "Give a number from 0 to 4294967294.");

    /// <summary>An IP version.</summary>
    public static IPFamily Family(string text) =>
        Enum.GetValues<IPFamily>().FirstOrDefault(f => f.ToString().Equals(text, StringComparison.OrdinalIgnoreCase)) is var family && family != 0
            ? family
            : throw Invalid(text, "an IP version", "Give IPv4 or IPv6.");

    /// <summary>Why a bind failed.</summary>
    public static string Cause(string text) =>
        BindCause.Parse(text) ?? throw Invalid(text, "a cause of a failed bind", $"Give {string.Join(", ", BindCause.All.SkipLast(1))} or {BindCause.All[^1]}.");

    /// <summary>A name that is not empty.</summary>
    public static string Text(string text) =>
        text.Length > 0 ? DisplayText.EscapeUnsafe(text) : throw Invalid(text, "a name", "Give a name as events show it.");

    private static TraceException Invalid(string text, string what, string advice) =>
        new("InvalidPolicyValue", TraceErrorKind.InvalidArgument, $"'{DisplayText.Escape(text)}' is not {what}.", advice, text);
}
