using BindSnoop.Host;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>Units and containers, out of paths as systemd and container engines make them.</summary>
public sealed class CgroupNamesTests
{
    private const string Id = "4c1f7a1b0e9d8c7b6a5f4e3d2c1b0a998877665544332211ffeeddccbbaa0099";
    private const string OtherId = "0000000000000000000000000000000000000000000000000000000000000001";

    [Theory]
    [InlineData("/")]
    [InlineData("")]
    [InlineData("/init.scope")]
    [InlineData("/system.slice/nginx.service")]
    [InlineData("/user.slice/user-1000.slice/user@1000.service/app.slice/app-firefox-123.scope")]
    [InlineData("/machine.slice/machine-libpod_pod_" + Id + ".slice")]
    [InlineData("/machine.slice/libpod-conmon-" + Id + ".scope")]
    [InlineData("/machine.slice/machine-qemu\\\\x2d1\\\\x2dweb.scope")]
    [InlineData("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0b1c2d3e_4f5a_6b7c.slice")]
    public void NoContainer(string path) => Assert.Equal("", CgroupNames.ContainerOf(path));

    [Theory]
    [InlineData("/system.slice/docker-" + Id + ".scope", Id)]
    [InlineData("/docker/" + Id, Id)]
    [InlineData("/system.slice/docker-" + OtherId + ".scope/docker/" + Id, Id)]
    [InlineData("/system.slice/docker-" + Id + ".scope/system.slice/nginx.service", Id)]
    [InlineData("/machine.slice/libpod-" + Id + ".scope/container", Id)]
    [InlineData("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + Id + ".scope", Id)]
    [InlineData("/docker/" + Id + "/machine.slice/libpod-conmon-" + OtherId + ".scope", Id)]
    [InlineData("/kubepods.slice/kubepods-pod0b1c.slice/cri-containerd-" + Id + ".scope", Id)]
    [InlineData("/kubepods.slice/kubepods-pod0b1c.slice/crio-" + Id + ".scope", Id)]
    [InlineData("/kubepods/besteffort/pod0b1c2d3e-4f5a/" + Id, Id)]
    [InlineData("/system.slice/containerd.service/kubepods-besteffort-pod0b.slice:cri-containerd:" + Id, Id)]
    [InlineData("/ecs/cluster/0123/0123456789abcdef0123456789abcdef-1234567890", "0123456789abcdef0123456789abcdef-1234567890")]
    [InlineData("/lxc.payload.web/system.slice/nginx.service", "web")]
    [InlineData("/machine.slice/systemd-nspawn@web.service/payload/system.slice", "web")]
    [InlineData("/machine.slice/machine-web\\\\x2d1.scope", "web-1")]
    public void Container(string path, string id) => Assert.Equal(id, CgroupNames.ContainerOf(path));

    [Theory]
    [InlineData("/", "")]
    [InlineData("", "")]
    [InlineData("/user.slice/user-1000.slice", "")]
    [InlineData("/docker/" + Id, "")]
    [InlineData("/not a unit.service", "")]
    [InlineData("/.service", "")]
    [InlineData("/init.scope", "init.scope")]
    [InlineData("/system.slice/nginx.service", "nginx.service")]
    [InlineData("/system.slice/system-postgresql.slice/postgresql@16-main.service", "postgresql@16-main.service")]
    [InlineData("/system.slice/systemd-fsck@dev-disk\\\\x2d1.service", "systemd-fsck@dev-disk\\x2d1.service")]
    [InlineData("/system.slice/nginx.service/workers", "nginx.service")]
    [InlineData("/system.slice/_io.service", "io.service")]
    [InlineData("/user.slice/user-1000.slice/session-3.scope", "session-3.scope")]
    [InlineData("/user.slice/user-1000.slice/user@1000.service/app.slice/web.service", "web.service")]
    [InlineData("/system.slice/docker-" + Id + ".scope/system.slice/nginx.service", "nginx.service")]
    public void Unit(string path, string unit) => Assert.Equal(unit, CgroupNames.UnitOf(path));

    /// <summary>A path is what any process may choose; its names are safe to print, and so is what comes out of them.</summary>
    [Theory]
    [InlineData("/lxc.payload.a\\x1b[2J")]
    [InlineData("/machine.slice/machine-a\\\\x1b\\\\x07.scope")]
    public void ContainerNamesArePrintable(string path) => Assert.DoesNotContain(CgroupNames.ContainerOf(path), char.IsControl);
}
