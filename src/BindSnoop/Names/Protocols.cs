using System.Globalization;

namespace BindSnoop.Names;

/// <summary>
/// Names of IP protocols: the constants IPPROTO_* without the prefix, and for numbers that have none the
/// keywords of IANA's registry.
/// </summary>
internal static class Protocols
{
    /// <summary>IPPROTO_MPTCP, past a byte so that it never meets an assigned number.</summary>
    public const ushort Mptcp = 262;

    /// <summary>One more than the largest number a filter can hold.</summary>
    public const int Limit = 512;

    private static readonly string[] s_names = BuildTable();

    private static readonly Dictionary<string, ushort> s_numbers = BuildNumbers();

    /// <summary>All names, for completion.</summary>
    public static IEnumerable<string> Names => s_numbers.Keys;

    /// <summary>The name, else the number in decimal; nothing for 0, which no socket has.</summary>
    public static string NameOf(ushort number) =>
        number < s_names.Length && s_names[number] is { } name ? name
        : number == 0 ? "" : number.ToString(CultureInfo.InvariantCulture);

    /// <summary>Reads a name (in any case) or a number from 1 to 511.</summary>
    public static ushort Parse(string text)
    {
        if (s_numbers.TryGetValue(text, out ushort number) ||
            (ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number is > 0 and < Limit))
        {
            return number;
        }

        throw Invalid(text);
    }

    /// <summary>What is thrown for something that is no protocol.</summary>
    public static TraceException Invalid(string text) =>
        new(
            "InvalidProtocol",
            TraceErrorKind.InvalidArgument,
            $"'{DisplayText.Escape(text)}' is not a protocol.",
            "Give a name such as TCP, UDP, MPTCP, SCTP, UDPLITE or ICMP, or a protocol number from 1 to 511.",
            text);

    private static Dictionary<string, ushort> BuildNumbers()
    {
        Dictionary<string, ushort> numbers = new(StringComparer.OrdinalIgnoreCase);
        for (int i = 1; i < s_names.Length; i++)
        {
            if (s_names[i] is { } name)
            {
                numbers[name] = (ushort)i;
            }
        }

        return numbers;
    }

    private static string[] BuildTable()
    {
        string[] names = new string[Mptcp + 1];
        string[] first =
        [
            null!, "ICMP", "IGMP", "GGP", "IPIP", "ST", "TCP", "CBT", "EGP", "IGP", "BBN-RCC-MON", "NVP-II", "PUP", "ARGUS",
            "EMCON", "XNET", "CHAOS", "UDP", "MUX", "DCN-MEAS", "HMP", "PRM", "IDP", "TRUNK-1", "TRUNK-2", "LEAF-1",
            "LEAF-2", "RDP", "IRTP", "TP", "NETBLT", "MFE-NSP", "MERIT-INP", "DCCP", "3PC", "IDPR", "XTP", "DDP",
            "IDPR-CMTP", "TP++", "IL", "IPV6", "SDRP", "ROUTING", "FRAGMENT", "IDRP", "RSVP", "GRE", "DSR", "BNA",
            "ESP", "AH", "I-NLSP", "SWIPE", "NARP", "MOBILE", "TLSP", "SKIP", "ICMPV6", "NONE", "DSTOPTS",
        ];
        first.CopyTo(names, 0);
        foreach ((int number, string name) in new (int, string)[]
        {
            (62, "CFTP"), (64, "SAT-EXPAK"), (65, "KRYPTOLAN"), (66, "RVD"), (67, "IPPC"), (69, "SAT-MON"), (70, "VISA"),
            (71, "IPCV"), (72, "CPNX"), (73, "CPHB"), (74, "WSN"), (75, "PVP"), (76, "BR-SAT-MON"), (77, "SUN-ND"),
            (78, "WB-MON"), (79, "WB-EXPAK"), (80, "ISO-IP"), (81, "VMTP"), (82, "SECURE-VMTP"), (83, "VINES"), (84, "IPTM"),
            (85, "NSFNET-IGP"), (86, "DGP"), (87, "TCF"), (88, "EIGRP"), (89, "OSPFIGP"), (90, "SPRITE-RPC"), (91, "LARP"),
            (92, "MTP"), (93, "AX.25"), (94, "BEETPH"), (95, "MICP"), (96, "SCC-SP"), (97, "ETHERIP"), (98, "ENCAP"),
            (100, "GMTP"), (101, "IFMP"), (102, "PNNI"), (103, "PIM"), (104, "ARIS"), (105, "SCPS"), (106, "QNX"), (107, "A/N"),
            (108, "COMP"), (109, "SNP"), (110, "COMPAQ-PEER"), (111, "IPX-IN-IP"), (112, "VRRP"), (113, "PGM"), (115, "L2TP"),
            (116, "DDX"), (117, "IATP"), (118, "STP"), (119, "SRP"), (120, "UTI"), (121, "SMP"), (122, "SM"), (123, "PTP"),
            (124, "ISIS"), (125, "FIRE"), (126, "CRTP"), (127, "CRUDP"), (128, "SSCOPMCE"), (129, "IPLT"), (130, "SPS"),
            (131, "PIPE"), (132, "SCTP"), (133, "FC"), (134, "RSVP-E2E-IGNORE"), (135, "MH"), (136, "UDPLITE"),
            (137, "MPLS"), (138, "MANET"), (139, "HIP"), (140, "SHIM6"), (141, "WESP"), (142, "ROHC"), (143, "ETHERNET"),
            (144, "AGGFRAG"), (255, "RAW"), (256, "SMC"), (Mptcp, "MPTCP"),
        })
        {
            names[number] = name;
        }

        return names;
    }
}
