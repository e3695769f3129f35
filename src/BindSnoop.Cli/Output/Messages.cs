using System.Text;

namespace BindSnoop.Cli.Output;

/// <summary>Messages to the user, which are not part of the output: lines on standard error.</summary>
internal static class Messages
{
    public static void Write(string message)
    {
        StringBuilder safe = new(message.Length + 1);
        foreach (char c in message)
        {
            // Foreign text was escaped where it came in; this is for any that was not.
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
