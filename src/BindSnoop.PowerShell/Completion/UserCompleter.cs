using BindSnoop.Host;

namespace BindSnoop.PowerShell.Completion;

/// <summary>Offers the users of this machine.</summary>
public sealed class UserCompleter : WordCompleter
{
    /// <inheritdoc/>
    protected override IEnumerable<Offer> Offers(string word) =>
        from line in SystemFile.ReadText("/etc/passwd").Split('\n')
        let fields = line.Split(':')
        where fields.Length > 2
        select new Offer(fields[0], $"uid {fields[2]}");
}
