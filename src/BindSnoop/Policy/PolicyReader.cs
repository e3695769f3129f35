using System.Text.Json;
using BindSnoop.Names;

namespace BindSnoop;

/// <summary>Makes a policy of JSON; what is wrong is said with the rule and the key at which it is.</summary>
internal sealed class PolicyReader(string source)
{
    private const string ActionAdvice = "Give Allow or Deny.";

    private static readonly string[] s_policyKeys = [nameof(BindPolicy.Default), nameof(BindPolicy.Rules)];

    private static readonly string[] s_conditions =
    [
        nameof(BindPolicyRule.Call), nameof(BindPolicyRule.Comm), nameof(BindPolicyRule.Uid), nameof(BindPolicyRule.Gid), nameof(BindPolicyRule.Unit),
        nameof(BindPolicyRule.ContainerId), nameof(BindPolicyRule.ContainerName), nameof(BindPolicyRule.PodName),
        nameof(BindPolicyRule.PodNamespace), nameof(BindPolicyRule.Protocol), nameof(BindPolicyRule.AddressFamily),
        nameof(BindPolicyRule.Address), nameof(BindPolicyRule.Port), nameof(BindPolicyRule.Cause),
    ];

    private static readonly string[] s_ruleKeys = [nameof(BindPolicyRule.Name), nameof(BindPolicyRule.Action), .. s_conditions];

    public BindPolicy Read(ReadOnlyMemory<byte> utf8Json)
    {
        ReadOnlyMemory<byte> json = utf8Json.Span.StartsWith("\ufeff"u8) ? utf8Json[3..] : utf8Json;
        try
        {
            using JsonDocument document = JsonDocument.Parse(
                json, new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
            return Read(document.RootElement);
        }
        catch (JsonException exception)
        {
            throw Wrong("", $"it is not JSON: {DisplayText.Escape(exception.Message)}", "Correct the file; 'jq . FILE' finds such errors too.", exception);
        }
        catch (InvalidOperationException exception)
        {
            throw Wrong("", "it contains text that is not valid Unicode.", "Save the file as UTF-8.", exception);
        }
    }

    /// <summary>What is thrown for a policy that cannot be used.</summary>
    public TraceException Wrong(string where, string what, string advice, Exception? inner = null) =>
        new(
            "InvalidPolicy",
            TraceErrorKind.InvalidArgument,
            $"The policy '{DisplayText.Escape(source)}' cannot be used: {where}{(where.Length > 0 ? ": " : "")}{what}",
            advice,
            source,
            inner);

    private BindPolicy Read(JsonElement root)
    {
        Dictionary<string, JsonElement> keys = ReadKeys(root, "", "the policy", s_policyKeys);
        BindPolicyAction otherwise = keys.TryGetValue(nameof(BindPolicy.Default), out JsonElement action)
            ? ReadAction(action, nameof(BindPolicy.Default))
            : BindPolicyAction.Deny;
        if (!keys.TryGetValue(nameof(BindPolicy.Rules), out JsonElement list))
        {
            throw Wrong("", "it has no key 'Rules'.", "Give a list of rules, each with Name, Action and conditions; it may be empty.");
        }

        List<BindPolicyRule> rules = [];
        foreach (JsonElement one in list.ValueKind == JsonValueKind.Array ? list.EnumerateArray().ToArray() : [list])
        {
            BindPolicyRule rule = ReadRule(one, rules.Count + 1);
            int same = rules.FindIndex(r => r.Name.Equals(rule.Name, StringComparison.OrdinalIgnoreCase));
            rules.Add(same < 0
                ? rule
                : throw Wrong($"rule {rules.Count + 1}, Name", $"'{rule.Name}' is also the name of rule {same + 1}.", "Give each rule a unique name."));
        }

        return new BindPolicy(source, otherwise, rules.ToArray());
    }

    private BindPolicyRule ReadRule(JsonElement element, int number)
    {
        string where = $"rule {number}";
        if (element.ValueKind == JsonValueKind.Object)
        {
            string name = element.EnumerateObject()
                .Where(p => p.Name.Equals(nameof(BindPolicyRule.Name), StringComparison.OrdinalIgnoreCase) && p.Value.ValueKind == JsonValueKind.String)
                .Select(p => DisplayText.EscapeUnsafe(p.Value.GetString()!))
                .FirstOrDefault("");
            where = name.Length > 0 ? $"rule '{name}'" : where;
        }

        Dictionary<string, JsonElement> keys = ReadKeys(element, where, "a rule", s_ruleKeys);
        foreach (string needed in new[] { nameof(BindPolicyRule.Name), nameof(BindPolicyRule.Action) })
        {
            if (!keys.ContainsKey(needed))
            {
                throw Wrong(where, $"it has no key '{needed}'.", "Give every rule a Name, an Action (Allow or Deny) and at least one condition.");
            }
        }

        if (keys.Count == 2)
        {
            throw Wrong(
                where, "it has no condition, so it would match every bind.",
                $"Give one of {string.Join(", ", s_conditions)}; Default decides about all other binds.");
        }

        T[] Values<T>(string key, Func<string, T> parse) => keys.TryGetValue(key, out JsonElement value) ? ReadValues(value, $"{where}, {key}", parse) : [];

        BindPolicyRule rule = new()
        {
            Name = keys[nameof(BindPolicyRule.Name)] is { ValueKind: JsonValueKind.String } named && named.GetString()!.Trim().Length > 0
                ? DisplayText.EscapeUnsafe(named.GetString()!)
                : throw Wrong($"{where}, Name", "it is not a name.", "Give a text that is not empty."),
            Action = ReadAction(keys[nameof(BindPolicyRule.Action)], $"{where}, Action"),
            Comm = Values(nameof(BindPolicyRule.Comm), PolicyValues.Comm),
            Uid = Values(nameof(BindPolicyRule.Uid), Users.Parse),
            Gid = Values(nameof(BindPolicyRule.Gid), PolicyValues.Gid),
            Unit = Values(nameof(BindPolicyRule.Unit), PolicyValues.Text),
            ContainerId = Values(nameof(BindPolicyRule.ContainerId), PolicyValues.Text),
            ContainerName = Values(nameof(BindPolicyRule.ContainerName), PolicyValues.Text),
            PodName = Values(nameof(BindPolicyRule.PodName), PolicyValues.Text),
            PodNamespace = Values(nameof(BindPolicyRule.PodNamespace), PolicyValues.Text),
            Protocol = Values(nameof(BindPolicyRule.Protocol), Protocols.Parse),
            AddressFamily = Values(nameof(BindPolicyRule.AddressFamily), PolicyValues.Family),
            Address = Values(nameof(BindPolicyRule.Address), AddressPrefix.Parse),
            Port = Values(nameof(BindPolicyRule.Port), PortRange.Parse),
            Cause = Values(nameof(BindPolicyRule.Cause), PolicyValues.Cause),
        };
        return Values(nameof(BindPolicyRule.Call), PolicyValues.Call) is { Length: > 0 } calls ? rule with { Call = calls } : rule;
    }

    /// <summary>The members of an object, by the names they are known by, which are case-insensitive as in PowerShell.</summary>
    private Dictionary<string, JsonElement> ReadKeys(JsonElement element, string where, string what, string[] known)
    {
        string allowed = string.Join(", ", known);
        if (element.ValueKind != JsonValueKind.Object)
        {
            throw Wrong(where, $"{what} must be a set of keys and values.", $"Give an object (in PSD1 a hashtable) with the keys {allowed}.");
        }

        Dictionary<string, JsonElement> members = [];
        foreach (JsonProperty member in element.EnumerateObject())
        {
            string key = Array.Find(known, k => k.Equals(member.Name, StringComparison.OrdinalIgnoreCase)) ??
                throw Wrong(where, $"there is no key '{DisplayText.Escape(member.Name)}'.", $"The keys of {what} are {allowed}.");
            if (!members.TryAdd(key, member.Value))
            {
                throw Wrong(where, $"the key '{key}' occurs twice.", "Keep one of them; write several values as a list.");
            }
        }

        return members;
    }

    private T[] ReadValues<T>(JsonElement element, string where, Func<string, T> parse)
    {
        JsonElement[] elements = element.ValueKind == JsonValueKind.Array ? [.. element.EnumerateArray()] : [element];
        if (elements.Length == 0)
        {
            throw Wrong(where, "the list is empty, so it would match no bind.", "Give at least one value, or leave the key out.");
        }

        return Array.ConvertAll(elements, one =>
        {
            string text = one.ValueKind switch
            {
                JsonValueKind.String => one.GetString()!,
                JsonValueKind.Number => one.GetRawText(),
                _ => throw Wrong(where, $"a value is {Kind(one)} instead of a text or a number.", "Give texts or numbers, several as a list."),
            };
            try
            {
                return parse(text);
            }
            catch (TraceException exception)
            {
                throw Wrong(where, exception.Message, exception.RecommendedAction, exception);
            }
        });
    }

    private BindPolicyAction ReadAction(JsonElement element, string where)
    {
        foreach (BindPolicyAction action in element.ValueKind == JsonValueKind.String ? Enum.GetValues<BindPolicyAction>() : [])
        {
            if (action.ToString().Equals(element.GetString(), StringComparison.OrdinalIgnoreCase))
            {
                return action;
            }
        }

        string text = element.ValueKind == JsonValueKind.String ? $"'{DisplayText.Escape(element.GetString()!)}'" : Kind(element);
        throw Wrong(where, $"{text} is not an action.", ActionAdvice);
    }

    private static string Kind(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => "a set of keys and values",
        JsonValueKind.Array => "a list",
        JsonValueKind.Number => "a number",
        JsonValueKind.Null => "nothing (null)",
        _ => "true or false",
    };
}
