using System.Globalization;
using System.Text.Json;

namespace BindSnoop.PowerShell.PolicyFiles;

/// <summary>What both ways have in common that make JSON of a policy.</summary>
internal static class PolicyJson
{
    /// <summary>No policy is deeper than rules with lists.</summary>
    public const int MaxDepth = 16;

    /// <summary>Makes JSON.</summary>
    public static byte[] Make(Action<Utf8JsonWriter> write)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream))
        {
            write(json);
        }

        return stream.ToArray();
    }

    /// <summary>Writes a value that has no others in it.</summary>
    public static void WriteScalar(Utf8JsonWriter json, object? value)
    {
        switch (value)
        {
            case null:
                json.WriteNullValue();
                break;
            case bool truth:
                json.WriteBooleanValue(truth);
                break;
            case sbyte or byte or short or ushort or int or uint or long or ulong:
                json.WriteRawValue(Text(value));
                break;
            default:
                json.WriteStringValue(Text(value));
                break;
        }
    }

    /// <summary>A value as text, in every culture the same.</summary>
    public static string Text(object value) => string.Create(CultureInfo.InvariantCulture, $"{value}");
}
