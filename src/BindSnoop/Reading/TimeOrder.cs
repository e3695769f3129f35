namespace BindSnoop.Reading;

/// <summary>
/// Puts records in the order of time: they lie in the buffer in the order in which their room was reserved,
/// moments before their times were taken. One thread uses it.
/// </summary>
/// <typeparam name="TContext">What was found out about each as it was read.</typeparam>
/// <param name="recordSize">How many bytes each has.</param>
internal sealed class TimeOrder<TContext>(int recordSize)
{
    /// <summary>How many it hands over at a time at most: so often is a step of the wall clock noticed, at no cost.</summary>
    public const int Capacity = 256;

    // More than there are records under way at a time: each processor has one at most, nearly always.
    private const int HeldBack = 64;

    // Records stay where they are put first; their places and times are what is moved.
    private readonly byte[] _bytes = new byte[Capacity * recordSize];
    private readonly TContext[] _contexts = new TContext[Capacity];
    private readonly long[] _times = new long[Capacity];
    private readonly int[] _places = [.. Enumerable.Range(0, Capacity)];
    private int _count;

    /// <summary>Whether something has to be taken before more can be added.</summary>
    public bool IsFull => _count == Capacity;

    /// <summary>Adds a record at its time.</summary>
    public void Add(ReadOnlySpan<byte> record, in TContext context, long time)
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
        record.CopyTo(_bytes.AsSpan(place * recordSize, recordSize));
        _contexts[place] = context;
    }

    /// <summary>
    /// Takes those before which nothing more will come; null if there are none. If it is not full, its user has seen all
    /// there was, and what is still to come is yet to happen.
    /// </summary>
    public RecordBatch<TContext>? Take()
    {
        int ready = IsFull ? _count - HeldBack : _count;
        if (ready == 0)
        {
            return null;
        }

        RecordBatch<TContext> taken = new(ready, recordSize);
        Span<int> freed = stackalloc int[Capacity];
        for (int index = 0; index < ready; index++)
        {
            int place = freed[index] = _places[index];
            _bytes.AsSpan(place * recordSize, recordSize).CopyTo(taken.Record(index));
            taken.Context(index) = _contexts[place];
        }

        _count -= ready;
        Array.Copy(_times, ready, _times, 0, _count);
        Array.Copy(_places, ready, _places, 0, _count);
        freed[..ready].CopyTo(_places.AsSpan(_count));
        return taken;
    }
}
