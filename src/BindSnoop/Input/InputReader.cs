using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace BindSnoop.Input;

/// <summary>
/// Reads the objects of a file one after the other: of a JSON array, as ConvertTo-Json writes it; an object a line, as
/// "bindsnoop --json" does; and lines of CSV. No more of the file than an object and a buffer is ever in memory.
/// </summary>
internal static partial class InputReader
{
    /// <summary>The objects of JSON, each read when it is requested. The file is closed in the end.</summary>
    /// <exception cref="JsonException">From there on it is not JSON.</exception>
    public static IEnumerable<InputRow> ReadJson(Stream file, CancellationToken cancellationToken) =>
        ReadAsync(PipeReader.Create(file), orCsv: false, cancellationToken).ToBlockingEnumerable(cancellationToken);

    /// <summary>The objects of JSON or of CSV, whichever it is.</summary>
    /// <exception cref="JsonException">From there on it is not JSON.</exception>
    /// <exception cref="FormatException">From there on it is not CSV.</exception>
    public static IEnumerable<InputRow> Read(Stream file, CancellationToken cancellationToken) =>
        ReadAsync(PipeReader.Create(file), orCsv: true, cancellationToken).ToBlockingEnumerable(cancellationToken);

    private static async IAsyncEnumerable<InputRow> ReadAsync(PipeReader reader, bool orCsv, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        try
        {
            int first = await BeginAsync(reader, cancellationToken).ConfigureAwait(false);
            if (orCsv && first is not ('[' or '{' or 0))
            {
                using StreamReader text = new(reader.AsStream());
                foreach (InputRow row in CsvRows.Read(text))
                {
                    yield return row;
                }

                yield break;
            }

            IAsyncEnumerable<JsonElement> objects = JsonSerializer.DeserializeAsyncEnumerable(
                reader, Json.Default.JsonElement, topLevelValues: first != '[', cancellationToken: cancellationToken);
            await foreach (JsonElement next in objects.ConfigureAwait(false))
            {
                yield return new JsonRow(next);
            }
        }
        finally
        {
            await reader.CompleteAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Goes past the byte order mark and blanks, and gives the byte that follows; 0 at the end of the file.</summary>
    private static async Task<int> BeginAsync(PipeReader reader, CancellationToken cancellationToken)
    {
        while (true)
        {
            ReadResult result = await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
            if (Find(result.Buffer) is { } begin)
            {
                int first = result.Buffer.Slice(begin).FirstSpan[0];
                reader.AdvanceTo(begin);
                return first;
            }

            reader.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
            {
                return 0;
            }
        }
    }

    private static SequencePosition? Find(ReadOnlySequence<byte> bytes)
    {
        SequenceReader<byte> reader = new(bytes);
        reader.AdvancePastAny("\ufeff \t\r\n"u8);
        return reader.End ? null : reader.Position;
    }

    [JsonSerializable(typeof(JsonElement))]
    private sealed partial class Json : JsonSerializerContext;
}
