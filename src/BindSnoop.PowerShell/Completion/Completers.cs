using System.Collections;
using System.Diagnostics;
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Language;
using BindSnoop.Kernel;

namespace BindSnoop.PowerShell.Completion;

/// <summary>Offers words that begin with what was typed.</summary>
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
               where offer.Word.StartsWith(word, StringComparison.OrdinalIgnoreCase)
               select new CompletionResult(Quote(offer.Word), offer.Word, CompletionResultType.ParameterValue, offer.Hint),
        ];
    }

    /// <summary>What can be offered, each with a hint.</summary>
    protected abstract IEnumerable<(string Word, string Hint)> Offers(string word);

    private static string Quote(string word) =>
        word.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '/' or '.')
            ? word
            : $"'{CodeGeneration.EscapeSingleQuotedStringContent(word)}'";
}

/// <summary>Offers protocol names.</summary>
public sealed class ProtocolCompleter : WordCompleter
{
    private static readonly string[] s_usual = ["TCP", "UDP", "MPTCP", "SCTP", "UDPLITE", "ICMP", "ICMPV6", "DCCP"];

    /// <inheritdoc/>
    protected override IEnumerable<(string Word, string Hint)> Offers(string word) =>
        s_usual.Concat(word.Length == 0 ? [] : Protocols.Names.Except(s_usual).Order(StringComparer.Ordinal))
            .Select(name => (name, $"protocol {Protocols.Parse(name)}"));
}

/// <summary>Offers the names of background traces.</summary>
public sealed class TraceNameCompleter : WordCompleter
{
    /// <inheritdoc/>
    protected override IEnumerable<(string Word, string Hint)> Offers(string word) =>
        BindSnoopModule.Registry.Traces.Select(t => (t.Name, $"{t.Mode}, {t.State}"));
}

/// <summary>Offers the users of this machine.</summary>
public sealed class UserCompleter : WordCompleter
{
    /// <inheritdoc/>
    protected override IEnumerable<(string Word, string Hint)> Offers(string word) =>
        from line in Platform.ReadFile("/etc/passwd").Split('\n')
        let fields = line.Split(':')
        where fields.Length > 2
        select (fields[0], $"uid {fields[2]}");
}

/// <summary>Offers processes, by id.</summary>
public sealed class ProcessCompleter : WordCompleter
{
    /// <inheritdoc/>
    protected override IEnumerable<(string Word, string Hint)> Offers(string word)
    {
        foreach (Process process in Process.GetProcesses())
        {
            using (process)
            {
                yield return (process.Id.ToString(CultureInfo.InvariantCulture), DisplayText.Escape(process.ProcessName));
            }
        }
    }
}

/// <summary>Offers cgroups, one level at a time.</summary>
public sealed class CgroupCompleter : WordCompleter
{
    /// <inheritdoc/>
    protected override IEnumerable<(string Word, string Hint)> Offers(string word)
    {
        if (Cgroups.MountPoint is not { } mount)
        {
            return [];
        }

        string parent = word[..(word.LastIndexOf('/') + 1)];
        DirectoryInfo directory = new($"{mount}/{parent}");
        return directory.Exists
            ? directory.EnumerateDirectories().Select(d => ($"{(parent.Length == 0 ? "/" : parent)}{d.Name}", d.FullName))
            : [];
    }
}
