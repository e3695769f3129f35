using System.Net;
using BindSnoop.Host;

namespace BindSnoop.Records;

/// <summary>Whether rows match a question, except for ports and times; with the rows that they refer to.</summary>
internal sealed class RecordMatch(RecordDatabase database, RecordQuestion question)
{
    private const int MostKnown = 65536;

    private readonly Dictionary<long, (RecordWho Row, bool? IsWanted)> _who = [];
    private readonly Dictionary<long, (RecordWhat Row, bool IsWanted)> _what = [];

    private readonly bool _hasContainers = database.Number("PRAGMA user_version") >= RecordSchema.FirstWithContainers;

    /// <summary>Rows that may belong to a requested container, whose name is unknown.</summary>
    public long Unnamed { get; private set; }

    /// <summary>Whether its process and address are requested.</summary>
    public bool IsWanted(in RecordRow row, out RecordWho who, out RecordWhat what)
    {
        (who, bool? isCaller) = WhoOf(row.Who);
        (what, bool isWhat) = WhatOf(row.What);
        bool mayBe = isCaller != false && isWhat && (question.ProcessId.Count == 0 || question.ProcessId.Contains((uint)row.ProcessId));

        // What no process holds is in no container.
        Unnamed += mayBe && isCaller is null && row.ProcessId != 0 ? 1 : 0;
        return mayBe && isCaller == true;
    }

    /// <summary>Whether a failure has a requested cause.</summary>
    public bool IsWanted(in RecordRow failure, out RecordFinding finding)
    {
        finding = failure.Second is { } id ? RecordFinding.Read(database, id) : default;
        return question.Cause.Count == 0 || question.Cause.Contains(finding.Cause ?? "", StringComparer.OrdinalIgnoreCase);
    }

    private static bool IsWithin(IReadOnlyList<AddressPrefix> prefixes, string? address)
    {
        if (address is null || !IPAddress.TryParse(address, out IPAddress? parsed))
        {
            return false;
        }

        AddressValue value = AddressValue.Of(parsed);
        return prefixes.Any(p => p.Contains(value) || (value.Unmapped is { } unmapped && p.Contains(unmapped)));
    }

    // A record may have millions of them, each in few rows.
    private static void Trim<T>(Dictionary<long, T> known)
    {
        if (known.Count == MostKnown)
        {
            known.Clear();
        }
    }

    private (RecordWho Row, bool? IsWanted) WhoOf(long id)
    {
        if (!_who.TryGetValue(id, out (RecordWho Row, bool? IsWanted) known))
        {
            RecordWho who = RecordWho.Read(database, id, _hasContainers);
            CgroupOwner owner = CgroupOwner.Of(who.CgroupPath);
            bool isRest =
                (question.Uid.Count == 0 || question.Uid.Contains(who.Uid)) &&
                (question.Comm.Count == 0 || question.Comm.Contains(who.Comm)) &&
                (question.NetworkNamespace.Count == 0 || question.NetworkNamespace.Contains(who.NetworkNamespace)) &&
                (question.Unit.Count == 0 || question.Unit.Any(u => u == owner.Unit || u == owner.UserUnit));
            bool? isContainer = question.Container.Count == 0 ? true : Containers.AreOf(question.Container, who.CgroupPath, who.Container?.Name);
            Trim(_who);
            _who[id] = known = (who, isRest ? isContainer : false);
        }

        return known;
    }

    private (RecordWhat Row, bool IsWanted) WhatOf(long id)
    {
        if (!_what.TryGetValue(id, out (RecordWhat Row, bool IsWanted) known))
        {
            RecordWhat what = RecordWhat.Read(database, id);
            bool isWanted =
                (question.Protocol.Count == 0 || question.Protocol.Contains(what.Protocol)) &&
                (question.Address.Count == 0 || IsWithin(question.Address, what.Address) || IsWithin(question.Address, what.Requested));
            Trim(_what);
            _what[id] = known = (what, isWanted);
        }

        return known;
    }
}
