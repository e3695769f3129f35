using System.Globalization;

namespace BindSnoop.Names;

/// <summary>Names of socket types (linux/net.h).</summary>
internal static class SocketTypes
{
    private static readonly string[] s_names = ["", "STREAM", "DGRAM", "RAW", "RDM", "SEQPACKET", "DCCP"];

    public static string NameOf(ushort type) =>
        type < s_names.Length ? s_names[type] : type.ToString(CultureInfo.InvariantCulture);
}
