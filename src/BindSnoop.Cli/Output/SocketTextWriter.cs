using System.Globalization;

namespace BindSnoop.Cli.Output;

/// <summary>Sockets in the columns that binds have, with their state.</summary>
internal sealed class SocketTextWriter(OutputBuffer output, bool wide)
{
    private readonly int _addressWidth = wide ? 39 : 15;
    private readonly int _protocolMost = wide ? int.MaxValue : 4;

    public void Write(IReadOnlyList<BindSocket> sockets)
    {
        Columns("PID", "COMM", "PROT", "ADDR", "PORT", "STATE", "OPTS", "IF", "REMOTE", "NETNS", "HOLDERS");
        foreach (BindSocket socket in sockets)
        {
            Columns(
                socket.ProcessId is { } id ? Text(id) : ClassicBindWriter.Nothing,
                socket.ProcessId is null ? $"[{socket.HeldBy}]" : socket.Comm,
                socket.Protocol,
                socket.Address,
                Text(socket.Port),
                socket.State,
                socket.OptionString,
                wide && socket.InterfaceName.Length > 0 ? socket.InterfaceName : Text(socket.InterfaceIndex),
                socket.RemoteEndpoint ?? ClassicBindWriter.Nothing,
                Text(socket.NetworkNamespace),
                string.Join(' ', socket.Owners.Select(o => $"{o.Comm}[{o.ProcessId}]:{o.FileDescriptor}")));
        }
    }

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);

    private void Columns(
        string pid, string comm, string protocol, string address, string port, string state, string options, string @interface,
        string remote, string networkNamespace, string holders)
    {
        output.Right(pid, 8);
        output.Byte((byte)' ');
        output.Left(comm, wide ? 15 : 12, wide ? int.MaxValue : 12);
        output.Byte((byte)' ');
        output.Left(protocol, 4, _protocolMost);
        output.Byte((byte)' ');
        output.Left(address, _addressWidth, _addressWidth);
        output.Byte((byte)' ');
        output.Right(port, 5);
        output.Byte((byte)' ');
        output.Left(state, 11);
        output.Byte((byte)' ');
        output.Left(options, 5);
        output.Byte((byte)' ');
        if (!wide)
        {
            output.Right(@interface, 2);
            output.EndLine();
            return;
        }

        output.Left(@interface, 10);
        output.Byte((byte)' ');
        output.Left(remote, 45);
        output.Byte((byte)' ');
        output.Left(networkNamespace, 10);
        output.Byte((byte)' ');
        output.Left(holders, 0);
        output.EndLine();
    }
}
