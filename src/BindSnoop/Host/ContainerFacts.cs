namespace BindSnoop.Host;

/// <summary>
/// What a container engine stored about a container; safe to print. What it does not say is null, and what the
/// container does not have is empty.
/// </summary>
/// <param name="Runtime">The engine: docker, containerd, cri-o, podman, lxc or systemd-nspawn.</param>
/// <param name="Name">Its name; of a container of a pod the one that the pod gives it.</param>
/// <param name="Image">The image, as it was named when the container was started.</param>
/// <param name="PodName">The Kubernetes pod.</param>
/// <param name="PodNamespace">The pod's namespace.</param>
internal sealed record ContainerFacts(string? Runtime, string? Name, string? Image, string? PodName, string? PodNamespace)
{
    /// <summary>Of what runs in no container.</summary>
    public static ContainerFacts None { get; } = new("", "", "", "", "");

    /// <summary>Of a container without a pod.</summary>
    public static ContainerFacts Of(string? runtime, string? name, string? image) => new(runtime, name, image, "", "");

    /// <summary>
    /// Of a container that was given such a name as kubelet asks engines for: k8s_CONTAINER_POD_NAMESPACE_UID_ATTEMPT. None
    /// of these has an underscore. That of a pod's sandbox is POD.
    /// </summary>
    public static ContainerFacts OfFullName(string runtime, string name, string? image) =>
        name.Split('_') is ["k8s", var container, var pod, var space, _, _] ? new(runtime, container, image, pod, space) : Of(runtime, name, image);
}
