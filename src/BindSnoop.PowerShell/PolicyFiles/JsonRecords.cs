using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace BindSnoop.PowerShell.PolicyFiles;

/// <summary>
/// Reads the objects of a JSON file one after the other: of an array, as ConvertTo-Json writes it, or an object a line,
/// as "bindsnoop --json" does. No more of the file than an object and a buffer is ever in memory.
/// </summary>
internal static class JsonRecords
{
    /// <summary>The objects, each read when it is asked for. The file is closed in the end.</summary>
    /// <exception cref="JsonException">From there on it is not JSON.</exception>
    public static IEnumerable<JsonElement> Read(Stream file, CancellationToken cancellationToken) =>
        ReadAsync(PipeReader.Create(file), cancellationToken).ToBlockingEnumerable(cancellationToken);

    private static async IAsyncEnumerable<JsonElement> ReadAsync(PipeReader reader, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        try
        {
            bool isArray = await BeginAsync(reader, cancellationToken).ConfigureAwait(false) == '[';
            IAsyncEnumerable<JsonElement> objects = JsonSerializer.DeserializeAsyncEnumerable<JsonElement>(
                reader, topLevelValues: !isArray, cancellationToken: cancellationToken);
            await foreach (JsonElement next in objects.ConfigureAwait(false))
            {
                yield return next;
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
}
