using System.Globalization;
using System.Text;
using BindSnoop.Names;

namespace BindSnoop;

/// <summary>The support report, as text.</summary>
internal static class SupportReport
{
    /// <summary>How far values are from the left.</summary>
    public const int Indent = 15;

    /// <summary>Makes the text.</summary>
    /// <param name="support">What was found out.</param>
    /// <param name="width">How long lines may be.</param>
    /// <param name="detailed">Whether to list what was compared to prove each back end.</param>
    public static string Make(TraceSupport support, int width, bool detailed = false)
    {
        StringBuilder text = new();
        void Fact(string label, string value) => AppendWrapped(text, label.PadRight(Indent), value, width);

        Fact("Kernel", $"{support.Kernel} on {support.Architecture}");
        Fact("Kernel types", support.Btf ? "described (BTF)" : "not described (no BTF)");
        Fact("libbpf", support.LibBpfVersion.Length > 0 ? $"{support.LibBpfVersion}, {Or(support.LibBpfPath, "part of this program")}" : "not installed");
        Fact("BPF compiler", support.Jit);
        Fact("Capabilities", Or(string.Join(", ", support.Capabilities), "none of those that matter"));
        Fact("Lockdown", Or(support.Lockdown, "none"));
        Fact("Locked memory", long.TryParse(support.MemoryLockLimit, out long limit) ? $"at most {limit} bytes" : Or(support.MemoryLockLimit, "unknown"));
        Fact("Cgroup v2", Or(support.CgroupMountPoint, "not mounted"));

        text.AppendLine();
        text.AppendLine("Back end    Usable");
        foreach (BackendSupport backend in support.Backends)
        {
            string label = $"{backend.Backend,-12}{(backend.Usable ? "yes" : "no"),-8}";
            string blind = backend.Blind.Length > 0 ? $"Does not see {char.ToLowerInvariant(backend.Blind[0])}{backend.Blind[1..]}" : "";
            AppendWrapped(text, label, backend.Usable ? $"{ProofOf(backend)} {blind}" : backend.Reason, width);
            if (backend.Remedy.Length > 0)
            {
                AppendWrapped(text, new string(' ', label.Length), $"What to do: {backend.Remedy}", width);
            }

            foreach (BackendProof proof in detailed ? backend.Proofs : [])
            {
                AppendWrapped(text, $"  {proof.Call}".PadRight(label.Length), DetailsOf(proof), width);
            }
        }

        return text.ToString().TrimEnd();
    }

    private static string ProofOf(BackendSupport backend)
    {
        string binds = backend.Proven switch
        {
            true when backend.Reason.Length > 0 => $"Proven, except for what could not be tried: {backend.Reason}",
            true => "Proven.",
            _ => $"Not proven: {backend.Reason}",
        };
        return string.Join(' ', backend.Proofs.Where(p => p.Call != "bind" && p.Proven != true).Select(p => $"{(p.Proven == false ? "Does not work" : "Not proven")} for {p.Call}: {p.Reason}").Prepend(binds));
    }

    private static string DetailsOf(BackendProof proof) => proof.Calls > 0
        ? string.Create(CultureInfo.InvariantCulture, $"{proof.Calls} calls: {string.Join(", ", proof.Fields)}. {proof.Reason}").TrimEnd()
        : proof.Reason;

    private static string Or(string value, string otherwise) => value.Length > 0 ? value : otherwise;

    /// <summary>Breaks lines between words; the lines after the first are indented as far as its label.</summary>
    private static void AppendWrapped(StringBuilder text, string label, string value, int width)
    {
        int length = label.Length;
        text.Append(value.Length > 0 ? label : label.TrimEnd());
        bool first = true;
        foreach (string word in DisplayText.EscapeUnsafe(value).Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (!first && length + 1 + word.Length > width)
            {
                text.AppendLine().Append(' ', label.Length);
                length = label.Length;
                first = true;
            }

            text.Append(first ? "" : " ").Append(word);
            length += word.Length + (first ? 0 : 1);
            first = false;
        }

        text.AppendLine();
    }
}
