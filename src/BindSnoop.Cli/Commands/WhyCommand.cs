using System.CommandLine;
using BindSnoop.Cli.Output;
using BindSnoop.Host;
using BindSnoop.Names;

namespace BindSnoop.Cli.Commands;

/// <summary><c>bindsnoop why</c>: whether a port could be bound, else why not and who is in the way.</summary>
internal sealed class WhyCommand
{
    private readonly Argument<string> _endpoint = new("ADDRESS:PORT") { HelpName = "[ADDRESS:]PORT", Description = "The port, with an address if not all: 8080, 127.0.0.1:53, [::1]:443" };
    private readonly Option<string?> _protocol = new("--protocol") { HelpName = "NAME", Description = "The protocol: TCP (the default), UDP, MPTCP, SCTP, ... or a number" };
    private readonly Option<string?> _uid = new("--uid", "-u") { HelpName = "USER", Description = "Check for this user, by number or name" };
    private readonly Option<string?> _processId = new("--pid", "-p") { HelpName = "PID", Description = "Check for this process, in its network namespace" };
    private readonly Option<string?> _netns = new("--netns") { HelpName = "NETNS", Description = "Check in this network namespace: inode number, name of 'ip netns', path, or Host" };
    private readonly Option<bool> _reuseAddress = new("--reuseaddr") { Description = "Check with SO_REUSEADDR set" };
    private readonly Option<bool> _reusePort = new("--reuseport") { Description = "Check with SO_REUSEPORT set" };
    private readonly Option<bool> _only = new("--v6only") { Description = "Check with IPV6_V6ONLY set" };
    private readonly Option<bool> _json = new("--json") { Description = "Print one JSON object" };

    private WhyCommand()
    {
        _protocol.CompletionSources.Add("TCP", "UDP", "UDPLITE", "MPTCP", "SCTP");
    }

    public static Command Create()
    {
        WhyCommand why = new();
        Command command = new("why", "Explain why a port cannot be bound, and who is in the way")
        {
            why._endpoint, why._protocol, why._uid, why._processId, why._netns, why._reuseAddress, why._reusePort, why._only, why._json,
        };
        command.SetAction(why.Invoke);
        return command;
    }

    /// <summary>Reads <c>PORT</c>, <c>ADDRESS:PORT</c> or <c>[ADDRESS]:PORT</c>.</summary>
    /// <exception cref="TraceException"><c>InvalidEndpoint</c>, <c>InvalidAddress</c>.</exception>
    internal static BindRequest ParseEndpoint(string text)
    {
        int colon = text.LastIndexOf(':');
        string address = colon < 0 ? "*" : text[..colon];

        // An IPv6 address ends in what may be a port.
        bool isAmbiguous = address.Contains(':', StringComparison.Ordinal) && !(address.StartsWith('[') && address.EndsWith(']'));
        return !isAmbiguous && ushort.TryParse(text.AsSpan(colon + 1), System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out ushort port)
            ? new BindRequest { Port = port, Address = BindRequest.ParseAddress(address) }
            : throw new TraceException(
                "InvalidEndpoint",
                TraceErrorKind.InvalidArgument,
                $"'{DisplayText.Escape(text)}' is neither a port nor an address and a port.",
                "Give a port such as 8080, an IPv4 address and a port such as 127.0.0.1:53, or an IPv6 address in brackets such as [::1]:443.",
                text);
    }

    private int Invoke(ParseResult parsed)
    {
        BindPortTest test = BindPortTest.Run(ReadRequest(parsed));
        OutputBuffer output = new(StandardStream.Output);
        try
        {
            if (parsed.GetValue(_json))
            {
                new JsonWriter(output).Write(test, BindPortTest.Description);
            }
            else
            {
                foreach (string unseen in test.Available == false ? [] : test.Unseen)
                {
                    Messages.Write(unseen);
                }

                string verdict = test.Available switch { true => "can be bound", false => "cannot be bound", null => "may be bound or not" };
                string error = test.ErrorName.Length > 0 ? $" ({test.ErrorName}, {test.Cause})" : "";
                output.Left($"{test.Protocol} {test.Endpoint} {verdict}{error}: {test.Explanation}", 0);
                output.EndLine();
                if (test.Holders.Count > 0)
                {
                    new TextTable<BindSocket>(output, BindSocket.Description, ColumnUse.Narrow).Write(test.Holders);
                }
            }

            output.Flush();
        }
        catch (ReaderGoneException)
        {
        }

        return test.Available == true ? ExitStatus.Success : ExitStatus.Failure;
    }

    /// <exception cref="UsageException">A value is wrong.</exception>
    private BindRequest ReadRequest(ParseResult parsed) => UsageException.For(ParseEndpoint, parsed.GetValue(_endpoint)!) with
    {
        Protocol = parsed.GetValue(_protocol) is { } protocol ? UsageException.For(Protocols.Parse, protocol) : (ushort)6,
        Uid = parsed.GetValue(_uid) is { } user ? UsageException.For(Users.Parse, user) : null,
        ProcessId = parsed.GetValue(_processId) is { } process ? UsageException.For(FilterOptions.ParseProcessId, process) : null,
        NetworkNamespace = parsed.GetValue(_netns) is { } netns ? UsageException.For(NetworkNamespaces.Parse, netns) : null,
        ReuseAddress = parsed.GetValue(_reuseAddress),
        ReusePort = parsed.GetValue(_reusePort),
        IPv6Only = parsed.GetValue(_only),
    };
}
