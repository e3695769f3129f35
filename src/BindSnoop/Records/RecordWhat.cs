namespace BindSnoop.Records;

/// <summary>What a call was about, except for the port: a row of <c>what</c>.</summary>
internal readonly record struct RecordWhat(
    ushort Protocol, ushort Type, ushort Family, string? Address, string? Requested, bool IsChosen, RecordOrigin Origin, byte Options, bool IPv6Only,
    uint InterfaceIndex, string InterfaceName) : IRecordTuple
{
    public static string Table => "what";

    public static string Insert =>
        "INSERT INTO what(id, seen, protocol, type, family, address, requested, chosen, origin, options, v6only, ifindex, ifname) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)";

    public void Bind(RecordStatement insert)
    {
        insert.Bind(3, Protocol);
        insert.Bind(4, Type);
        insert.Bind(5, Family);
        insert.Bind(6, Address);
        insert.Bind(7, Requested);
        insert.Bind(8, IsChosen ? 1 : 0);
        insert.Bind(9, (long)Origin);
        insert.Bind(10, Options);
        insert.Bind(11, IPv6Only ? 1 : 0);
        insert.Bind(12, InterfaceIndex);
        insert.Bind(13, InterfaceName);
    }

    public static RecordWhat Read(RecordDatabase database, long id)
    {
        using RecordStatement query = database.Prepare(
            "SELECT protocol, type, family, address, requested, chosen, origin, options, v6only, ifindex, ifname FROM what WHERE id = ?1");
        query.Bind(id);
        return query.Step()
            ? new(
                (ushort)query.Number(0), (ushort)query.Number(1), (ushort)query.Number(2), query.TextOrNull(3), query.TextOrNull(4), query.Number(5) != 0,
                (RecordOrigin)query.Number(6), (byte)query.Number(7), query.Number(8) != 0, (uint)query.Number(9), query.Text(10))
            : default;
    }
}
