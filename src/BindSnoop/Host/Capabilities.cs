using System.Globalization;

namespace BindSnoop.Host;

/// <summary>What this process may do.</summary>
internal static class Capabilities
{
    private const int CapDacReadSearch = 2;
    private const int CapNetAdmin = 12;
    public const int CapSysAdmin = 21;
    private const int CapPerfMon = 38;
    private const int CapBpf = 39;

    private static readonly (int Number, string Name)[] s_names =
    [
        (CapBpf, "CAP_BPF"), (CapPerfMon, "CAP_PERFMON"), (CapSysAdmin, "CAP_SYS_ADMIN"), (CapNetAdmin, "CAP_NET_ADMIN"), (CapDacReadSearch, "CAP_DAC_READ_SEARCH"),
    ];

    /// <summary>The effective capabilities of this process, as bits.</summary>
    public static ulong Effective
    {
        get
        {
            const string Field = "CapEff:";
            string? line = SystemFile.ReadText("/proc/self/status").Split('\n').FirstOrDefault(l => l.StartsWith(Field, StringComparison.Ordinal));
            return line is not null && ulong.TryParse(line.AsSpan(Field.Length).Trim(), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong bits)
                ? bits
                : 0;
        }
    }

    /// <summary>Whether this process has what loading tracing programs takes.</summary>
    public static bool IsPrivileged => Has(CapSysAdmin) || (Has(CapBpf) && Has(CapPerfMon));

    /// <summary>Whether this process has what cgroup programs take beyond <see cref="IsPrivileged"/>.</summary>
    public static bool MayAttachToCgroups => Has(CapSysAdmin) || Has(CapNetAdmin);

    /// <summary>Whether this process may open perf events, which kprobes and tracepoints take; Debian's kernels know a level 3.</summary>
    public static bool MayOpenPerfEvents =>
        Has(CapSysAdmin) || !int.TryParse(SystemFile.ReadText("/proc/sys/kernel/perf_event_paranoid"), CultureInfo.InvariantCulture, out int level) || level <= 2;

    /// <summary>Whether a capability is in effect.</summary>
    public static bool Has(int capability) => (Effective >> capability & 1) != 0;

    /// <summary>The capabilities that matter here and are in effect.</summary>
    public static IReadOnlyList<string> Names() =>
        s_names.Where(c => Has(c.Number)).Select(c => c.Name).ToArray();
}
