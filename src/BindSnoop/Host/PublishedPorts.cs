using System.Globalization;
using System.Text;
using BindSnoop.Names;

namespace BindSnoop.Host;

/// <summary>
/// Which container a port is published for by a process that binds or holds it in its place: docker-proxy, dockerd, or conmon of
/// Podman. Only what root runs outside of containers is believed: others may call themselves so, too.
/// </summary>
internal static class PublishedPorts
{
    // Of rootless engines, whose users write down themselves what there is to read; and podman, which does not say for whom.
    private static readonly string[] s_unknown = ["podman", "rootlessport", "slirp4netns", "pasta", "pasta.avx2"];

    /// <summary>The container's name; empty if the process is none of those, null if it is and that cannot be found out.</summary>
    /// <param name="comm">The process's name.</param>
    /// <param name="processId">An id as /proc has it.</param>
    /// <param name="kernelTime">A moment at which it was there, in nanoseconds since boot.</param>
    /// <param name="cgroupPath">Its cgroup, as events show it.</param>
    /// <param name="protocol">The number of the socket's protocol.</param>
    /// <param name="port">The port.</param>
    public static string? NameOf(string comm, int processId, long kernelTime, string cgroupPath, int protocol, int port)
    {
        bool isDocker = comm is "docker-proxy" or "dockerd";
        if (!isDocker && comm != "conmon")
        {
            return s_unknown.Contains(comm) ? null : "";
        }

        CgroupOwner owner = CgroupOwner.Of(cgroupPath);
        if (owner is not { ContainerId: "", UserContainerId: "" } || Processes.UidOf(processId) != 0 ||
            !(Processes.StartOf(processId) <= kernelTime))
        {
            return null;
        }

        string[] arguments = Encoding.UTF8.GetString(Platform.ReadBytes($"/proc/{processId}/cmdline")).Split('\0');
        return !isDocker ? ArgumentOf(arguments, "-c", "--cid") is { } id && Containers.IsEngineId(id) ? ContainerFiles.Find(id)?.Name : null
            : ProtocolOf(protocol) is not { } name ? null
            : DockerPorts.Find(
                name,
                port,
                ushort.TryParse(ArgumentOf(arguments, "-container-port"), NumberStyles.None, CultureInfo.InvariantCulture, out ushort inside) ? inside : null,
                ArgumentOf(arguments, "-container-ip"));
    }

    // A program in Go that listens on TCP may well have a socket of MPTCP.
    private static string? ProtocolOf(int number) => number switch
    {
        6 or Protocols.Mptcp => "tcp",
        17 => "udp",
        132 => "sctp",
        _ => null,
    };

    private static string? ArgumentOf(string[] arguments, params string[] names)
    {
        for (int i = 1; i + 1 < arguments.Length; i++)
        {
            if (names.Contains(arguments[i]))
            {
                return arguments[i + 1];
            }
        }

        return null;
    }
}
