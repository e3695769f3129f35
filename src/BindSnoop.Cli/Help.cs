using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace BindSnoop.Cli;

/// <summary>Adds examples to the help that System.CommandLine makes.</summary>
internal sealed class HelpWithExamples(Command root) : SynchronousCommandLineAction
{
    private const int Width = 80;

    private const string Examples = """
        Options of a socket (OPTS), as set before the call:
          F....  IP_FREEBIND
          .T...  IP_TRANSPARENT
          ..N..  IP_BIND_ADDRESS_NO_PORT
          ...R.  SO_REUSEADDR
          ....r  SO_REUSEPORT

        Examples:
          bindsnoop                          every successful bind
          bindsnoop -E -P 8080               binds of port 8080, including failed ones
          bindsnoop -Uu www-data             binds of a user, with the user id
          bindsnoop -tw --address ::/0       IPv6 addresses in full, with times
          bindsnoop --count --duration 60    binds per address and port in a minute
          bindsnoop --json | jq .Address     JSON for other programs
          bindsnoop --quiet --metrics FILE   metrics for Prometheus' node exporter
          bindsnoop --prometheus 9435        metrics for Prometheus, over HTTP
          bindsnoop --quiet --otlp URL       events and metrics for OpenTelemetry
          bindsnoop accept -P 80,443         connections that a web server accepts
          bindsnoop listen                   which processes listen on which ports
          bindsnoop release -P 8080          who releases port 8080, and after how long
          bindsnoop top                      a live view of the busiest programs
          bindsnoop sockets -P 8080          who holds port 8080 now, in any container
          bindsnoop report FILE -o R.html    a page with charts of --json output
          bindsnoop record FILE              record events in a file
          bindsnoop find FILE -P 8080 --at 03:12  who held port 8080 last night

        bindsnoop(8) explains everything.
        """;

    public override int Invoke(ParseResult parseResult)
    {
        int result = new HelpAction { MaxWidth = Width }.Invoke(parseResult);
        if (parseResult.CommandResult.Command == root)
        {
            parseResult.InvocationConfiguration.Output.WriteLine(Examples);
        }

        return result;
    }
}
