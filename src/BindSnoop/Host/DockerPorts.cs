using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using BindSnoop.Names;

namespace BindSnoop.Host;

/// <summary>
/// Finds containers of Docker by the ports that are published for them. Which ports a container has, Docker writes down only
/// once it has started; while it starts there is but what was asked for it. So where several containers might be meant, and
/// none of them has that address by now, none is named.
/// </summary>
internal static class DockerPorts
{
    private const int MostContainers = 10_000;

    private static readonly string[] s_addresses = ["IPAddress", "GlobalIPv6Address"];
    private static readonly ConcurrentDictionary<string, Published> s_containers = new();
    private static readonly LookUpCache<(string, int, ushort?, string?), string> s_found = new(1024, TimeSpan.FromSeconds(1));

    /// <summary>The name of the container that a port of the host is published for; null if that is not known.</summary>
    /// <param name="protocol">tcp, udp or sctp.</param>
    /// <param name="port">The host's port.</param>
    /// <param name="inside">The container's port, if known.</param>
    /// <param name="address">The container's address, if known.</param>
    public static string? Find(string protocol, int port, ushort? inside, string? address) =>
        s_found.TryGet((protocol, port, inside, address), out string? known)
            ? known
            : s_found.Remember((protocol, port, inside, address), LookUp(protocol, port, inside, address));

    private static string? LookUp(string protocol, int port, ushort? inside, string? address)
    {
        Published[] possible = [.. All().Where(c => c.MayHave(protocol, port, inside))];
        return possible.Length == 1 ? possible[0].Name
            : possible.Where(c => c.IsRunning && address is not null && c.Addresses.Contains(address)).ToArray() is [var only] ? only.Name
            : null;
    }

    private static IEnumerable<Published> All()
    {
        foreach (string root in ContainerFiles.DockerRoots())
        {
            using StateDirectory? containers = StateDirectory.Open($"{root}/containers");
            foreach (string id in containers?.Names() ?? [])
            {
                using StateDirectory? container = containers!.OpenInner(id);
                using StateFile? config = container?.OpenFile("config.v2.json");
                using StateFile? asked = container?.OpenFile("hostconfig.json");
                if (config is null || asked is null)
                {
                    continue;
                }

                if (!s_containers.TryGetValue(id, out Published? known) || known.Versions != (config.Version, asked.Version))
                {
                    if (s_containers.Count >= MostContainers)
                    {
                        s_containers.Clear();
                    }

                    s_containers[id] = known = Published.Read(config, asked);
                }

                yield return known;
            }
        }
    }

    /// <summary>What is published for one container.</summary>
    private sealed class Published
    {
        private readonly List<(string Inside, string Host)> _ports = [];
        private bool _isAnyPort;

        private Published(((ulong, long), (ulong, long)) versions) => Versions = versions;

        /// <summary>Of the files.</summary>
        public ((ulong, long) Config, (ulong, long) Asked) Versions { get; }

        public string? Name { get; private set; }

        public bool IsRunning { get; private set; }

        /// <summary>On its networks.</summary>
        public List<string> Addresses { get; } = [];

        /// <summary>Whether it has the port, or may be getting it now.</summary>
        public bool MayHave(string protocol, int port, ushort? inside) =>
            Name is not null &&
            (_isAnyPort || _ports.Exists(p =>
                (inside is { } known ? p.Inside == string.Create(CultureInfo.InvariantCulture, $"{known}/{protocol}") : p.Inside.EndsWith($"/{protocol}", StringComparison.Ordinal)) &&
                Includes(p.Host, port)));

        public static Published Read(StateFile config, StateFile asked)
        {
            Published read = new((config.Version, asked.Version));
            read.Name = ContainerFiles.Parse(config.Read(), root => read.ReadConfig(root));
            if (!read.IsRunning)
            {
                _ = ContainerFiles.Parse(asked.Read(), root => read.ReadAsked(root));
            }

            return read;
        }

        private string? ReadConfig(JsonElement root)
        {
            IsRunning = root.TryGetProperty("State", out JsonElement state) && state.TryGetProperty("Running", out JsonElement running) && running.GetBoolean();
            if (IsRunning && root.TryGetProperty("NetworkSettings", out JsonElement settings))
            {
                AddPorts(settings, "Ports");
                foreach (JsonProperty network in Members(settings, "Networks"))
                {
                    Addresses.AddRange(s_addresses.Select(n => ContainerFiles.Text(network.Value, n)).OfType<string>());
                }
            }

            return ContainerFiles.OfDockerConfig(root)?.Name;
        }

        private string? ReadAsked(JsonElement root)
        {
            _isAnyPort = root.TryGetProperty("PublishAllPorts", out JsonElement all) && all.GetBoolean();
            AddPorts(root, "PortBindings");
            return null;
        }

        private void AddPorts(JsonElement parent, string name)
        {
            foreach (JsonProperty port in Members(parent, name))
            {
                foreach (JsonElement binding in port.Value.ValueKind == JsonValueKind.Array ? port.Value.EnumerateArray().ToArray() : [])
                {
                    _ports.Add((port.Name, ContainerFiles.Text(binding, "HostPort") ?? ""));
                }
            }
        }

        private static JsonProperty[] Members(JsonElement parent, string name) =>
            parent.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Object ? [.. value.EnumerateObject()] : [];

        // A port, a range of which Docker chooses one, or nothing: any.
        private static bool Includes(string host, int port)
        {
            string[] ends = host.Split('-');
            return !int.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out int first) || first == 0 ||
                (int.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out int last) && port >= first && port <= last);
        }
    }
}
