using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;

namespace BindSnoop.PowerShell.Completion;

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
