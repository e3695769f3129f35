using System.Globalization;
using System.Text.Json.Nodes;
using BindSnoop.Host;

namespace BindSnoop.Tests;

/// <summary>A directory that is taken for the host's root, with what container engines leave there.</summary>
internal sealed class HostTree : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("bindsnoop-host-");
    private readonly string? _before = Environment.GetEnvironmentVariable(HostRoot.Variable);

    public HostTree() => Environment.SetEnvironmentVariable(HostRoot.Variable, _root.FullName);

    /// <summary>The directory.</summary>
    public string Root => _root.FullName;

    /// <summary>An id that no other container has, so that none is remembered.</summary>
    public static string NewId() => Guid.NewGuid().ToString("N") + Guid.NewGuid().ToString("N");

    /// <summary>Writes a file by its path on the host, and makes what leads there; only root may enter or read any of it.</summary>
    public string Write(string path, JsonNode content) => Write(path, content.ToJsonString());

    /// <inheritdoc cref="Write(string, JsonNode)"/>
    public string Write(string path, string content)
    {
        string full = Root + path;
        Directory.CreateDirectory(Path.GetDirectoryName(full)!, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        File.WriteAllText(full, content);
        File.SetUnixFileMode(full, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return full;
    }

    /// <summary>As dockerd writes it.</summary>
    public string WriteDocker(string id, string name, string image = "example.org/web:1", string root = "/var/lib/docker") => Write(
        $"{root}/containers/{id}/config.v2.json",
        new JsonObject
        {
            ["StreamConfig"] = new JsonObject(),
            ["State"] = new JsonObject { ["Running"] = true, ["Pid"] = 4711 },
            ["ID"] = id,
            ["Created"] = "2026-01-02T03:04:05.678Z",
            ["Config"] = new JsonObject
            {
                ["Hostname"] = id[..12],
                ["Image"] = image,
                ["Labels"] = new JsonObject { ["io.kubernetes.pod.name"] = "what-the-image-says", ["io.kubernetes.pod.namespace"] = "what-the-image-says" },
            },
            ["Image"] = "sha256:" + id,
            ["Name"] = name,
        });

    /// <summary>As containerd's CRI plug-in, or whoever else asks it for a container, writes it.</summary>
    public string WriteBundle(string id, JsonObject annotations, string space = "k8s.io", string state = "/run/containerd") => Write(
        $"{state}/io.containerd.runtime.v2.task/{space}/{id}/config.json",
        new JsonObject
        {
            ["ociVersion"] = "1.0.2",
            ["process"] = new JsonObject { ["args"] = new JsonArray("/web"), ["env"] = new JsonArray("CONTAINER_NAME=what-the-image-says") },
            ["hostname"] = "what-the-pod-says",
            ["annotations"] = annotations,
        });

    /// <summary>The annotations of a container of a pod.</summary>
    public static JsonObject CriNotes(string container, string pod, string space, string image) => new()
    {
        ["io.kubernetes.cri.container-name"] = container,
        ["io.kubernetes.cri.container-type"] = "container",
        ["io.kubernetes.cri.image-name"] = image,
        ["io.kubernetes.cri.sandbox-id"] = NewId(),
        ["io.kubernetes.cri.sandbox-name"] = pod,
        ["io.kubernetes.cri.sandbox-namespace"] = space,
    };

    /// <summary>As Podman and CRI-O write their list of containers.</summary>
    public string WriteList(string path, params (string Id, string Name, JsonObject Metadata)[] containers) => Write(
        path,
        new JsonArray([.. containers.Select(c => new JsonObject
        {
            ["id"] = c.Id,
            ["names"] = new JsonArray(c.Name),
            ["image"] = NewId(),
            ["layer"] = NewId(),
            ["metadata"] = c.Metadata.ToJsonString(),
            ["created"] = DateTime.UtcNow.ToString("O", CultureInfo.InvariantCulture),
        })]));

    public void Dispose()
    {
        Environment.SetEnvironmentVariable(HostRoot.Variable, _before);
        _root.Delete(recursive: true);
    }
}
