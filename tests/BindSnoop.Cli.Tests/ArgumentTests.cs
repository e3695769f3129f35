using System.Text.Json;
using Xunit;

namespace BindSnoop.Cli.Tests;

/// <summary>Wrong command lines: exit code 2, what is wrong, and what to do. No privileges needed.</summary>
public sealed class ArgumentTests
{
    [Theory]
    [InlineData("--foo", "Unrecognized command or argument '--foo'.", "Try 'bindsnoop --help'.")]
    [InlineData("80", "Unrecognized command or argument '80'.", "Try 'bindsnoop --help'.")]
    [InlineData("[80]", "Unrecognized command or argument '[80]'.", "Try 'bindsnoop --help'.")]
    [InlineData("@file", "Unrecognized command or argument '@file'.", "Try 'bindsnoop --help'.")]
    [InlineData("-Uq", "Unrecognized command or argument '-Uq'.", "Try 'bindsnoop --help'.")]
    [InlineData("-P", "Required argument missing for option: '-P'.", "Try 'bindsnoop --help'.")]
    [InlineData("-P 80 443", "Unrecognized command or argument '443'.", "Try 'bindsnoop --help'.")]
    [InlineData("-P 80x", "'80x' is not a port or a range of ports.", "Give a port")]
    [InlineData("-P 65536", "'65536' is not a port or a range of ports.", "Give a port")]
    [InlineData("-P 80,", "'' is not a port or a range of ports.", "Give a port")]
    [InlineData("-P 9-8", "'9-8' is not a port or a range of ports.", "Give a port")]
    [InlineData("-P -1", "'-1' is not a port or a range of ports.", "Give a port")]
    [InlineData("-p 0", "'0' is not a process id.", "Give a number")]
    [InlineData("-p 1,x", "'x' is not a process id.", "Give a number")]
    [InlineData("-p 4294967296", "'4294967296' is not a process id.", "Give a number")]
    [InlineData("-u no-such-user", "There is no user 'no-such-user' on this machine.", "Give a user id")]
    [InlineData("--protocol nonsense", "'nonsense' is not a protocol.", "Give a name")]
    [InlineData("--address 1.2.3", "'1.2.3' is not an IP address or a CIDR prefix.", "Give an address")]
    [InlineData("--address ::/129", "'::/129' is not an IP address or a CIDR prefix.", "Give an address")]
    [InlineData("--family 5", "'5' is not an IP version.", "Give IPv4 or IPv6.")]
    [InlineData("--duration 0", "A duration of 00:00:00 is not possible.", "Give at least a millisecond and at most 24 days")]
    [InlineData("--duration 0.0001", "A duration of 00:00:00.0001000 is not possible.", "Give at least a millisecond and at most 24 days")]
    [InlineData("--duration 2073601", "A duration of 24.00:00:01 is not possible.", "Give at least a millisecond and at most 24 days")]
    [InlineData("--duration 99999999999999999999", "A duration of 10675199.02:48:05.4775807 is not possible.", "Give at least a millisecond and at most 24 days")]
    [InlineData("--duration -1", "'-1' is not a time in seconds.", "Give a number")]
    [InlineData("--duration 1e3", "'1e3' is not a time in seconds.", "Give a number")]
    [InlineData("--duration NaN", "'NaN' is not a time in seconds.", "Give a number")]
    [InlineData("--max-events 0", "'0' is not a possible number of events.", "Give a number from 1 to 9223372036854775807.")]
    [InlineData("--max-events 9223372036854775808", "'9223372036854775808' is not a possible number of events.", "Give a number from 1 to")]
    [InlineData("--backend ftrace", "'ftrace' is not a back end.", "Give auto, cgroup, fentry, kprobe or tracepoint.")]
    [InlineData("--buffer-size 9T", "'9T' is not a size.", "Give a power of two")]
    [InlineData("--buffer-size 4096M", "'4096M' is not a size.", "Give a power of two")]
    [InlineData("--buffer-size 5000", "A buffer of 5000 bytes is not possible.", "Give a power of two")]
    [InlineData("--count --max-events 3", "--max-events cannot be combined with --count.", "Use --duration")]
    [InlineData("--metrics /tmp", "'/tmp' is not the path of a file.", "Give the path of a file")]
    [InlineData("--metrics /dev/null", "'/dev/null' is not a regular file, but would be replaced by one.", "Give the path of a file")]
    [InlineData("--metrics /no/such/directory/a.prom", "'/no/such/directory/a.prom' cannot be written: its directory does not exist.", "Create the directory first")]
    [InlineData("--metrics-interval 0", "A duration of 00:00:00 is not possible.", "Give at least a millisecond and at most 24 days")]
    [InlineData("--metrics-interval 5000000", "A duration of 57.20:53:20 is not possible.", "Give at least a millisecond and at most 24 days")]
    [InlineData("accept --otlp http://localhost:4318 --metrics-interval 2147484", "A duration of 24.20:31:24 is not possible.", "Give at least a millisecond and at most 24 days")]
    [InlineData("--prometheus x", "'x' is neither a port nor an IPv4 address and a port.", "Give a port of the loopback")]
    [InlineData("--prometheus 0", "'0' is neither a port nor an IPv4 address and a port.", "Give a port of the loopback")]
    [InlineData("--prometheus 127.0.0.1", "'127.0.0.1' is neither a port nor an IPv4 address and a port.", "Give a port of the loopback")]
    [InlineData("--prometheus [::1]:9435", "'[::1]:9435' is neither a port nor an IPv4 address and a port.", "Give a port of the loopback")]
    [InlineData("--otlp localhost", "'localhost' is not the URL of a receiver.", "Give a URL such as http://localhost:4318.")]
    [InlineData("--otlp localhost:4318", "'localhost:4318' is not the URL of a receiver.", "Give a URL")]
    [InlineData("--otlp ftp://localhost", "'ftp://localhost' is not the URL of a receiver.", "Give a URL")]
    [InlineData("--otlp http://me:secret@localhost", "'http://me:secret@localhost' is not the URL of a receiver.", "Give a URL")]
    [InlineData("--otlp-protocol thrift", "'thrift' is not a protocol of OTLP.", "Give http or grpc.")]
    [InlineData("--otlp-only traces", "'traces' is not something to send.", "Give logs or metrics.")]
    [InlineData("--otlp-queue 0", "'0' is not a possible number of events.", "Give a number from 1 to 1000000.")]
    [InlineData("--otlp-queue 2147483647", "'2147483647' is not a possible number of events.", "Give a number from 1 to 1000000.")]
    [InlineData("accept --otlp x", "'x' is not the URL of a receiver.", "Give a URL")]
    [InlineData("record --keep-days 0 f", "'0' is not a possible number of days.", "Give a number from 1 to 3650.")]
    [InlineData("record --keep-mb 15 f", "'15' is not a possible number of megabytes.", "Give a number from 16 to 1048576.")]
    [InlineData("find --at yesterday f", "'yesterday' is not a time.", "Give a time such as 03:12")]
    [InlineData("find --at 03:12 --from 03:00 f", "Both a moment and a period were given.", "Give only one of the two.")]
    [InlineData("find --at 03:12 --failed f", "Failures have no duration, so a single moment has none.", "Give a period")]
    [InlineData("find --from 2026-02-01 --to 2026-01-01 f", "The period ends before it begins.", "Give the earlier time first.")]
    [InlineData("find --cause Bad f", "'Bad' is not a cause.", "Give one of Listening, ")]
    [InlineData("find --pid x f", "'x' is not a process id.", "Give a number")]
    [InlineData("--completion csh", "There is no completion for 'csh'.", "Give bash, zsh or fish.")]
    [InlineData("support x", "Unrecognized command or argument 'x'.", "Try 'bindsnoop --help'.")]
    [InlineData("-p 5 accept", "The options of 'accept' go after it.", "Try 'bindsnoop --help'.")]
    [InlineData("--json support", "The options of 'support' go after it.", "Try 'bindsnoop --help'.")]
    [InlineData("accept -w", "Unrecognized command or argument '-w'.", "Try 'bindsnoop --help'.")]
    [InlineData("listen -U", "Unrecognized command or argument '-U'.", "Try 'bindsnoop --help'.")]
    [InlineData("listen --would-block", "Unrecognized command or argument '--would-block'.", "Try 'bindsnoop --help'.")]
    [InlineData("listen --requested-only", "Unrecognized command or argument '--requested-only'.", "Try 'bindsnoop --help'.")]
    [InlineData("listen -P x", "'x' is not a port or a range of ports.", "Give a port")]
    [InlineData("--group-by unit", "--group-by has no effect without --count.", "Add --count.")]
    [InlineData("--count --group-by Unit,pid", "'pid' is not something to group by.", "Give address, port, protocol, comm, user, unit, container or pod.")]
    [InlineData("listen --count --max-events 3", "--max-events cannot be combined with --count.", "Use --duration")]
    [InlineData("release -E", "Unrecognized command or argument '-E'.", "Try 'bindsnoop --help'.")]
    [InlineData("release --count", "Unrecognized command or argument '--count'.", "Try 'bindsnoop --help'.")]
    [InlineData("release -P x", "'x' is not a port or a range of ports.", "Give a port")]
    [InlineData("accept -P x", "'x' is not a port or a range of ports.", "Give a port")]
    [InlineData("accept --remote-address x", "'x' is not an IP address or a CIDR prefix.", "Give an address")]
    public void A_wrong_command_line_is_explained(string args, string message, string remedy)
    {
        using Tool tool = Tool.Run(args.Split(' '));
        Assert.Equal(2, tool.WaitForEnd());
        Assert.Empty(tool.Lines);
        string[] errors = tool.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2, errors.Length);
        Assert.Equal($"bindsnoop: {message}", errors[0]);
        Assert.StartsWith(remedy, errors[1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\x1b[31m")]
    [InlineData("-P\x1b[31m")]
    [InlineData("--comm=\x1b]0;title\x07")]
    [InlineData("--\x9b31m")]
    public void What_is_repeated_is_safe_to_print(string argument)
    {
        using Tool tool = Tool.Run(argument, "--duration", "x");
        Assert.Equal(2, tool.WaitForEnd());
        Assert.DoesNotContain(tool.Errors.Replace("\n", "", StringComparison.Ordinal), char.IsControl);
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("-h")]
    public void Help_lists_every_option(string argument)
    {
        using Tool tool = Tool.Run(argument);
        Assert.Equal(0, tool.WaitForEnd());
        string help = string.Join('\n', tool.Lines);
        Assert.Contains("  bindsnoop [command] [options]", help, StringComparison.Ordinal);
        Assert.All(CommandLine.Create().Options, option => Assert.Contains(option.Name, help, StringComparison.Ordinal));
        Assert.Empty(tool.Errors);
    }

    [Fact]
    public void A_terminal_gets_no_control_sequences()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/script"), "There is no script(1) to make a terminal with.");
        using Tool tool = Tool.Shell("script -qec \"'$0' --help; '$0' --version; '$0' -P x; '$0' --duration 0.1 -p 1; '$0' --count --duration 0.1 -p 1\" /dev/null");
        tool.WaitForEnd();
        Assert.DoesNotContain(string.Concat(tool.Lines), char.IsControl);
    }

    [Fact]
    public void Version_is_one_line()
    {
        using Tool tool = Tool.Run("--version");
        Assert.Equal(0, tool.WaitForEnd());
        Assert.Matches(@"^bindsnoop \d+\.\d+\.\d+", Assert.Single(tool.Lines));
    }

    [Theory]
    [InlineData("--ba", "--backend")]
    [InlineData("sup", "support")]
    [InlineData("acc", "accept")]
    [InlineData("accept --remote-a", "--remote-address")]
    [InlineData("accept --fam", "--family")]
    [InlineData("lis", "listen")]
    [InlineData("rel", "release")]
    [InlineData("listen --prot", "--protocol")]
    [InlineData("--backend tr", "tracepoint")]
    [InlineData("--otlp-protocol g", "grpc")]
    [InlineData("--metrics /etc/pass", "/etc/passwd")]
    [InlineData("find --ca", "--cause")]
    [InlineData("find --cause Lis", "Listening")]
    [InlineData("record --keep", "--keep-mb")]
    [InlineData("record /etc/pass", "/etc/passwd")]
    [InlineData("--uid roo", "root")]
    [InlineData("--cgroupmap /etc/pass", "/etc/passwd")]
    public void Bash_completes(string typed, string expected)
    {
        using Tool tool = Tool.Shell(
            $"source <(\"$0\" --completion bash); COMP_WORDS=(bindsnoop {typed}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _bindsnoop; printf '%s\\n' \"${{COMPREPLY[@]}}\"");
        Assert.Equal(0, tool.WaitForEnd());
        Assert.Contains(expected, tool.Lines);
        Assert.Empty(tool.Errors);
    }

    /// <summary>In a terminal, as zsh completes nowhere else.</summary>
    [Theory]
    [InlineData("--ba", "--backend ")]
    [InlineData("acc", "accept ")]
    [InlineData("accept --remote-a", "--remote-address ")]
    [InlineData("--backend tr", "tracepoint ")]
    [InlineData("--uid roo", "root ")]
    [InlineData("record /etc/passw", "/etc/passwd")]
    public void Zsh_completes(string typed, string expected)
    {
        Assert.SkipUnless(File.Exists("/usr/bin/zsh"), "There is no zsh.");
        using Tool tool = Tool.Shell(
            $$"""
            TOOL=$0 zsh -f -c '
                zmodload zsh/zpty
                zpty shell "TERM=dumb zsh -f -i"
                zpty -w shell "PS1=; unsetopt beep; autoload -Uz compinit; compinit -u -D; source <($TOOL --completion zsh); print READY\$((1))"
                zpty -r shell text "*READY1*"
                zpty -n -w shell "bindsnoop {{typed}}$(print "\t")"
                zpty -r shell text "*{{expected}}*"
                print completed
                zpty -d shell'
            """);
        Assert.Equal(0, tool.WaitForEnd());
        Assert.Equal("completed", Assert.Single(tool.Lines));
    }

    [Theory]
    [InlineData("--ba", "--backend")]
    [InlineData("acc", "accept")]
    [InlineData("accept --remote-a", "--remote-address")]
    [InlineData("listen --prot", "--protocol")]
    [InlineData("--backend tr", "tracepoint")]
    [InlineData("--uid roo", "root")]
    [InlineData("record /etc/passw", "/etc/passwd")]
    public void Fish_completes(string typed, string expected)
    {
        Assert.SkipUnless(File.Exists("/usr/bin/fish"), "There is no fish.");
        using Tool tool = Tool.Shell($"\"$0\" --completion fish | fish --no-config -c 'source; complete -C \"bindsnoop {typed}\"'");
        Assert.Equal(0, tool.WaitForEnd());
        Assert.Contains(expected, tool.Lines.Select(l => l.Split('\t')[0]));
        Assert.Empty(tool.Errors);
    }

    [Fact]
    public void Without_privileges_it_says_so()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Only root can give its privileges away.");
        using Tool tool = Tool.RunProgram("setpriv", ["--bounding-set=-all", "--inh-caps=-all", Tool.Path, "--duration", "1"]);
        Assert.Equal(1, tool.WaitForEnd());
        Assert.Empty(tool.Lines);
        Assert.Contains("CAP_BPF", tool.Errors, StringComparison.Ordinal);
        Assert.Contains("sudo", tool.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_cgroup_is_an_error()
    {
        Tool.RequireTracing();
        using Tool tool = Tool.Run("--cgroup", "/no/such/cgroup", "--duration", "1");
        Assert.Equal(1, tool.WaitForEnd());
        Assert.StartsWith("bindsnoop: '/no/such/cgroup' is not a cgroup", tool.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Support_needs_no_privileges_and_can_be_JSON()
    {
        using Tool text = Tool.Run("support");
        Assert.Contains(text.Lines, line => line.StartsWith("Tracepoint ", StringComparison.Ordinal));
        using Tool json = Tool.Run("support", "--json");
        Assert.Equal(text.WaitForEnd(), json.WaitForEnd());
        Assert.Equal(4, Assert.Single(json.Json).GetProperty("Backends").GetArrayLength());
        Assert.Equal(json.WaitForEnd() == 0, json.Json[0].GetProperty("Usable").GetBoolean());
        Assert.All(
            json.Json[0].GetProperty("Backends").EnumerateArray(),
            b => Assert.Equal(b.GetProperty("Usable").GetBoolean() ? JsonValueKind.True : JsonValueKind.Null, b.GetProperty("Proven").ValueKind));
        JsonElement[] proofs = [.. json.Json[0].GetProperty("Backends").EnumerateArray().SelectMany(b => b.GetProperty("Proofs").EnumerateArray())];
        Assert.All(proofs, p =>
        {
            Assert.True(p.GetProperty("Proven").GetBoolean());
            Assert.Contains("KernelTime", p.GetProperty("Fields").EnumerateArray().Select(f => f.GetString()));
        });
        using Tool detailed = Tool.Run("support", "--detailed");
        Assert.Equal(proofs.Length, detailed.Lines.Count(line => line.StartsWith("  ", StringComparison.Ordinal) && line.Contains(" calls: ", StringComparison.Ordinal)));
    }
}
