using System.Collections;
using System.Globalization;

namespace BindSnoop.Cli.Export;

/// <summary>An event as the attributes of a log record, by OpenTelemetry's semantic conventions.</summary>
internal sealed class OtlpRecord : IReadOnlyList<KeyValuePair<string, object?>>
{
    private readonly List<KeyValuePair<string, object?>> _attributes = [];

    public OtlpRecord(TraceEvent next)
    {
        Event = next;
        Add("event.name", next is AcceptEvent ? "bindsnoop.accept" : "bindsnoop.bind");
        Add("process.pid", (long)next.ProcessId);
        Add("process.parent_pid", (long)next.ParentProcessId);
        Add("thread.id", (long)next.ThreadId);
        Add("process.executable.name", next.Comm);
        Add("user.id", next.Uid.ToString(CultureInfo.InvariantCulture));
        Add("user.name", next.UserName);
        AddOwn(next);
        Add("error.type", next.ErrorName);
        Add("container.id", next.ContainerId);
        Add("process.linux.cgroup", next.CgroupPath);
        Add("bindsnoop.unit", next.Unit);
        Add("bindsnoop.user_unit", next.UserUnit);
        Add("bindsnoop.user_container_id", next.UserContainerId);
        Add("bindsnoop.network_namespace", (long)next.NetworkNamespace);
    }

    public TraceEvent Event { get; }

    public int Count => _attributes.Count;

    public KeyValuePair<string, object?> this[int index] => _attributes[index];

    public IEnumerator<KeyValuePair<string, object?>> GetEnumerator() => _attributes.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private void AddOwn(TraceEvent next)
    {
        switch (next)
        {
            case BindEvent bind:
                AddNetwork(bind.Protocol, bind.AddressFamily, bind.InterfaceName);
                Add("server.address", bind.Address);
                Add("server.port", (long)bind.Port);
                Add("bindsnoop.requested_address", bind.RequestedAddress);
                Add("bindsnoop.requested_port", (long)bind.RequestedPort);
                Add("bindsnoop.options", bind.OptionString);
                break;
            case AcceptEvent accept:
                AddNetwork(accept.Protocol, accept.AddressFamily, accept.InterfaceName);
                Add("server.address", accept.LocalAddress);
                Add("server.port", (long)accept.LocalPort);
                if (accept.RemoteAddress is { } remote)
                {
                    Add("client.address", remote);
                    Add("client.port", (long)accept.RemotePort);
                }

                break;
        }
    }

    private void AddNetwork(string protocol, string addressFamily, string interfaceName)
    {
        Add("network.transport", protocol.ToLowerInvariant());
        Add("network.type", addressFamily.ToLowerInvariant());
        Add("network.interface.name", interfaceName);
    }

    /// <summary>What there is nothing to tell of is left out.</summary>
    private void Add(string name, object? value)
    {
        if (value is not (null or ""))
        {
            _attributes.Add(new(name, value));
        }
    }
}
