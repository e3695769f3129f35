using System.Globalization;

namespace BindSnoop.Bench;

/// <summary>What a measurement works with.</summary>
internal sealed record Settings
{
    public int Rounds { get; init; } = 5;

    public int Seconds { get; init; } = 5;

    public long Events { get; init; } = 1_000_000;

    public string Module { get; init; } = "";

    public string CommandLine { get; init; } = "";

    public string Truth { get; init; } = "";

    public string Floor { get; init; } = "";

    public static Settings Parse(ReadOnlySpan<string> arguments)
    {
        Settings settings = new();
        for (int i = 0; i + 1 < arguments.Length; i += 2)
        {
            string value = arguments[i + 1];
            settings = arguments[i] switch
            {
                "--rounds" => settings with { Rounds = int.Parse(value, CultureInfo.InvariantCulture) },
                "--seconds" => settings with { Seconds = int.Parse(value, CultureInfo.InvariantCulture) },
                "--events" => settings with { Events = long.Parse(value, CultureInfo.InvariantCulture) },
                "--module" => settings with { Module = value },
                "--cli" => settings with { CommandLine = value },
                "--floor" => settings with { Floor = value },
                "--truth" => settings with { Truth = value },
                string other => throw new ArgumentException($"unknown option {other}"),
            };
        }

        return settings;
    }
}
