using BindSnoop.Host;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>Units and containers, out of paths as systemd and container engines make them, and as others might.</summary>
public sealed class CgroupOwnerTests
{
    private const string Id = "4c1f7a1b0e9d8c7b6a5f4e3d2c1b0a998877665544332211ffeeddccbbaa0099";
    private const string OtherId = "0000000000000000000000000000000000000000000000000000000000000001";
    private const string User = "/user.slice/user-1000.slice/user@1000.service";

    [Theory]
    [InlineData("/")]
    [InlineData("/init.scope")]
    [InlineData("/system.slice/nginx.service")]
    [InlineData(User + "/app.slice/app-firefox-123.scope")]
    [InlineData("/machine.slice/machine-libpod_pod_" + Id + ".slice")]
    [InlineData("/machine.slice/libpod-conmon-" + Id + ".scope")]
    [InlineData("/machine.slice/machine-qemu\\\\x2d1\\\\x2dweb.scope")]
    [InlineData("/machine.slice/systemd-nspawn@web.service/supervisor")]
    [InlineData("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0b1c2d3e_4f5a_6b7c.slice")]
    [InlineData("/kubepods.slice/kubepods-pod0b1c.slice/crio-conmon-" + Id + ".scope")]
    [InlineData("/libpod_parent/" + OtherId + "/conmon")]
    public void NoContainer(string path) =>
        Assert.Equal(("", ""), (CgroupOwner.Of(path).ContainerId, CgroupOwner.Of(path).UserContainerId));

    /// <summary>Where the engines that run as root put containers, by the drivers systemd and cgroupfs.</summary>
    [Theory]
    [InlineData("/system.slice/docker-" + Id + ".scope", Id)]
    [InlineData("/docker/" + Id, Id)]
    [InlineData("/batch.slice/docker-" + Id + ".scope", Id)]
    [InlineData("/batch/" + Id, Id)]
    [InlineData("/system.slice/docker-" + Id + ".scope/system.slice/nginx.service", Id)]
    [InlineData("/machine.slice/libpod-" + Id + ".scope/container", Id)]
    [InlineData("/machine.slice/machine-libpod_pod_" + OtherId + ".slice/libpod-" + Id + ".scope/container", Id)]
    [InlineData("/libpod_parent/libpod-" + Id, Id)]
    [InlineData("/libpod_parent/" + OtherId + "/libpod-" + Id, Id)]
    [InlineData("/kubepods.slice/kubepods-pod0b1c.slice/cri-containerd-" + Id + ".scope", Id)]
    [InlineData("/kubepods.slice/kubepods-pod0b1c.slice/crio-" + Id + ".scope/container", Id)]
    [InlineData("/kubepods/besteffort/pod0b1c2d3e-4f5a/" + Id, Id)]
    [InlineData("/kubepods/besteffort/pod0b1c2d3e-4f5a/crio-" + Id, Id)]
    [InlineData("/system.slice/containerd.service/kubepods-besteffort-pod0b.slice:cri-containerd:" + Id, Id)]
    [InlineData("/ecs/cluster/0123/0123456789abcdef0123456789abcdef-1234567890", "0123456789abcdef0123456789abcdef-1234567890")]
    [InlineData("/lxc.payload.web/system.slice/nginx.service", "web")]
    [InlineData("/machine.slice/systemd-nspawn@web.service/payload/system.slice", "web")]
    [InlineData("/machine.slice/machine-web\\\\x2d1.scope", "web-1")]
    public void Container(string path, string id)
    {
        Assert.Equal(id, CgroupOwner.Of(path).ContainerId);
        Assert.Equal("", CgroupOwner.Of(path).UserContainerId);
    }

    /// <summary>
    /// Below what may be delegated: rootless engines, Podman with --cgroups=split, containers in containers, and mkdir.
    /// </summary>
    [Theory]
    [InlineData(User + "/user.slice/libpod-" + Id + ".scope/container", "", Id)]
    [InlineData(User + "/user.slice/docker-" + Id + ".scope", "", Id)]
    [InlineData(User + "/app.slice/web.service/docker-" + Id + ".scope", "", Id)]
    [InlineData(User + "/lxc.payload.web", "", "web")]
    [InlineData("/system.slice/web.service/libpod-payload-" + Id, "", Id)]
    [InlineData("/system.slice/web.service/docker/" + Id, "", Id)]
    [InlineData("/user.slice/user-1000.slice/session-3.scope/docker/" + Id, "", Id)]
    [InlineData("/system.slice/docker-" + OtherId + ".scope/docker/" + Id, OtherId, Id)]
    [InlineData("/docker/" + OtherId + "/machine.slice/libpod-" + Id + ".scope", OtherId, Id)]
    [InlineData("/docker/" + OtherId + "/machine.slice/libpod-conmon-" + Id + ".scope", OtherId, "")]
    [InlineData("/lxc.payload.web/docker/" + Id, "web", Id)]
    public void ContainerThatSomebodyMayHaveMade(string path, string id, string userId)
    {
        Assert.Equal(id, CgroupOwner.Of(path).ContainerId);
        Assert.Equal(userId, CgroupOwner.Of(path).UserContainerId);
    }

    [Theory]
    [InlineData("/", "")]
    [InlineData("/user.slice/user-1000.slice", "")]
    [InlineData("/docker/" + Id, "")]
    [InlineData("/not a unit.service", "")]
    [InlineData("/.service", "")]
    [InlineData("/init.scope", "init.scope")]
    [InlineData("/system.slice/nginx.service", "nginx.service")]
    [InlineData("/batch.slice/batch-low.slice/nginx.service", "nginx.service")]
    [InlineData("/system.slice/system-postgresql.slice/postgresql@16-main.service", "postgresql@16-main.service")]
    [InlineData("/system.slice/systemd-fsck@dev-disk\\\\x2d1.service", "systemd-fsck@dev-disk\\x2d1.service")]
    [InlineData("/system.slice/nginx.service/workers", "nginx.service")]
    [InlineData("/system.slice/_io.service", "io.service")]
    [InlineData("/system.slice/__web.service", "_web.service")]
    [InlineData("/user.slice/user-1000.slice/session-3.scope", "session-3.scope")]
    [InlineData("/system.slice/docker-" + Id + ".scope/system.slice/nginx.service", "docker-" + Id + ".scope")]
    public void Unit(string path, string unit)
    {
        Assert.Equal(unit, CgroupOwner.Of(path).Unit);
        Assert.Equal("", CgroupOwner.Of(path).UserUnit);
    }

    /// <summary>"systemd-run --user --unit=nginx", mkdir in a delegated subtree, systemd in a container, and mkdir as root.</summary>
    [Theory]
    [InlineData(User, "user@1000.service", "")]
    [InlineData(User + "/init.scope", "user@1000.service", "init.scope")]
    [InlineData(User + "/app.slice/nginx.service", "user@1000.service", "nginx.service")]
    [InlineData(User + "/nginx.service", "user@1000.service", "nginx.service")]
    [InlineData(User + "/app.slice/web.service/nginx.service", "user@1000.service", "web.service")]
    [InlineData(User + "/x/nginx.service", "user@1000.service", "")]
    [InlineData(User + "/system.slice/nginx.service", "user@1000.service", "nginx.service")]
    [InlineData("/system.slice/web.service/nginx.service", "web.service", "")]
    [InlineData("/system.slice/web.service/system.slice/nginx.service", "web.service", "")]
    [InlineData("/docker/" + Id + "/system.slice/nginx.service", "", "")]
    [InlineData("/lxc.payload.web/system.slice/nginx.service", "", "")]
    [InlineData("/x/nginx.service", "", "")]
    public void UnitThatSomebodyMayHaveMade(string path, string unit, string userUnit)
    {
        Assert.Equal(unit, CgroupOwner.Of(path).Unit);
        Assert.Equal(userUnit, CgroupOwner.Of(path).UserUnit);
    }

    [Fact]
    public void NothingIsKnownWithoutAPath() => Assert.Equal(new CgroupOwner(null, null, null, null), CgroupOwner.Of(""));

    /// <summary>A path is what any process may choose; its names are safe to print, and so is what comes out of them.</summary>
    [Theory]
    [InlineData("/lxc.payload.a\\x1b[2J")]
    [InlineData("/machine.slice/machine-a\\\\x1b\\\\x07.scope")]
    public void ContainerNamesArePrintable(string path) => Assert.DoesNotContain(CgroupOwner.Of(path).ContainerId!, char.IsControl);
}
