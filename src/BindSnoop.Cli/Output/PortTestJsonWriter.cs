using System.Text.Json;

namespace BindSnoop.Cli.Output;

/// <summary>Tests of ports as JSON; the names are those of <see cref="BindPortTest"/>.</summary>
internal sealed class PortTestJsonWriter(OutputBuffer output) : JsonLines(output)
{
    public void Write(BindPortTest test)
    {
        Utf8JsonWriter json = BeginObject();
        json.WriteString(nameof(test.Time), test.Time);
        json.WriteString(nameof(test.Protocol), test.Protocol);
        json.WriteNumber(nameof(test.ProtocolNumber), test.ProtocolNumber);
        json.WriteString(nameof(test.AddressFamily), test.AddressFamily);
        json.WriteString(nameof(test.Address), test.Address);
        json.WriteNumber(nameof(test.Port), test.Port);
        WriteNumber(json, nameof(test.ProcessId), test.ProcessId);
        WriteNumber(json, nameof(test.Uid), test.Uid);
        json.WriteNumber(nameof(test.NetworkNamespace), test.NetworkNamespace);
        json.WritePropertyName(nameof(test.Available));
        if (test.Available is { } available)
        {
            json.WriteBooleanValue(available);
        }
        else
        {
            json.WriteNullValue();
        }

        json.WriteString(nameof(test.Cause), test.Cause);
        json.WriteNumber(nameof(test.ErrorCode), test.ErrorCode);
        json.WriteString(nameof(test.ErrorName), test.ErrorName);
        json.WriteString(nameof(test.Explanation), test.Explanation);
        json.WriteStartArray(nameof(test.Holders));
        foreach (BindSocket holder in test.Holders)
        {
            json.WriteStartObject();
            SocketJsonWriter.WriteProperties(json, holder);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray(nameof(test.Unseen));
        foreach (string unseen in test.Unseen)
        {
            json.WriteStringValue(unseen);
        }

        json.WriteEndArray();
        EndObject();
    }

    private static void WriteNumber(Utf8JsonWriter json, string name, long? value)
    {
        if (value is { } number)
        {
            json.WriteNumber(name, number);
        }
        else
        {
            json.WriteNull(name);
        }
    }
}
