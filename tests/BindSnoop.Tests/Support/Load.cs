using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace BindSnoop.Tests;

/// <summary>What <c>bindtruth load</c> did.</summary>
internal sealed record Load(long Made, long Failed, long SetupBinds)
{
    private static readonly JsonSerializerOptions s_options = new(JsonSerializerDefaults.Web);

    public long Total => Made + SetupBinds;

    /// <summary>Makes so many binds from a process of its own in a cgroup, by default the tree's root, and waits for them.</summary>
    public static Load Run(CgroupTree tree, long count, int threads, bool fail = false, string? cgroup = null)
    {
        Process? process = null;
        tree.Within(cgroup ?? tree.Root, () => process = Truth.Start(
            ["load", "--count", Text(count), "--threads", Text(threads), .. fail ? ["--fail"] : Array.Empty<string>()]));
        using (process)
        {
            string line = process!.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0
                ? JsonSerializer.Deserialize<Load>(line, s_options)!
                : throw new InvalidOperationException(process.StandardError.ReadToEnd());
        }
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
