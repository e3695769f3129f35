using System.Globalization;
using BindSnoop.Names;

namespace BindSnoop.Host;

/// <summary>
/// Which container a port is published for by a process that binds or holds it in its place: docker-proxy, dockerd, conmon of
/// Podman, or one of <see cref="PortForwarders"/>. Of the first three only what root runs outside of containers is believed: others
/// may call themselves so, too.
/// </summary>
internal static class PublishedPorts
{
    // podman does not say for whom; and rootlesskit has its users' word alone.
    private static readonly string[] s_unknown = ["podman", "rootlesskit"];

    /// <summary>The container; of neither kind if the process publishes no ports.</summary>
    /// <param name="comm">The process's name.</param>
    /// <param name="processId">An id as /proc shows it.</param>
    /// <param name="kernelTime">A moment at which it was there, in nanoseconds since boot.</param>
    /// <param name="cgroupPath">Its cgroup, as events show it.</param>
    /// <param name="protocol">The number of the socket's protocol.</param>
    /// <param name="port">The port.</param>
    public static PublishedPort Of(string comm, int processId, long kernelTime, string cgroupPath, int protocol, int port)
    {
        bool isForwarder = PortForwarders.Includes(comm);
        if (!isForwarder && comm is not ("docker-proxy" or "dockerd" or "conmon"))
        {
            return s_unknown.Contains(comm) ? PublishedPort.Unknown : PublishedPort.None;
        }

        if (CgroupOwner.Of(cgroupPath) is not { ContainerId: "", UserContainerId: "" } || Processes.StartOf(processId) is not { } start || start > kernelTime)
        {
            return PublishedPort.Unknown;
        }

        return isForwarder ? PortForwarders.Find(processId, start) ?? PublishedPort.Unknown
            : Processes.UidOf(processId) == 0 && NameOf(comm, Processes.ArgumentsOf(processId), protocol, port) is { } name ? new(name, "")
            : PublishedPort.Unknown;
    }

    private static string? NameOf(string comm, string[] arguments, int protocol, int port) =>
        comm == "conmon" ? Processes.ArgumentOf(arguments, "-c", "--cid") is { } id && Containers.IsEngineId(id) ? ContainerFiles.Find(id)?.Name : null
        : ProtocolOf(protocol) is not { } name ? null
        : DockerPorts.Find(
            name,
            port,
            ushort.TryParse(Processes.ArgumentOf(arguments, "-container-port"), NumberStyles.None, CultureInfo.InvariantCulture, out ushort inside) ? inside : null,
            Processes.ArgumentOf(arguments, "-container-ip"));

    // A program in Go that listens on TCP may well have a socket of MPTCP.
    private static string? ProtocolOf(int number) => number switch
    {
        6 or Protocols.Mptcp => "tcp",
        17 => "udp",
        132 => "sctp",
        _ => null,
    };
}
