using System.CommandLine;
using BindSnoop.Cli.Commands;
using BindSnoop.Tests;
using Xunit;

namespace BindSnoop.Cli.Tests;

/// <summary>Random command lines.</summary>
[Trait("Build", "Any")]
public sealed class FuzzTests
{
    private static readonly string[] s_pieces =
    [
        "-p", "-P", "-u", "-E", "-t", "-w", "-U", "-4", "-6", "--port", "--pid", "--uid", "--protocol", "--address", "--comm", "--family", "--cgroup",
        "--cgroupmap", "--mntnsmap", "--json", "--duration", "--max-events", "--backend", "--buffer-size", "--count", "--verbose", "accept", "listen", "release", "support", "record", "find", "--at", "--from", "--keep-mb", "03:12", "24:61", "--",
        "--help", "@file", "[parse]", "=", ",", "-", "0", "1", "80", "65536", "8000-8999", "-1", "1e9", "NaN", "4096", "2147483648K", "10.0.0.0/8", "::1/129",
        "root", "tcp", "ipv4", "/", "\u001b[2J", "\0", "", " ", "é", "\ud800", "fentry",
    ];

    /// <summary>They are taken, or refused with a message that is safe to print; nothing else comes out of it.</summary>
    [Fact]
    public void Command_lines_are_taken_or_refused() => Fuzz.Try("command lines", 1000, random =>
    {
        string[] args = [.. Enumerable.Range(0, random.Next(1, 9)).Select(_ => Piece(random))];
        return IsTaken(args) ? "accepted" : "refused";
    });

    private static string Piece(Random random) => random.Next(5) switch
    {
        0 => s_pieces[random.Next(s_pieces.Length)] + s_pieces[random.Next(s_pieces.Length)],
        1 when random.Next(20) == 0 => new string((char)random.Next(0x10000), random.Next(100_000)),
        _ => s_pieces[random.Next(s_pieces.Length)],
    };

    private static bool IsTaken(string[] args)
    {
        FilterOptions filters = new(FilteredCall.Bind);
        RunOptions runs = new();
        Command command = new("test");
        filters.AddTo(command);
        runs.AddTo(command);

        // The whole of it must come through the parser, but might trace; of the options alone nothing can.
        Command root = CommandLine.Create();
        _ = root.Parse(ShortOptions.Separate(args, root), new ParserConfiguration { EnablePosixBundling = false, ResponseFileTokenReplacer = null });
        ParseResult parsed = command.Parse(ShortOptions.Separate(args, command), new ParserConfiguration { EnablePosixBundling = false, ResponseFileTokenReplacer = null });
        if (parsed.Errors.Count > 0)
        {
            return false;
        }

        try
        {
            runs.Read(parsed, filters.Read(parsed, includeError: false));
            runs.ReadDuration(parsed);
            runs.ReadMaxEvents(parsed);
            return true;
        }
        catch (UsageException exception)
        {
            Assert.DoesNotContain(exception.Message, char.IsControl);
            Assert.NotEmpty(exception.RecommendedAction);
            return false;
        }
    }
}
