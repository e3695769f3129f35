using System.Globalization;
using System.Text.Json;

namespace BindSnoop;

/// <summary>Who may bind, or listen on, which ports and addresses. The first rule that fits a call decides.</summary>
public sealed class BindPolicy
{
    internal BindPolicy(string source, BindPolicyAction defaultAction, IReadOnlyList<BindPolicyRule> rules)
    {
        Source = source;
        Default = defaultAction;
        Rules = rules;
        Calls = rules.Count == 0 ? [BindPolicyCall.Bind] : rules.SelectMany(r => r.Call).Distinct().Order().ToArray();
    }

    /// <summary>Where it came from, such as the path of its file.</summary>
    public string Source { get; }

    /// <summary>What happens to calls that no rule matches.</summary>
    public BindPolicyAction Default { get; }

    /// <summary>The rules, in the order in which they are asked.</summary>
    public IReadOnlyList<BindPolicyRule> Rules { get; }

    /// <summary>
    /// The calls that it judges: those that its rules apply to, or binds if it has no rules. It judges no others, whatever
    /// <see cref="Default"/> is.
    /// </summary>
    public IReadOnlyList<BindPolicyCall> Calls { get; }

    /// <summary>Reads a policy.</summary>
    /// <param name="utf8Json">The policy as JSON.</param>
    /// <param name="source">What to call it in messages, such as the file's path.</param>
    /// <exception cref="TraceException"><c>InvalidPolicy</c>.</exception>
    public static BindPolicy FromJson(ReadOnlyMemory<byte> utf8Json, string source) => new PolicyReader(source).Read(utf8Json);

    /// <summary>Judges a bind.</summary>
    /// <returns>
    /// Null if it is allowed, or failed without naming a socket or an address, or if <see cref="Calls"/> has no binds. What is
    /// not known of a bind is never in its favour.
    /// </returns>
    public BindViolation? Judge(BindEvent bind) => Judge(new BindFacts(bind));

    /// <summary>Judges a call of listen().</summary>
    /// <returns>Null if it is allowed, or if <see cref="Calls"/> has no listens.</returns>
    public BindViolation? Judge(ListenEvent listen) => Judge(new BindFacts(listen));

    /// <summary>The policy as <see cref="FromJson"/> reads it.</summary>
    public byte[] ToJson()
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteString(nameof(Default), Default.ToString());
            json.WriteStartArray(nameof(Rules));
            foreach (BindPolicyRule rule in Rules)
            {
                Write(json, rule);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return stream.ToArray();
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Rules.Count} rules, else {Default}";

    internal BindViolation? Judge(BindFacts facts)
    {
        if (facts.AskedForNothing || !Calls.Contains(facts.Call))
        {
            return null;
        }

        if (!facts.IsWhole)
        {
            return new BindViolation(facts, null, "not allowed: its protocol or address is unknown");
        }

        BindPolicyRule? mightAllow = null;
        for (int i = 0; i < Rules.Count; i++)
        {
            switch (Rules[i].Fits(facts), Rules[i].Action)
            {
                case (true, BindPolicyAction.Deny):
                    return new BindViolation(facts, Rules[i], $"denied by rule '{Rules[i].Name}'");
                case (null, BindPolicyAction.Deny):
                    return new BindViolation(facts, Rules[i], $"rule '{Rules[i].Name}' may deny it: its {Rules[i].Doubt(facts)} is unknown");
                case (true, _):
                    return null;
                case (null, _):
                    mightAllow ??= Rules[i];
                    break;
            }
        }

        return Default == BindPolicyAction.Allow ? null
            : new BindViolation(facts, null, mightAllow is null ? "not allowed" : $"not allowed: its {mightAllow.Doubt(facts)} is unknown, so rule '{mightAllow.Name}' does not apply");
    }

    private static void Write(Utf8JsonWriter json, BindPolicyRule rule)
    {
        json.WriteStartObject();
        json.WriteString(nameof(rule.Name), rule.Name);
        json.WriteString(nameof(rule.Action), rule.Action.ToString());
        foreach ((string name, IEnumerable<string> values) in rule.Texts())
        {
            json.WritePropertyName(name);
            string[] all = [.. values];
            bool areNumbers = name is nameof(rule.Port) or nameof(rule.Uid) or nameof(rule.Gid);
            if (all.Length == 1)
            {
                Write(json, all[0], areNumbers);
                continue;
            }

            json.WriteStartArray();
            foreach (string value in all)
            {
                Write(json, value, areNumbers);
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, string value, bool isNumber)
    {
        if (isNumber && uint.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out uint number))
        {
            json.WriteNumberValue(number);
        }
        else
        {
            json.WriteStringValue(value);
        }
    }
}
