using System.Text.Json;

namespace BindSnoop.Tests;

/// <summary>One line of <c>bindtruth why</c>.</summary>
public sealed record WhyLine
{
    private static readonly JsonSerializerOptions s_options = new(JsonSerializerDefaults.Web);

    public string Case { get; init; } = "";

    public string? Skipped { get; init; }

    public string? Ready { get; init; }

    public int Pid { get; init; }

    public long Inode { get; init; }

    public uint Netns { get; init; }

    public uint Uid { get; init; }

    public ushort Protocol { get; init; }

    public string Address { get; init; } = "";

    public ushort Port { get; init; }

    public bool V6only { get; init; }

    public bool ReuseAddress { get; init; }

    public bool ReusePort { get; init; }

    public uint Ifindex { get; init; }

    public bool Traced { get; init; }

    public bool Asked { get; init; }

    public bool Fleeting { get; init; }

    public int Expected { get; init; }

    public int Error { get; init; }

    public string Cause { get; init; } = "";

    public IReadOnlyList<Holder> Holders { get; init; } = [];

    public static WhyLine Parse(string json) =>
        JsonSerializer.Deserialize<WhyLine>(json, s_options) ?? throw new InvalidDataException($"bindtruth wrote {json}");

    public override string ToString() => $"{Case}: {Protocol} [{Address}]:{Port} = {Error}";

    /// <summary>A socket that is in the way.</summary>
    public sealed record Holder(string HeldBy, IReadOnlyList<int> Pids, long? Inode);
}
