using System.Text.Json;

namespace BindSnoop.Cli.Output;

/// <summary>Sockets as JSON; the names are those of <see cref="BindSocket"/>.</summary>
internal sealed class SocketJsonWriter(OutputBuffer output) : JsonLines(output)
{
    public void Write(BindSocket socket)
    {
        Utf8JsonWriter json = BeginObject();
        WriteProperties(json, socket);
        EndObject();
    }

    /// <summary>What stands between the braces.</summary>
    public static void WriteProperties(Utf8JsonWriter json, BindSocket socket)
    {
        json.WriteString(nameof(socket.Time), socket.Time);
        WriteNumber(json, nameof(socket.ProcessId), socket.ProcessId);
        json.WriteString(nameof(socket.Comm), socket.Comm);
        json.WriteString(nameof(socket.HeldBy), socket.HeldBy);
        json.WriteString(nameof(socket.Protocol), socket.Protocol);
        json.WriteNumber(nameof(socket.ProtocolNumber), socket.ProtocolNumber);
        json.WriteString(nameof(socket.SocketType), socket.SocketType);
        json.WriteString(nameof(socket.AddressFamily), socket.AddressFamily);
        json.WriteString(nameof(socket.Address), socket.Address);
        json.WriteNumber(nameof(socket.Port), socket.Port);
        json.WriteString(nameof(socket.State), socket.State);
        json.WriteString(nameof(socket.RemoteAddress), socket.RemoteAddress);
        WriteNumber(json, nameof(socket.RemotePort), socket.RemotePort);
        WriteNumber(json, nameof(socket.Backlog), socket.Backlog);
        WriteNumber(json, nameof(socket.BacklogLimit), socket.BacklogLimit);
        json.WriteString(nameof(socket.Options), socket.Options?.ToString());
        json.WriteString(nameof(socket.OptionString), socket.OptionString);
        if (socket.IPv6Only is { } only)
        {
            json.WriteBoolean(nameof(socket.IPv6Only), only);
        }
        else
        {
            json.WriteNull(nameof(socket.IPv6Only));
        }

        json.WriteNumber(nameof(socket.InterfaceIndex), socket.InterfaceIndex);
        json.WriteString(nameof(socket.InterfaceName), socket.InterfaceName);
        WriteNumber(json, nameof(socket.Uid), socket.Uid);
        json.WriteString(nameof(socket.UserName), socket.UserName);
        json.WriteNumber(nameof(socket.NetworkNamespace), socket.NetworkNamespace);
        json.WriteNumber(nameof(socket.Inode), socket.Inode);
        WriteTime(json, nameof(socket.ProcessStartTime), socket.ProcessStartTime);
        json.WriteString(nameof(socket.CgroupPath), socket.CgroupPath);
        json.WriteString(nameof(socket.Unit), socket.Unit);
        json.WriteString(nameof(socket.UserUnit), socket.UserUnit);
        json.WriteString(nameof(socket.ContainerId), socket.ContainerId);
        json.WriteString(nameof(socket.UserContainerId), socket.UserContainerId);
        json.WriteStartArray(nameof(socket.Owners));
        foreach (SocketOwner owner in socket.Owners)
        {
            json.WriteStartObject();
            json.WriteNumber(nameof(owner.ProcessId), owner.ProcessId);
            json.WriteString(nameof(owner.Comm), owner.Comm);
            json.WriteNumber(nameof(owner.FileDescriptor), owner.FileDescriptor);
            WriteTime(json, nameof(owner.StartTime), owner.StartTime);
            json.WriteString(nameof(owner.CgroupPath), owner.CgroupPath);
            json.WriteString(nameof(owner.Unit), owner.Unit);
            json.WriteString(nameof(owner.UserUnit), owner.UserUnit);
            json.WriteString(nameof(owner.ContainerId), owner.ContainerId);
            json.WriteString(nameof(owner.UserContainerId), owner.UserContainerId);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteString(nameof(socket.Source), socket.Source);
    }

    private static void WriteNumber(Utf8JsonWriter json, string name, long? value)
    {
        if (value is { } number)
        {
            json.WriteNumber(name, number);
        }
        else
        {
            json.WriteNull(name);
        }
    }

    private static void WriteTime(Utf8JsonWriter json, string name, DateTime? value)
    {
        if (value is { } time)
        {
            json.WriteString(name, time);
        }
        else
        {
            json.WriteNull(name);
        }
    }
}
