using System.Text.Json;
using System.Text.Json.Serialization;

namespace BindSnoop.Tests;

/// <summary>One line of <c>bindtruth run</c>; tests/truth/bindtruth.h tells what each property means.</summary>
public sealed record TruthLine
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

    public string? RequestedAddress { get; init; }

    public int? RequestedPort { get; init; }

    public uint ScopeId { get; init; }

    public int AddressLength { get; init; }

    public string? Address { get; init; }

    public int? Port { get; init; }

    public bool V6OnlyAfter { get; init; }

    public string Options { get; init; } = "";

    public int Error { get; init; }

    public string? ErrorName { get; init; }

    public int Ifindex { get; init; }

    public string? Ifname { get; init; }

    public uint Netns { get; init; }

    public uint? SocketNetns { get; init; }

    public uint Mntns { get; init; }

    public ulong? CgroupId { get; init; }

    public string? CgroupPath { get; init; }

    public bool Shown { get; init; }

    public static TruthLine Parse(string json) =>
        JsonSerializer.Deserialize<TruthLine>(json, s_options) ?? throw new InvalidDataException($"bindtruth wrote {json}");
}
