using System.Collections;
using System.Diagnostics;
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Language;
using System.Net.NetworkInformation;
using BindSnoop.Host;
using BindSnoop.Names;
using BindSnoop.Sockets;

namespace BindSnoop.PowerShell.Completion;

/// <summary>One thing that can be completed to.</summary>
/// <param name="Word">What to put on the command line, without quotes.</param>
/// <param name="Hint">What distinguishes it from others.</param>
/// <param name="Shown">What a menu shows, if not the word.</param>
public sealed record Offer(string Word, string Hint, string? Shown = null);

/// <summary>Offers what begins with what was typed.</summary>
public abstract class WordCompleter : IArgumentCompleter
{
    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        string word = wordToComplete.Trim('\'', '"');
        return
        [
            .. from offer in Offers(word)
               where Fits(offer, word)
               select new CompletionResult(
                   Quote(offer.Word), DisplayText.Escape(offer.Shown ?? offer.Word), CompletionResultType.ParameterValue, DisplayText.Escape(offer.Hint)),
        ];
    }

    /// <summary>What can be offered.</summary>
    protected abstract IEnumerable<Offer> Offers(string word);

    /// <summary>Whether an offer is what was meant.</summary>
    protected virtual bool Fits(Offer offer, string word) => offer.Word.StartsWith(word, StringComparison.OrdinalIgnoreCase);

    // Anything that PowerShell might interpret is quoted.
    private static string Quote(string word) =>
        word.Length > 0 && word.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '/' or '.' or ':') && word[0] is not '-'
            ? word
            : $"'{CodeGeneration.EscapeSingleQuotedStringContent(word)}'";
}

/// <summary>Offers protocol names.</summary>
public sealed class ProtocolCompleter : WordCompleter
{
    private static readonly string[] s_usual = ["TCP", "UDP", "MPTCP", "SCTP", "UDPLITE", "ICMP", "ICMPV6", "DCCP"];

    /// <inheritdoc/>
    protected override IEnumerable<Offer> Offers(string word) =>
        s_usual.Concat(word.Length == 0 ? [] : Protocols.Names.Except(s_usual).Order(StringComparer.Ordinal))
            .Select(name => new Offer(name, $"protocol {Protocols.Parse(name)}"));
}

/// <summary>Offers reasons why binds fail.</summary>
public sealed class CauseCompleter : WordCompleter
{
    /// <inheritdoc/>
    protected override IEnumerable<Offer> Offers(string word) => Diagnosis.BindCause.All.Select(c => new Offer(c, $"cause {c}"));
}

/// <summary>Offers the names of background traces.</summary>
public sealed class TraceNameCompleter : WordCompleter
{
    // The parameter takes patterns.
    /// <inheritdoc/>
    protected override IEnumerable<Offer> Offers(string word) =>
        BindSnoopModule.Registry.Traces.Select(t => new Offer(WildcardPattern.Escape(t.Name), $"{t.Mode}, {t.State}, {t.Filter}", t.Name));

    /// <inheritdoc/>
    protected override bool Fits(Offer offer, string word) =>
        base.Fits(offer, word) || offer.Shown!.StartsWith(word, StringComparison.OrdinalIgnoreCase);
}

/// <summary>Offers the network namespaces that have names.</summary>
public sealed class NetworkNamespaceCompleter : WordCompleter
{
    /// <inheritdoc/>
    protected override IEnumerable<Offer> Offers(string word) =>
        NetworkNamespaces.Names.Select(name => new Offer(name, "network namespace"))
            .Append(new(NetworkNamespaces.Host, "the host's")).Append(new("/proc/self/ns/net", "this process's own"));
}

/// <summary>Offers the units of the system that run.</summary>
public sealed class UnitCompleter : WordCompleter
{
    /// <inheritdoc/>
    protected override IEnumerable<Offer> Offers(string word) =>
        Cgroups.Owners().Select(o => o.Owner.Unit!).Where(u => u.Length > 0).Distinct().Order(StringComparer.Ordinal).Select(u => new Offer(u, $"unit {u}"));
}

/// <summary>Offers the containers that run, by name, else by id.</summary>
public sealed class ContainerCompleter : WordCompleter
{
    /// <inheritdoc/>
    protected override IEnumerable<Offer> Offers(string word) =>
        from owner in Cgroups.Owners()
        let id = owner.Owner.ContainerId is { Length: > 0 } system ? system : owner.Owner.UserContainerId!
        where id.Length > 0
        group Containers.Of(owner.Path)?.Name by id into same
        let name = same.FirstOrDefault(n => n is { Length: > 0 })
        orderby name
        select new Offer(name ?? same.Key, $"container {same.Key}");
}

/// <summary>Offers the states of sockets.</summary>
public sealed class SocketStateCompleter : WordCompleter
{
    /// <inheritdoc/>
    protected override IEnumerable<Offer> Offers(string word) =>
        SocketSelection.States.Select(state => new Offer(state, SocketSelection.HolderStates.Contains(state) ? "shown by default" : "of connections"));
}

/// <summary>Offers the users of this machine.</summary>
public sealed class UserCompleter : WordCompleter
{
    /// <inheritdoc/>
    protected override IEnumerable<Offer> Offers(string word) =>
        from line in Platform.ReadFile("/etc/passwd").Split('\n')
        let fields = line.Split(':')
        where fields.Length > 2
        select new Offer(fields[0], $"uid {fields[2]}");
}

/// <summary>Offers processes, by id or by name.</summary>
public sealed class ProcessCompleter : WordCompleter
{
    /// <inheritdoc/>
    protected override IEnumerable<Offer> Offers(string word)
    {
        foreach (Process process in Process.GetProcesses().OrderBy(p => p.Id))
        {
            using (process)
            {
                string id = process.Id.ToString(CultureInfo.InvariantCulture);
                yield return new Offer(id, process.ProcessName, $"{id} {process.ProcessName}");
            }
        }
    }

    /// <inheritdoc/>
    protected override bool Fits(Offer offer, string word) =>
        base.Fits(offer, word) || offer.Hint.StartsWith(word, StringComparison.OrdinalIgnoreCase);
}

/// <summary>Offers the names that processes have now, as events show them.</summary>
public sealed class CommCompleter : WordCompleter
{
    /// <inheritdoc/>
    protected override IEnumerable<Offer> Offers(string word) =>
        from directory in Directory.EnumerateDirectories("/proc")
        where int.TryParse(Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture, out _)
        let comm = Platform.ReadBytes($"{directory}/comm")
        where comm.Length > 1
        group directory by DisplayText.Escape(comm.AsSpan()[..^1]) into same
        orderby same.Key
        select new Offer(same.Key, same.Count() == 1 ? $"process {Path.GetFileName(same.First())}" : $"{same.Count()} processes");
}

/// <summary>Offers the addresses of this machine.</summary>
public sealed class AddressCompleter : WordCompleter
{
    /// <inheritdoc/>
    protected override IEnumerable<Offer> Offers(string word) =>
        new Offer[] { new("0.0.0.0", "any IPv4 address"), new("::", "any IPv6 address") }.Concat(
            from network in NetworkInterface.GetAllNetworkInterfaces()
            from address in network.GetIPProperties().UnicastAddresses
            let text = address.Address.ToString().Split('%')[0]
            select new Offer(text, $"{network.Name}, {text}/{address.PrefixLength}"));
}

/// <summary>Offers cgroups, one level at a time.</summary>
public sealed class CgroupCompleter : WordCompleter
{
    /// <inheritdoc/>
    protected override IEnumerable<Offer> Offers(string word)
    {
        if (Cgroups.MountPoint is not { } mount)
        {
            return [];
        }

        // Both are cgroups to the parameter: a path in the file system, and one in the hierarchy.
        string parent = word[..(word.LastIndexOf('/') + 1)];
        DirectoryInfo directory = new(parent.StartsWith($"{mount}/", StringComparison.Ordinal) ? parent : $"{mount}/{parent}");
        return directory.Exists
            ? directory.EnumerateDirectories()
                .Where(d => !d.Name.Any(char.IsControl))
                .OrderBy(d => d.Name, StringComparer.Ordinal)
                .Select(d => new Offer($"{(parent.Length == 0 ? "/" : parent)}{d.Name}", d.FullName))
            : [];
    }

    /// <inheritdoc/>
    protected override bool Fits(Offer offer, string word) => base.Fits(offer, word) || base.Fits(offer, $"/{word}");
}
