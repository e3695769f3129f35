using System.Globalization;
using BindSnoop.Names;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>What users type: what is taken, as what, and what is refused, with which error.</summary>
public sealed class ParsingTests
{
    [Theory]
    [InlineData("80", 80, 80)]
    [InlineData("0", 0, 0)]
    [InlineData("65535", 65535, 65535)]
    [InlineData("8000-8999", 8000, 8999)]
    [InlineData("0-65535", 0, 65535)]
    [InlineData("5-5", 5, 5)]
    [InlineData(" 80 ", 80, 80)]
    public void Port(string text, int first, int last) => Assert.Equal(new PortRange((ushort)first, (ushort)last), PortRange.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("-")]
    [InlineData("-80")]
    [InlineData("80-")]
    [InlineData("65536")]
    [InlineData("0-65536")]
    [InlineData("99999999999999999999")]
    [InlineData("80x")]
    [InlineData("x80")]
    [InlineData("0x50")]
    [InlineData("+80")]
    [InlineData("8.0")]
    [InlineData("8 0")]
    [InlineData("1,2")]
    [InlineData("90-80")]
    [InlineData("1-2-3")]
    [InlineData("1--2")]
    [InlineData("８０")]
    [InlineData("http")]
    public void PortRefused(string text) => Refused("InvalidPort", text, () => PortRange.Parse(text));

    [Fact]
    public void PortRangeTheWrongWayRound() =>
        Assert.Equal("InvalidPort", Assert.Throws<TraceException>(() => new PortRange(90, 80)).ErrorId);

    [Theory]
    [InlineData("80", "80")]
    [InlineData("8000-8999", "8000-8999")]
    [InlineData("7-7", "7")]
    public void PortAsText(string text, string expected) => Assert.Equal(expected, PortRange.Parse(text).ToString());

    [Theory]
    [InlineData("192.0.2.1", "192.0.2.1/32")]
    [InlineData("10.0.0.0/8", "10.0.0.0/8")]
    [InlineData("0.0.0.0/0", "0.0.0.0/0")]
    [InlineData("255.255.255.255/32", "255.255.255.255/32")]
    [InlineData("10.1.2.3/8", "10.1.2.3/8")]
    [InlineData("::", "::/128")]
    [InlineData("::/0", "::/0")]
    [InlineData("2001:db8::/32", "2001:db8::/32")]
    [InlineData("2001:DB8:0:0:0:0:0:1", "2001:db8::1/128")]
    [InlineData("::ffff:192.0.2.1", "::ffff:192.0.2.1/128")]
    [InlineData("fe80::/10", "fe80::/10")]
    [InlineData(" ::1 ", "::1/128")]
    public void Address(string text, string expected) => Assert.Equal(expected, AddressPrefix.Parse(text).ToString());

    [Theory]
    [InlineData("")]
    [InlineData("1")]
    [InlineData("127.1")]
    [InlineData("0x7f.0.0.1")]
    [InlineData("0x7f000001")]
    [InlineData("2130706433")]
    [InlineData("1.2.3.4.5")]
    [InlineData("256.1.1.1")]
    [InlineData("1.2.3.256")]
    [InlineData("010.0.0.1")]
    [InlineData("1.2.3.04")]
    [InlineData("1.2.3.4/")]
    [InlineData("1.2.3.4/33")]
    [InlineData("1.2.3.4/-1")]
    [InlineData("1.2.3.4/+8")]
    [InlineData("1.2.3.4/8/8")]
    [InlineData("1.2.3.4/255.0.0.0")]
    [InlineData("1.2.3.4 /8")]
    [InlineData("/8")]
    [InlineData("::1/129")]
    [InlineData("::1/")]
    [InlineData("1:2:3")]
    [InlineData(":::")]
    [InlineData("1:2:3:4:5:6:7:8:9")]
    [InlineData("fe80::1%1")]
    [InlineData("fe80::1%lo")]
    [InlineData("[::1]")]
    [InlineData("[::1]:80")]
    [InlineData("1.2.3.4:80")]
    [InlineData("localhost")]
    [InlineData("\u001b[2J")]
    public void AddressRefused(string text) => Refused("InvalidAddress", text, () => AddressPrefix.Parse(text));

    // IPPROTO_* of linux/in.h and linux/in6.h.
    [Theory]
    [InlineData("ICMP", 1)]
    [InlineData("IGMP", 2)]
    [InlineData("IPIP", 4)]
    [InlineData("TCP", 6)]
    [InlineData("EGP", 8)]
    [InlineData("PUP", 12)]
    [InlineData("UDP", 17)]
    [InlineData("IDP", 22)]
    [InlineData("TP", 29)]
    [InlineData("DCCP", 33)]
    [InlineData("IPV6", 41)]
    [InlineData("ROUTING", 43)]
    [InlineData("FRAGMENT", 44)]
    [InlineData("RSVP", 46)]
    [InlineData("GRE", 47)]
    [InlineData("ESP", 50)]
    [InlineData("AH", 51)]
    [InlineData("ICMPV6", 58)]
    [InlineData("NONE", 59)]
    [InlineData("DSTOPTS", 60)]
    [InlineData("MTP", 92)]
    [InlineData("BEETPH", 94)]
    [InlineData("ENCAP", 98)]
    [InlineData("PIM", 103)]
    [InlineData("COMP", 108)]
    [InlineData("L2TP", 115)]
    [InlineData("SCTP", 132)]
    [InlineData("MH", 135)]
    [InlineData("UDPLITE", 136)]
    [InlineData("MPLS", 137)]
    [InlineData("ETHERNET", 143)]
    [InlineData("AGGFRAG", 144)]
    [InlineData("RAW", 255)]
    [InlineData("SMC", 256)]
    [InlineData("MPTCP", 262)]
    public void Protocol(string name, int number)
    {
        Assert.Equal(name, Protocols.NameOf((ushort)number));
        Assert.Equal(number, Protocols.Parse(name));
        Assert.Equal(number, Protocols.Parse(name.ToLowerInvariant()));
        Assert.Equal(number, Protocols.Parse(number.ToString(CultureInfo.InvariantCulture)));
    }

    [Theory]
    [InlineData(0, "")]
    [InlineData(200, "200")]
    [InlineData(511, "511")]
    [InlineData(65535, "65535")]
    public void ProtocolWithoutName(int number, string expected) => Assert.Equal(expected, Protocols.NameOf((ushort)number));

    [Fact]
    public void EveryProtocolNameComesBack() => Assert.All(Protocols.Names, name => Assert.Equal(name, Protocols.NameOf(Protocols.Parse(name))));

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("512")]
    [InlineData("-1")]
    [InlineData("+6")]
    [InlineData(" 6")]
    [InlineData("70000")]
    [InlineData("TCP6")]
    [InlineData("TCP,UDP")]
    [InlineData("0x6")]
    [InlineData("\u001b[2J")]
    public void ProtocolRefused(string text) => Refused("InvalidProtocol", text, () => Protocols.Parse(text));

    [Theory]
    [InlineData("0", 0u)]
    [InlineData("root", 0u)]
    [InlineData("4294967294", 4294967294u)]
    public void User(string text, uint expected) => Assert.Equal(expected, Users.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("-1")]
    [InlineData("4294967295")]
    [InlineData("99999999999")]
    [InlineData("no such user")]
    [InlineData("root\0")]
    [InlineData("\u001b[2J")]
    public void UserRefused(string text) => Refused("UserNotFound", text, () => Users.Parse(text));

    private static void Refused(string errorId, string text, Action parse)
    {
        TraceException exception = Assert.Throws<TraceException>(parse);
        Assert.Equal(errorId, exception.ErrorId);
        Assert.Equal(text, exception.Target);
        Assert.NotEmpty(exception.RecommendedAction);
        Assert.DoesNotContain(exception.Message, char.IsControl);
    }
}
