namespace BindSnoop.Records;

/// <summary>Why a bind failed: a row of <c>finding</c>.</summary>
internal readonly record struct RecordFinding(string Cause, string Explanation, string Holders) : IRecordTuple
{
    public static string Table => "finding";

    public static string Insert => "INSERT INTO finding(id, seen, cause, explanation, holders) VALUES(?,?,?,?,?)";

    public void Bind(RecordStatement insert)
    {
        insert.Bind(3, Cause);
        insert.Bind(4, Explanation);
        insert.Bind(5, Holders);
    }

    public static RecordFinding Read(RecordDatabase database, long id)
    {
        using RecordStatement query = database.Prepare("SELECT cause, explanation, holders FROM finding WHERE id = ?1");
        query.Bind(id);
        return query.Step() ? new(query.Text(0), query.Text(1), query.Text(2)) : default;
    }
}
