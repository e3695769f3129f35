using System.Text;

namespace BindSnoop.Cli.Output;

/// <summary>What is for the user and not part of the output: standard error, a line at a time.</summary>
internal static class Messages
{
    public static void Write(string message)
    {
        StringBuilder safe = new(message.Length + 1);
        foreach (char c in message)
        {
            // Texts of others were made readable where they came in; this is for those that were not.
            safe.Append(char.IsControl(c) && c != '\n' ? '?' : c);
        }

        try
        {
            StandardStream.Error.Write(Encoding.UTF8.GetBytes(safe.Append('\n').ToString()));
        }
        catch (Exception exception) when (exception is OutputException or ReaderGoneException)
        {
            // No one is left to read it.
        }
    }
}
