using System.Text.Json;
using System.Text.Json.Serialization;

namespace BindSnoop.Tests;

/// <summary>What every line of <c>bindtruth</c> reports about a call; tests/truth/bindtruth.h explains each property.</summary>
public abstract record CallLine
{
    private static readonly JsonSerializerOptions s_options = new(JsonSerializerDefaults.Web);

    [JsonRequired]
    public string Case { get; init; } = "";

    /// <summary>Why the case, or the rest of it, could not be done; then there is nothing else.</summary>
    public string? Skipped { get; init; }

    public string Call { get; init; } = "";

    public string Via { get; init; } = "";

    public int Pid { get; init; }

    public int Tid { get; init; }

    public int Ppid { get; init; }

    public uint Uid { get; init; }

    public uint Gid { get; init; }

    public string CommHex { get; init; } = "";

    public string? Family { get; init; }

    public int? SocketFamily { get; init; }

    public string? Type { get; init; }

    public int Protocol { get; init; }

    public int Error { get; init; }

    public string? ErrorName { get; init; }

    public int Ifindex { get; init; }

    public string? Ifname { get; init; }

    public uint Netns { get; init; }

    public uint? SocketNetns { get; init; }

    public long? Inode { get; init; }

    public uint Mntns { get; init; }

    public ulong? CgroupId { get; init; }

    public string? CgroupPath { get; init; }

    public bool Shown { get; init; }

    public static TLine Parse<TLine>(string json)
        where TLine : CallLine =>
        JsonSerializer.Deserialize<TLine>(json, s_options) ?? throw new InvalidDataException($"bindtruth wrote {json}");
}
