using System.Buffers;

namespace BindSnoop.Reading;

/// <summary>
/// Samples that were read together, in the order of time, as the bytes that they are: while they wait, the garbage
/// collector has nothing to move. Its memory is lent, until <see cref="Release"/>.
/// </summary>
/// <typeparam name="TContext">What was found out about each as it was read.</typeparam>
internal sealed class SampleBatch<TContext>(int count, int sampleSize)
{
    private readonly byte[] _bytes = ArrayPool<byte>.Shared.Rent(count * sampleSize);
    private readonly TContext[] _contexts = ArrayPool<TContext>.Shared.Rent(count);

    /// <summary>How many there are.</summary>
    public int Count => count;

    /// <summary>What was found out about one of them.</summary>
    public ref TContext Context(int index) => ref _contexts[index];

    /// <summary>The bytes of one of them.</summary>
    public Span<byte> Sample(int index) => _bytes.AsSpan(index * sampleSize, sampleSize);

    /// <summary>Returns the memory. Call once, when the samples are no longer used.</summary>
    public void Release()
    {
        ArrayPool<byte>.Shared.Return(_bytes);
        ArrayPool<TContext>.Shared.Return(_contexts, clearArray: true);
    }
}
