namespace BindSnoop.Host;

/// <summary>Units of the system's systemd, by the cgroups that it makes for them.</summary>
internal static class Units
{
    /// <summary>A name as systemd has it: as for systemctl(1), a service if it does not say what it is.</summary>
    public static string NameOf(string given) => given.Contains('.', StringComparison.Ordinal) ? given : $"{given}.service";

    /// <summary>The path of a unit's cgroup in the hierarchy.</summary>
    /// <exception cref="TraceException"><c>UnitNotFound</c>.</exception>
    public static string CgroupOf(string given)
    {
        string unit = NameOf(given);
        return (Cgroups.MountPoint is { } mount ? Find(mount, "", unit) : null) ?? throw new TraceException(
            "UnitNotFound",
            TraceErrorKind.ObjectNotFound,
            $"The unit '{DisplayText.Escape(unit)}' has no cgroup: it is not running, or not a unit of the system.",
            "Start it first ('systemctl list-units' shows running units); give a slice, or a user's unit, as a cgroup.",
            given);
    }

    /// <summary>Whether a cgroup is of one of these units.</summary>
    public static bool Contain(IReadOnlyList<string> units, string? unit) => unit is { Length: > 0 } && units.Any(u => NameOf(u) == unit);

    private static string? Find(string mount, string slice, string unit)
    {
        foreach (string directory in Inner(mount + slice))
        {
            string path = $"{slice}/{Path.GetFileName(directory)}";
            if (CgroupOwner.Of(DisplayText.Escape(path)).Unit == unit)
            {
                return path;
            }

            if (path.EndsWith(".slice", StringComparison.Ordinal) && Find(mount, path, unit) is { } found)
            {
                return found;
            }
        }

        return null;
    }

    private static string[] Inner(string directory)
    {
        try
        {
            return Directory.GetDirectories(directory);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Removed meanwhile.
            return [];
        }
    }
}
