namespace BindSnoop.Reading;

/// <summary>
/// Puts samples in the order of time: they lie in the buffer in the order in which their room was reserved,
/// moments before their times were taken. One thread uses it.
/// </summary>
/// <typeparam name="TContext">What was found out about each as it was read.</typeparam>
/// <param name="sampleSize">How many bytes each has.</param>
internal sealed class TimeOrder<TContext>(int sampleSize)
{
    /// <summary>How many it delivers at a time at most: so often is a step of the wall clock noticed, at no cost.</summary>
    public const int Capacity = 256;

    // More than there are samples under way at a time: each processor has one at most, nearly always.
    private const int HeldBack = 64;

    // Samples stay where they are put first; their places and times are what is moved.
    private readonly byte[] _bytes = new byte[Capacity * sampleSize];
    private readonly TContext[] _contexts = new TContext[Capacity];
    private readonly long[] _times = new long[Capacity];
    private readonly int[] _places = [.. Enumerable.Range(0, Capacity)];
    private int _count;

    /// <summary>Whether something has to be taken before more can be added.</summary>
    public bool IsFull => _count == Capacity;

    /// <summary>Adds a sample at its time.</summary>
    public void Add(ReadOnlySpan<byte> sample, in TContext context, long time)
    {
        int place = _places[_count];
        int index = _count++;
        for (; index > 0 && _times[index - 1] > time; index--)
        {
            _times[index] = _times[index - 1];
            _places[index] = _places[index - 1];
        }

        _times[index] = time;
        _places[index] = place;
        sample.CopyTo(_bytes.AsSpan(place * sampleSize, sampleSize));
        _contexts[place] = context;
    }

    /// <summary>
    /// Takes those before which nothing more will come; null if there are none. If it is not full, its user has seen all
    /// there was, and what is still to come is yet to happen.
    /// </summary>
    public SampleBatch<TContext>? Take()
    {
        int ready = IsFull ? _count - HeldBack : _count;
        if (ready == 0)
        {
            return null;
        }

        SampleBatch<TContext> taken = new(ready, sampleSize);
        Span<int> freed = stackalloc int[Capacity];
        for (int index = 0; index < ready; index++)
        {
            int place = freed[index] = _places[index];
            _bytes.AsSpan(place * sampleSize, sampleSize).CopyTo(taken.Sample(index));
            taken.Context(index) = _contexts[place];
        }

        _count -= ready;
        Array.Copy(_times, ready, _times, 0, _count);
        Array.Copy(_places, ready, _places, 0, _count);
        freed[..ready].CopyTo(_places.AsSpan(_count));
        return taken;
    }
}
