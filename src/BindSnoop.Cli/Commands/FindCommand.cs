using System.CommandLine;
using BindSnoop.Cli.Output;
using BindSnoop.Host;
using BindSnoop.Names;
using BindSnoop.Records;

namespace BindSnoop.Cli.Commands;

/// <summary><c>bindsnoop find FILE</c>: who held which port when, from what <c>bindsnoop record</c> has written.</summary>
internal sealed class FindCommand
{
    private readonly Argument<string[]> _files = new("FILE") { Description = "Records, of one or several machines", Arity = ArgumentArity.OneOrMore };
    private readonly Option<string?> _at = RunOptions.Value("--at", "TIME", "Who held the ports at this moment: 03:12, 03:12:07.5, '2026-11-26 03:12', 2026-11-26T03:12Z");
    private readonly Option<string?> _from = RunOptions.Value("--from", "TIME", "What happened from this time on");
    private readonly Option<string?> _to = RunOptions.Value("--to", "TIME", "What happened until this time");
    private readonly Option<string[]> _port = FilterOptions.List("--port", "PORT[,PORT...]", "Only these ports; a range is 8000-8999", ["-P"]);
    private readonly Option<string[]> _address = FilterOptions.List("--address", "ADDR[,ADDR...]", "Only these addresses or CIDR prefixes");
    private readonly Option<string[]> _protocol = FilterOptions.List("--protocol", "NAME[,NAME...]", "Only these protocols: TCP, UDP, MPTCP, ... or numbers", [], "TCP", "UDP", "UDPLITE", "ICMP", "ICMPV6", "MPTCP", "SCTP");
    private readonly Option<string[]> _processId = FilterOptions.List("--pid", "PID[,PID...]", "Only calls by these processes", ["-p"]);
    private readonly Option<string[]> _uid = FilterOptions.List("--uid", "USER[,USER...]", "Only calls by these users, by number or name", ["-u"]);
    private readonly Option<string[]> _comm = FilterOptions.List("--comm", "NAME", "Only calls by threads of this name (may be repeated)");
    private readonly Option<string[]> _unit = FilterOptions.List("--unit", "UNIT", "Only calls from this systemd unit (may be repeated)");
    private readonly Option<string[]> _container = FilterOptions.List("--container", "CONTAINER", "Only calls from this container, by id, its first 12 digits, or name (may be repeated)");
    private readonly Option<string[]> _netns = FilterOptions.NetworkNamespace();
    private readonly Option<bool> _failed = new("--failed", "-E") { Description = "Only binds that failed" };
    private readonly Option<string[]> _cause = FilterOptions.List("--cause", "CAUSE[,CAUSE...]", "Only binds that failed for this reason: Listening, PrivilegedPort, ...", [], [.. Diagnosis.BindCause.All]);
    private readonly Option<bool> _wide = new("--wide", "-w") { Description = "Print addresses in full" };
    private readonly Option<bool> _json = new("--json") { Description = "Print one JSON object per line, including gaps" };

    private FindCommand()
    {
    }

    public static Command Create()
    {
        FindCommand find = new();
        Command command = new("find", "Show who held which port when, from a file of 'bindsnoop record'")
        {
            find._files, find._port, find._at, find._from, find._to, find._failed, find._cause, find._container, find._unit, find._processId, find._comm, find._uid,
            find._protocol, find._address, find._netns, find._wide, find._json,
        };
        command.SetAction(find.Invoke);
        return command;
    }

    private int Invoke(ParseResult parsed)
    {
        RecordQuestion question = ReadQuestion(parsed);
        bool json = parsed.GetValue(_json);
        OutputBuffer output = new(StandardStream.Output);
        TextTable<RecordedBind> table = new(
            output,
            RecordedBind.Description,
            (parsed.GetValue(_wide) ? ColumnUse.Wide : ColumnUse.Narrow) | (question.At is null ? ColumnUse.Span : ColumnUse.Moment));
        JsonWriter writer = new(output);
        bool hasGaps = false;
        HashSet<string> blind = [];
        long found = 0;
        try
        {
            if (!json)
            {
                table.WriteHeadings();
            }

            foreach (string file in parsed.GetValue(_files)!)
            {
                using RecordReader reader = new(file);
                blind.Add(reader.Blind);
                foreach (RecordedBind next in reader.Ask(question))
                {
                    bool isGap = next.Kind == RecordedBind.Gap;
                    hasGaps |= isGap;
                    found += isGap ? 0 : 1;
                    if (json)
                    {
                        writer.Write(next, RecordedBind.Description);
                    }
                    else if (isGap)
                    {
                        Messages.Write(next.Explanation!);
                    }
                    else
                    {
                        table.WriteLine(next);
                    }
                }
            }

            output.Flush();
            if (!json && found == 0)
            {
                Messages.Write(hasGaps ? "Nothing was found, but the record is incomplete." : "Nothing was found, and the record has no gap in that period.");
                foreach (string unseen in blind.Where(b => b.Length > 0))
                {
                    Messages.Write($"The recorder does not see: {unseen}");
                }
            }
        }
        catch (ReaderGoneException)
        {
        }

        return hasGaps ? ExitStatus.NotKnown : ExitStatus.Success;
    }

    /// <exception cref="UsageException">A value is wrong.</exception>
    private RecordQuestion ReadQuestion(ParseResult parsed)
    {
        DateTimeOffset now = DateTimeOffset.Now;
        RecordQuestion question = new()
        {
            At = RunOptions.Read<DateTime?>(parsed, _at, text => RecordTime.Parse(text, now), null),
            From = RunOptions.Read<DateTime?>(parsed, _from, text => RecordTime.Parse(text, now), null),
            Until = RunOptions.Read<DateTime?>(parsed, _to, text => RecordTime.Parse(text, now), null),
            Port = FilterOptions.Values(parsed, _port, PortRange.Parse),
            Address = FilterOptions.Values(parsed, _address, AddressPrefix.Parse),
            Protocol = FilterOptions.Values(parsed, _protocol, Protocols.Parse),
            ProcessId = FilterOptions.Values(parsed, _processId, FilterOptions.ParseProcessId),
            Uid = FilterOptions.Values(parsed, _uid, Users.Parse),
            Comm = parsed.GetValue(_comm) ?? [],
            Unit = parsed.GetValue(_unit) ?? [],
            Container = parsed.GetValue(_container) ?? [],
            NetworkNamespace = FilterOptions.NetworkNamespace(parsed, _netns),
            Failed = parsed.GetValue(_failed),
            Cause = FilterOptions.Values(parsed, _cause, text => text),
        };
        try
        {
            question.Check();
            return question;
        }
        catch (TraceException exception)
        {
            throw new UsageException(exception);
        }
    }
}
