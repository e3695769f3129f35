using System.Globalization;
using System.Net;
using BindSnoop.Abi;
using BindSnoop.Interop;

namespace BindSnoop.Proving;

/// <summary>Compares a call's sample with what its caller knows, field by field.</summary>
internal sealed class CallComparison(KnownCall call, KnownCaller caller)
{
    private readonly List<ComparedField> _fields = [];

    /// <summary>What was compared so far.</summary>
    public IReadOnlyList<ComparedField> Fields => _fields;

    public void Same(string field, string? expected, string? seen) => _fields.Add(new(call.Name, field, expected ?? "", seen ?? ""));

    public void Same(string field, long expected, long seen) =>
        Same(field, expected.ToString(CultureInfo.InvariantCulture), seen.ToString(CultureInfo.InvariantCulture));

    /// <summary>Compares what all events have.</summary>
    public void SameEvent(TraceEvent seen)
    {
        if (seen.ThreadId == caller.ThreadId)
        {
            Same(nameof(seen.ThreadId), seen.ThreadId, seen.ThreadId);
            Same(nameof(seen.ProcessId), caller.ProcessId ?? 0, seen.ProcessId);

            // Its parent may have ended since.
            if (caller.ParentProcessId is { } parent)
            {
                Same(nameof(seen.ParentProcessId), seen.ParentProcessId == Libc.getppid() ? seen.ParentProcessId : parent, seen.ParentProcessId);
            }
        }
        else
        {
            // It is the host's number where that of /proc cannot be known.
            Same(nameof(seen.ThreadId), caller.InitialThreadId, seen.ThreadId);
        }

        Same(nameof(seen.Comm), caller.Comm, seen.Comm);
        Same(nameof(seen.ErrorCode), call.Error, seen.ErrorCode);
        Same(nameof(seen.Inode), call.Inode, seen.Inode);
        SameIfKnown(nameof(seen.Uid), caller.Uid, seen.Uid);
        SameIfKnown(nameof(seen.Gid), caller.Gid, seen.Gid);
        SameIfKnown(nameof(seen.NetworkNamespace), caller.NetworkNamespace, seen.NetworkNamespace);
        SameIfKnown(nameof(seen.MountNamespace), caller.MountNamespace, seen.MountNamespace);
        SameIfKnown(nameof(seen.CgroupId), (long?)caller.CgroupId, (long)seen.CgroupId);
        if (seen.SocketCgroupId != 0)
        {
            SameIfKnown(nameof(seen.SocketCgroupId), (long?)caller.CgroupId, (long)seen.SocketCgroupId);
        }
    }

    /// <summary>Compares what counts have.</summary>
    /// <param name="sample">The key of the count.</param>
    /// <param name="by">What callers are distinguished by.</param>
    public void SameCount(byte[] sample, CountBy by)
    {
        OwnedCountKey key = by == CountBy.Anyone ? new() { Call = SampleBytes.As<BindCountKey>(sample) } : SampleBytes.As<OwnedCountKey>(sample);
        BindCount seen = new(key.Call, 1, BindEvent.Definition);
        SameEnd(nameof(seen.Address), nameof(seen.Port), call.Local, seen.Address, seen.Port);
        Same(nameof(seen.ProtocolNumber), call.Protocol, seen.ProtocolNumber);
        Same(nameof(seen.AddressFamily), call.Family.ToString(), seen.AddressFamily);
        Same(nameof(seen.InterfaceIndex), call.InterfaceIndex, seen.InterfaceIndex);
        Same(nameof(seen.ErrorCode), call.Error, seen.ErrorCode);
        if (by.HasFlag(CountBy.Cgroup))
        {
            SameIfKnown(nameof(key.CgroupId), (long?)caller.CgroupId, (long)key.CgroupId);
        }

        if (by.HasFlag(CountBy.Comm))
        {
            Same(nameof(key.Comm), caller.Comm, TraceEvent.CommOf(key.Comm));
        }

        if (by.HasFlag(CountBy.Uid))
        {
            SameIfKnown(nameof(key.Uid), caller.Uid, key.Uid);
        }
    }

    public void SameEnd(string addressField, string portField, IPEndPoint? expected, string? address, int port)
    {
        Same(addressField, expected?.Address.ToString(), address);
        Same(portField, expected?.Port ?? 0, port);
    }

    private void SameIfKnown(string field, long? expected, long seen)
    {
        if (expected is { } known)
        {
            Same(field, known, seen);
        }
    }
}
