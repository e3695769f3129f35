using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace BindSnoop.Host;

/// <summary>Reads what container engines that run as root write down about their containers.</summary>
internal static partial class ContainerFiles
{
    // No engine takes longer names, nor does any registry.
    private const int MostCharacters = 512;

    private const string Bundle = "config.json";

    // containerd's own, and those that K3s, k0s and MicroK8s bring.
    private static readonly string[] s_containerd =
        ["/run/containerd", "/run/k3s/containerd", "/run/k0s/containerd", "/var/snap/microk8s/common/run/containerd"];

    // What Podman and CRI-O keep the same list in.
    private static readonly string[] s_lists = ["containers.json", "volatile-containers.json"];

    private static readonly ConcurrentDictionary<string, StorageList> s_known = new();

    /// <summary>What an engine stored about a container; null if none did.</summary>
    /// <param name="id">64 hexadecimal digits.</param>
    public static ContainerFacts? Find(string id) => OfDocker(id) ?? OfContainerd(id) ?? OfStorage(id);

    private static ContainerFacts? OfDocker(string id)
    {
        foreach (string root in DockerRoots())
        {
            using StateDirectory? containers = StateDirectory.Open($"{root}/containers");
            using StateDirectory? container = containers?.OpenInner(id);
            if (Parse(container?.Read("config.v2.json"), OfDockerConfig) is { } facts)
            {
                return facts;
            }
        }

        return null;
    }

    /// <summary>What a container's config.v2.json says.</summary>
    public static ContainerFacts? OfDockerConfig(JsonElement root)
    {
        string? image = root.TryGetProperty("Config", out JsonElement config) ? Text(config, "Image") : null;

        // What labels say may be the image's word.
        return Text(root, "Name") is { } name ? ContainerFacts.OfFullName("docker", name.TrimStart('/'), image) : null;
    }

    /// <summary>Where Docker may keep its state.</summary>
    public static IEnumerable<string> DockerRoots()
    {
        using StateDirectory? etc = StateDirectory.Open("/etc/docker");
        if (Parse(etc?.Read("daemon.json"), root => root.TryGetProperty("data-root", out JsonElement path) ? path.GetString() : null) is { } given)
        {
            yield return given;
        }

        yield return "/var/lib/docker";
        yield return "/var/snap/docker/common/var-lib-docker";
    }

    private static ContainerFacts? OfContainerd(string id)
    {
        foreach (string root in s_containerd)
        {
            using StateDirectory? tasks = StateDirectory.Open($"{root}/io.containerd.runtime.v2.task");
            foreach (string name in tasks?.Names() ?? [])
            {
                using StateDirectory? space = tasks!.OpenInner(name);
                using StateDirectory? bundle = space?.OpenInner(id);
                if (Parse(bundle?.Read(Bundle), OfContainerdBundle) is { } facts)
                {
                    return facts;
                }
            }
        }

        return null;
    }

    private static ContainerFacts? OfContainerdBundle(JsonElement root)
    {
        if (!root.TryGetProperty("annotations", out JsonElement notes))
        {
            return ContainerFacts.Of("containerd", null, null);
        }

        // A pod's sandbox has no name of its own.
        const string Cri = "io.kubernetes.cri.";
        return Text(notes, $"{Cri}container-type") is { } type
            ? new(
                "containerd",
                type == "sandbox" ? "POD" : Text(notes, $"{Cri}container-name"),
                Text(notes, type == "sandbox" ? $"{Cri}podsandbox.image-name" : $"{Cri}image-name"),
                Text(notes, $"{Cri}sandbox-name"),
                Text(notes, $"{Cri}sandbox-namespace"))
            : ContainerFacts.Of("containerd", Text(notes, "nerdctl/name"), null);
    }

    private static ContainerFacts? OfStorage(string id)
    {
        string[] roots = StorageRoots();
        return InDrivers(roots, (path, driver) => s_lists.Select(list => ListOf($"{path}/{list}", driver, list)?.GetValueOrDefault(id)))
            ?? InDrivers(roots, (_, driver) => [OfCrioBundle(driver, id)]);
    }

    private static string[] StorageRoots()
    {
        using StateDirectory? etc = StateDirectory.Open("/etc/containers");
        string configuration = etc?.Read("storage.conf") is { } bytes ? Encoding.UTF8.GetString(bytes) : "";
        return [.. StorageRoot().Matches(configuration).Select(m => m.Groups["path"].Value), "/run/containers/storage", "/var/lib/containers/storage"];
    }

    private static ContainerFacts? InDrivers(string[] roots, Func<string, StateDirectory, IEnumerable<ContainerFacts?>> find)
    {
        foreach (string root in roots)
        {
            using StateDirectory? storage = StateDirectory.Open(root);
            foreach (string name in (storage?.Names() ?? []).Where(n => n.EndsWith("-containers", StringComparison.Ordinal)))
            {
                using StateDirectory? driver = storage!.OpenInner(name);
                if (driver is not null && find($"{root}/{name}", driver).FirstOrDefault(f => f is not null) is { } facts)
                {
                    return facts;
                }
            }
        }

        return null;
    }

    /// <summary>What a list has; it is read again only when it was written again.</summary>
    private static Dictionary<string, ContainerFacts>? ListOf(string path, StateDirectory directory, string name)
    {
        using StateFile? file = directory.OpenFile(name);
        if (file is null)
        {
            s_known.TryRemove(path, out _);
            return null;
        }

        if (!s_known.TryGetValue(path, out StorageList? known) || known.Version != file.Version)
        {
            s_known[path] = known = new(file.Version, Parse(file.Read(), ReadList) ?? []);
        }

        return known.Containers;
    }

    private static Dictionary<string, ContainerFacts> ReadList(JsonElement root)
    {
        Dictionary<string, ContainerFacts> containers = [];
        foreach (JsonElement entry in root.EnumerateArray())
        {
            if (Text(entry, "id") is { } id && entry.TryGetProperty("names", out JsonElement names) && names.GetArrayLength() > 0 && Safe(names[0].GetString()) is { } name)
            {
                byte[]? metadata = entry.TryGetProperty("metadata", out JsonElement given) ? Encoding.UTF8.GetBytes(given.GetString() ?? "") : null;
                (string? image, string? pod) = Parse(metadata, m => ((string?, string?)?)(Text(m, "image-name"), Text(m, "pod-name"))) ?? (null, null);
                containers[id] = pod is null ? ContainerFacts.Of("podman", name, image) : ContainerFacts.OfFullName("cri-o", name, image);
            }
        }

        return containers;
    }

    private static ContainerFacts? OfCrioBundle(StateDirectory driver, string id)
    {
        using StateDirectory? container = driver.OpenInner(id);
        using StateDirectory? data = container?.OpenInner("userdata");
        return Parse(data?.Read(Bundle), root =>
            root.TryGetProperty("annotations", out JsonElement notes) &&
            Text(notes, "io.container.manager") == "cri-o" && Text(notes, "io.kubernetes.cri-o.Name") is { } name
                ? ContainerFacts.OfFullName("cri-o", name, Text(notes, "io.kubernetes.cri-o.ImageName"))
                : null);
    }

    /// <summary>Reads JSON that may be anything; null if it is not what was looked for.</summary>
    public static T? Parse<T>(byte[]? json, Func<JsonElement, T?> read)
    {
        if (json is null)
        {
            return default;
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            return read(document.RootElement);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return default;
        }
    }

    /// <summary>A text that is safe to print; null if there is none, or it is longer than any engine makes one.</summary>
    public static string? Text(JsonElement parent, string name) => parent.TryGetProperty(name, out JsonElement value) ? Safe(value.GetString()) : null;

    private static string? Safe(string? text) => text is { Length: > 0 and <= MostCharacters } ? DisplayText.Escape(text) : null;

    [GeneratedRegex("""^\s*(?:graphroot|runroot)\s*=\s*"(?<path>/[^"\\]*)"\s*(?:#.*)?$""", RegexOptions.Multiline)]
    private static partial Regex StorageRoot();

    private sealed record StorageList((ulong Inode, long Modified) Version, Dictionary<string, ContainerFacts> Containers);
}
