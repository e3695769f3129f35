using System.Diagnostics.CodeAnalysis;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace BindSnoop.Cli.Output;

/// <summary>One JSON object a line.</summary>
[SuppressMessage("Design", "CA1001", Justification = "The JSON writer holds nothing but memory.")]
internal abstract class JsonLines(OutputBuffer output)
{
    /// <summary>Escapes what JSON asks for and no more; what is unsafe to print was escaped before.</summary>
    private readonly Utf8JsonWriter _json = new(
        output, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true });

    protected Utf8JsonWriter BeginObject()
    {
        _json.Reset();
        _json.WriteStartObject();
        return _json;
    }

    protected void EndObject()
    {
        _json.WriteEndObject();
        _json.Flush();
        output.EndLine();
    }

    /// <summary>A text that is written often, encoded once.</summary>
    protected static JsonEncodedText Name(string name) => JsonEncodedText.Encode(name, JavaScriptEncoder.UnsafeRelaxedJsonEscaping);
}

/// <summary>
/// Events as JSON: what all of them have, around what is a kind's own. Left out is what would be looked up
/// anew for each event (the program's path, the service's name) or only says the same again (end points).
/// </summary>
internal abstract class EventJsonWriter<TEvent>(OutputBuffer output) : JsonLines(output), IEventWriter<TEvent>
    where TEvent : TraceEvent
{
    private static readonly JsonEncodedText s_time = Name(nameof(TraceEvent.Time));
    private static readonly JsonEncodedText s_kernelTime = Name(nameof(TraceEvent.KernelTime));
    private static readonly JsonEncodedText s_uid = Name(nameof(TraceEvent.Uid));
    private static readonly JsonEncodedText s_gid = Name(nameof(TraceEvent.Gid));
    private static readonly JsonEncodedText s_userName = Name(nameof(TraceEvent.UserName));
    private static readonly JsonEncodedText s_processId = Name(nameof(TraceEvent.ProcessId));
    private static readonly JsonEncodedText s_threadId = Name(nameof(TraceEvent.ThreadId));
    private static readonly JsonEncodedText s_parentProcessId = Name(nameof(TraceEvent.ParentProcessId));
    private static readonly JsonEncodedText s_isHostProcessId = Name(nameof(TraceEvent.IsHostProcessId));
    private static readonly JsonEncodedText s_comm = Name(nameof(TraceEvent.Comm));
    private static readonly JsonEncodedText s_errorCode = Name(nameof(TraceEvent.ErrorCode));
    private static readonly JsonEncodedText s_errorName = Name(nameof(TraceEvent.ErrorName));
    private static readonly JsonEncodedText s_errorMessage = Name(nameof(TraceEvent.ErrorMessage));
    private static readonly JsonEncodedText s_networkNamespace = Name(nameof(TraceEvent.NetworkNamespace));
    private static readonly JsonEncodedText s_mountNamespace = Name(nameof(TraceEvent.MountNamespace));
    private static readonly JsonEncodedText s_inode = Name(nameof(TraceEvent.Inode));
    private static readonly JsonEncodedText s_cgroupId = Name(nameof(TraceEvent.CgroupId));
    private static readonly JsonEncodedText s_cgroupPath = Name(nameof(TraceEvent.CgroupPath));
    private static readonly JsonEncodedText s_unit = Name(nameof(TraceEvent.Unit));
    private static readonly JsonEncodedText s_userUnit = Name(nameof(TraceEvent.UserUnit));
    private static readonly JsonEncodedText s_containerId = Name(nameof(TraceEvent.ContainerId));
    private static readonly JsonEncodedText s_userContainerId = Name(nameof(TraceEvent.UserContainerId));
    private static readonly JsonEncodedText s_backend = Name(nameof(TraceEvent.Backend));

    private readonly Dictionary<string, Owner> _owners = [];

    public void Begin()
    {
    }

    public void Write(TEvent next)
    {
        Utf8JsonWriter json = BeginObject();
        json.WriteString(s_time, next.Time);
        json.WriteNumber(s_kernelTime, next.KernelTime);
        json.WriteNumber(s_uid, next.Uid);
        json.WriteNumber(s_gid, next.Gid);
        json.WriteString(s_userName, next.UserName);
        json.WriteNumber(s_processId, next.ProcessId);
        json.WriteNumber(s_threadId, next.ThreadId);
        json.WriteNumber(s_parentProcessId, next.ParentProcessId);
        json.WriteBoolean(s_isHostProcessId, next.IsHostProcessId);
        json.WriteString(s_comm, next.Comm);
        WriteOwn(json, next);
        json.WriteNumber(s_errorCode, next.ErrorCode);
        json.WriteString(s_errorName, next.ErrorName);
        json.WriteString(s_errorMessage, next.ErrorMessage);
        json.WriteNumber(s_networkNamespace, next.NetworkNamespace);
        json.WriteNumber(s_mountNamespace, next.MountNamespace);
        json.WriteNumber(s_inode, next.Inode);
        json.WriteNumber(s_cgroupId, next.CgroupId);
        json.WriteString(s_cgroupPath, next.CgroupPath);
        Owner owner = OwnerOf(next);
        WriteStringOrNull(json, s_unit, owner.Unit);
        WriteStringOrNull(json, s_userUnit, owner.UserUnit);
        WriteStringOrNull(json, s_containerId, owner.ContainerId);
        WriteStringOrNull(json, s_userContainerId, owner.UserContainerId);
        json.WriteString(s_backend, next.Backend);
        EndObject();
    }

    protected abstract void WriteOwn(Utf8JsonWriter json, TEvent next);

    private static void WriteStringOrNull(Utf8JsonWriter json, JsonEncodedText name, JsonEncodedText? value)
    {
        if (value is { } known)
        {
            json.WriteString(name, known);
        }
        else
        {
            json.WriteNull(name);
        }
    }

    /// <summary>Units and containers are read off the path, which takes longer than all the rest.</summary>
    private Owner OwnerOf(TEvent next)
    {
        if (!_owners.TryGetValue(next.CgroupPath, out Owner? owner))
        {
            if (_owners.Count > 4096)
            {
                _owners.Clear();
            }

            _owners[next.CgroupPath] = owner = new Owner(
                NameOrNull(next.Unit), NameOrNull(next.UserUnit), NameOrNull(next.ContainerId), NameOrNull(next.UserContainerId));
        }

        return owner;
    }

    private static JsonEncodedText? NameOrNull(string? name) => name is null ? null : Name(name);

    private sealed record Owner(JsonEncodedText? Unit, JsonEncodedText? UserUnit, JsonEncodedText? ContainerId, JsonEncodedText? UserContainerId);
}

/// <summary>Events of bind() as JSON; the names are those of <see cref="BindEvent"/>.</summary>
internal sealed class BindJsonWriter(OutputBuffer output) : EventJsonWriter<BindEvent>(output)
{
    private static readonly JsonEncodedText s_existing = Name(nameof(BindEvent.Existing));
    private static readonly JsonEncodedText s_protocol = Name(nameof(BindEvent.Protocol));
    private static readonly JsonEncodedText s_protocolNumber = Name(nameof(BindEvent.ProtocolNumber));
    private static readonly JsonEncodedText s_socketType = Name(nameof(BindEvent.SocketType));
    private static readonly JsonEncodedText s_addressFamily = Name(nameof(BindEvent.AddressFamily));
    private static readonly JsonEncodedText s_address = Name(nameof(BindEvent.Address));
    private static readonly JsonEncodedText s_port = Name(nameof(BindEvent.Port));
    private static readonly JsonEncodedText s_requestedAddress = Name(nameof(BindEvent.RequestedAddress));
    private static readonly JsonEncodedText s_requestedPort = Name(nameof(BindEvent.RequestedPort));
    private static readonly JsonEncodedText s_options = Name(nameof(BindEvent.Options));
    private static readonly JsonEncodedText s_optionString = Name(nameof(BindEvent.OptionString));
    private static readonly JsonEncodedText s_ipv6Only = Name(nameof(BindEvent.IPv6Only));
    private static readonly JsonEncodedText s_interfaceIndex = Name(nameof(BindEvent.InterfaceIndex));
    private static readonly JsonEncodedText s_interfaceName = Name(nameof(BindEvent.InterfaceName));

    private static readonly JsonEncodedText[] s_optionNames =
        [.. Enumerable.Range(0, 32).Select(options => Name(((BindOptions)options).ToString()))];

    protected override void WriteOwn(Utf8JsonWriter json, BindEvent next)
    {
        json.WriteBoolean(s_existing, next.Existing);
        json.WriteString(s_protocol, next.Protocol);
        json.WriteNumber(s_protocolNumber, next.ProtocolNumber);
        json.WriteString(s_socketType, next.SocketType);
        json.WriteString(s_addressFamily, next.AddressFamily);
        json.WriteString(s_address, next.Address);
        json.WriteNumber(s_port, next.Port);
        json.WriteString(s_requestedAddress, next.RequestedAddress);
        json.WriteNumber(s_requestedPort, next.RequestedPort);
        json.WriteString(s_options, s_optionNames[(int)next.Options & 31]);
        json.WriteString(s_optionString, next.OptionString);
        json.WriteBoolean(s_ipv6Only, next.IPv6Only);
        json.WriteNumber(s_interfaceIndex, next.InterfaceIndex);
        json.WriteString(s_interfaceName, next.InterfaceName);
    }
}

/// <summary>Events of accept() as JSON; the names are those of <see cref="AcceptEvent"/>.</summary>
internal sealed class AcceptJsonWriter(OutputBuffer output) : EventJsonWriter<AcceptEvent>(output)
{
    private static readonly JsonEncodedText s_protocol = Name(nameof(AcceptEvent.Protocol));
    private static readonly JsonEncodedText s_protocolNumber = Name(nameof(AcceptEvent.ProtocolNumber));
    private static readonly JsonEncodedText s_addressFamily = Name(nameof(AcceptEvent.AddressFamily));
    private static readonly JsonEncodedText s_localAddress = Name(nameof(AcceptEvent.LocalAddress));
    private static readonly JsonEncodedText s_localPort = Name(nameof(AcceptEvent.LocalPort));
    private static readonly JsonEncodedText s_remoteAddress = Name(nameof(AcceptEvent.RemoteAddress));
    private static readonly JsonEncodedText s_remotePort = Name(nameof(AcceptEvent.RemotePort));
    private static readonly JsonEncodedText s_interfaceIndex = Name(nameof(AcceptEvent.InterfaceIndex));
    private static readonly JsonEncodedText s_interfaceName = Name(nameof(AcceptEvent.InterfaceName));

    protected override void WriteOwn(Utf8JsonWriter json, AcceptEvent next)
    {
        json.WriteString(s_protocol, next.Protocol);
        json.WriteNumber(s_protocolNumber, next.ProtocolNumber);
        json.WriteString(s_addressFamily, next.AddressFamily);
        json.WriteString(s_localAddress, next.LocalAddress);
        json.WriteNumber(s_localPort, next.LocalPort);
        json.WriteString(s_remoteAddress, next.RemoteAddress);
        json.WriteNumber(s_remotePort, next.RemotePort);
        json.WriteNumber(s_interfaceIndex, next.InterfaceIndex);
        json.WriteString(s_interfaceName, next.InterfaceName);
    }
}

/// <summary>Counts as JSON; the names are those of <see cref="BindCount"/>.</summary>
internal sealed class CountJsonWriter(OutputBuffer output) : JsonLines(output)
{
    public void Write(IReadOnlyList<BindCount> counts)
    {
        foreach (BindCount count in counts)
        {
            Write(count);
        }
    }

    private void Write(BindCount count)
    {
        Utf8JsonWriter json = BeginObject();
        json.WriteString(nameof(count.Address), count.Address);
        json.WriteNumber(nameof(count.Port), count.Port);
        json.WriteString(nameof(count.Protocol), count.Protocol);
        json.WriteNumber(nameof(count.ProtocolNumber), count.ProtocolNumber);
        json.WriteString(nameof(count.AddressFamily), count.AddressFamily);
        json.WriteNumber(nameof(count.InterfaceIndex), count.InterfaceIndex);
        json.WriteNumber(nameof(count.ErrorCode), count.ErrorCode);
        json.WriteString(nameof(count.ErrorName), count.ErrorName);
        json.WriteNumber(nameof(count.Count), count.Count);
        EndObject();
    }
}
