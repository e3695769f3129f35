namespace BindSnoop.Records;

/// <summary>
/// Rows that are referred to by number, so that what repeats takes no room. What is forgotten here, as there are too many, gets
/// another row the next time, which does no harm.
/// </summary>
internal sealed class RecordTuples<T>(RecordDatabase database) : IDisposable
    where T : struct, IRecordTuple
{
    /// <summary>How old <c>seen</c> may be, in microseconds: it is not written anew for each use.</summary>
    public const long SeenSlack = 600_000_000;

    private const int MostKnown = 65536;

    private readonly RecordStatement _insert = database.Prepare(T.Insert);
    private readonly RecordStatement _touch = database.Prepare($"UPDATE {T.Table} SET seen = ?2 WHERE id = ?1");
    private readonly Dictionary<T, (long Id, long Seen)> _known = [];
    private long _last = database.Number($"SELECT max(id) FROM {T.Table}") ?? 0;

    /// <summary>The number of the row.</summary>
    /// <param name="value">What is in it.</param>
    /// <param name="now">When it is used, in the record's time.</param>
    public long IdOf(in T value, long now)
    {
        if (_known.TryGetValue(value, out (long Id, long Seen) known))
        {
            if (now - known.Seen > SeenSlack)
            {
                _touch.Bind(known.Id, now);
                _touch.Run();
                _known[value] = (known.Id, now);
            }

            return known.Id;
        }

        if (_known.Count == MostKnown)
        {
            _known.Clear();
        }

        _insert.Bind(++_last, now);
        value.Bind(_insert);
        _insert.Run();
        _known[value] = (_last, now);
        return _last;
    }

    public void Dispose()
    {
        _insert.Dispose();
        _touch.Dispose();
    }
}
