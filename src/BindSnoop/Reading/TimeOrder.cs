namespace BindSnoop.Reading;

/// <summary>
/// Puts records in the order of time: they lie in the buffer in the order in which their room was reserved,
/// moments before their times were taken. One thread uses it.
/// </summary>
internal sealed class TimeOrder<T>
{
    /// <summary>How many it hands over at a time at most: so often is a step of the wall clock noticed, at no cost.</summary>
    public const int Capacity = 256;

    // More than there are records under way at a time: each processor has one at most, nearly always.
    private const int HeldBack = 64;

    private readonly T[] _items = new T[Capacity];
    private readonly long[] _times = new long[Capacity];
    private int _count;

    /// <summary>Whether something has to be taken before more can be added.</summary>
    public bool IsFull => _count == Capacity;

    /// <summary>Adds a record at its time.</summary>
    public void Add(T item, long time)
    {
        int place = _count++;
        for (; place > 0 && _times[place - 1] > time; place--)
        {
            _items[place] = _items[place - 1];
            _times[place] = _times[place - 1];
        }

        _items[place] = item;
        _times[place] = time;
    }

    /// <summary>
    /// Takes those before which nothing more will come. If it is not full, its user has seen all there was, and
    /// what is still to come is yet to happen.
    /// </summary>
    public T[] Take()
    {
        int ready = IsFull ? _count - HeldBack : _count;
        T[] taken = _items[..ready];
        Array.Copy(_items, ready, _items, 0, _count - ready);
        Array.Copy(_times, ready, _times, 0, _count - ready);
        Array.Clear(_items, _count - ready, ready);
        _count -= ready;
        return taken;
    }
}
