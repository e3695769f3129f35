using System.Collections;
using System.Management.Automation;
using System.Text.Json;

namespace BindSnoop.PowerShell.PolicyFiles;

/// <summary>Makes JSON, which the engine understands, of a policy that is a hashtable, or an object such as ConvertFrom-Json makes.</summary>
/// <param name="source">Where the policy is from, for errors.</param>
internal sealed class PolicyObject(string source)
{
    /// <summary>Makes it.</summary>
    /// <exception cref="TraceException"><c>InvalidPolicy</c>.</exception>
    public byte[] ToJson(object value) => PolicyJson.Make(json => Write(json, value, 0));

    private void Write(Utf8JsonWriter json, object? value, int depth)
    {
        object? plain = value is PSObject { BaseObject: not PSCustomObject } wrapped ? wrapped.BaseObject : value;
        switch (plain)
        {
            case var _ when depth > PolicyJson.MaxDepth:
                throw new PolicyReader(source).Wrong("", "it is nested too deeply.", "Give a hashtable with the keys Default and Rules.");
            case IDictionary table:
                json.WriteStartObject();
                foreach (DictionaryEntry entry in table)
                {
                    json.WritePropertyName(PolicyJson.Text(entry.Key));
                    Write(json, entry.Value, depth + 1);
                }

                json.WriteEndObject();
                break;
            case PSObject custom:
                json.WriteStartObject();
                foreach (PSPropertyInfo property in custom.Properties)
                {
                    json.WritePropertyName(property.Name);
                    Write(json, property.Value, depth + 1);
                }

                json.WriteEndObject();
                break;
            case IEnumerable list and not string:
                json.WriteStartArray();
                foreach (object? item in list)
                {
                    Write(json, item, depth + 1);
                }

                json.WriteEndArray();
                break;
            default:
                PolicyJson.WriteScalar(json, plain);
                break;
        }
    }
}
