using System.Text.Json;

namespace BindSnoop.Input;

/// <summary>An object of JSON.</summary>
internal sealed class JsonRow(JsonElement json) : InputRow
{
    /// <inheritdoc/>
    public override bool TryGet(string name, out object? value)
    {
        bool found = TryFind(name, out JsonElement member);
        value = member.ValueKind switch
        {
            JsonValueKind.Undefined or JsonValueKind.Null => null,
            JsonValueKind.String => TextOf(member),
            _ => member.GetRawText(),
        };
        return found;
    }

    /// <inheritdoc/>
    public override IReadOnlyList<InputRow> Items(string name) =>
        TryFind(name, out JsonElement member) && member.ValueKind == JsonValueKind.Array
            ? [.. member.EnumerateArray().Where(i => i.ValueKind == JsonValueKind.Object).Select(i => new JsonRow(i))]
            : [];

    private static string TextOf(JsonElement member)
    {
        try
        {
            return member.GetString()!;
        }
        catch (InvalidOperationException)
        {
            // Half of a surrogate pair, which is no text.
            return member.GetRawText();
        }
    }

    // PowerShell ignores case.
    private bool TryFind(string name, out JsonElement member)
    {
        member = default;
        if (json.ValueKind != JsonValueKind.Object)
        {
            return false;
        }

        if (json.TryGetProperty(name, out member))
        {
            return true;
        }

        foreach (JsonProperty property in json.EnumerateObject())
        {
            if (property.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                member = property.Value;
                return true;
            }
        }

        return false;
    }
}
