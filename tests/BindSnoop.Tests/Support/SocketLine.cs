using System.Diagnostics;
using System.Text.Json;

namespace BindSnoop.Tests;

/// <summary>One line of <c>bindtruth sockets</c>.</summary>
public sealed record SocketLine
{
    private static readonly JsonSerializerOptions s_options = new(JsonSerializerDefaults.Web);

    public string Case { get; init; } = "";

    public string? Skipped { get; init; }

    public bool Ready { get; init; }

    public int Protocol { get; init; }

    public string Family { get; init; } = "";

    public string Type { get; init; } = "";

    public string Address { get; init; } = "";

    public int Port { get; init; }

    public string? RemoteAddress { get; init; }

    public int? RemotePort { get; init; }

    public string State { get; init; } = "";

    public uint Netns { get; init; }

    public long? Inode { get; init; }

    public string? Options { get; init; }

    public bool? V6only { get; init; }

    public int? Ifindex { get; init; }

    public uint? Uid { get; init; }

    public int? Backlog { get; init; }

    public long? BacklogLimit { get; init; }

    public string HeldBy { get; init; } = "";

    public IReadOnlyList<Holder> Owners { get; init; } = [];

    public static SocketLine Parse(string json) =>
        JsonSerializer.Deserialize<SocketLine>(json, s_options) ?? throw new InvalidDataException($"bindtruth wrote {json}");

    public override string ToString() => $"{Case}: {Protocol} {Address}:{Port} {State}";

    public sealed record Holder(int Pid, int Fd);
}

/// <summary>The sockets of <c>bindtruth sockets</c>, there until disposed of.</summary>
internal sealed class SocketZoo : IDisposable
{
    private readonly Process _process;

    public SocketZoo()
    {
        _process = Truth.Start("sockets");
        List<SocketLine> lines = [];
        while (_process.StandardOutput.ReadLine() is { } text && SocketLine.Parse(text) is { Ready: false } line)
        {
            lines.Add(line);
        }

        Lines = lines;
    }

    public IReadOnlyList<SocketLine> Lines { get; }

    /// <summary>The socket of a line among others, or null.</summary>
    public static BindSocket? Find(SocketLine line, IEnumerable<BindSocket> sockets) => sockets.SingleOrDefault(s =>
        s.NetworkNamespace == line.Netns && (line.Inode is { } inode
            ? s.Inode == inode
            : s.Port == line.Port && s.Address == line.Address && s.RemotePort == line.RemotePort && s.State == line.State && s.HeldBy == line.HeldBy));

    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
    }
}
