using System.Management.Automation.Language;
using System.Text;
using System.Text.Json;

namespace BindSnoop.PowerShell.PolicyFiles;

/// <summary>Makes PSD1 of JSON.</summary>
internal static class Psd1Writer
{
    /// <summary>Makes it.</summary>
    public static string Write(ReadOnlyMemory<byte> json)
    {
        StringBuilder text = new();
        using JsonDocument document = JsonDocument.Parse(json);
        Append(text, document.RootElement, "");
        return text.Append('\n').ToString();
    }

    private static void Append(StringBuilder text, JsonElement element, string indent)
    {
        string deeper = $"{indent}    ";
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                text.Append("@{\n");
                int width = element.EnumerateObject().Max(p => p.Name.Length);
                foreach (JsonProperty member in element.EnumerateObject())
                {
                    text.Append(deeper).Append(member.Name.PadRight(width)).Append(" = ");
                    Append(text, member.Value, deeper);
                    text.Append('\n');
                }

                text.Append(indent).Append('}');
                break;
            case JsonValueKind.Array when element.EnumerateArray().Any(e => e.ValueKind == JsonValueKind.Object):
                text.Append("@(\n");
                foreach (JsonElement item in element.EnumerateArray())
                {
                    text.Append(deeper);
                    Append(text, item, deeper);
                    text.Append('\n');
                }

                text.Append(indent).Append(')');
                break;
            case JsonValueKind.Array:
                string separator = "@(";
                foreach (JsonElement item in element.EnumerateArray())
                {
                    text.Append(separator);
                    Append(text, item, indent);
                    separator = ", ";
                }

                text.Append(separator == "@(" ? "@()" : ")");
                break;
            case JsonValueKind.String:
                // Names that processes choose are in it: doubling every quote that PowerShell knows keeps them text.
                text.Append('\'').Append(CodeGeneration.EscapeSingleQuotedStringContent(element.GetString())).Append('\'');
                break;
            default:
                text.Append(element.GetRawText());
                break;
        }
    }
}
