using System.Runtime.CompilerServices;

namespace BindSnoop.Proving;

/// <summary>Gets the code of a proof compiled on a separate thread, once for each kind.</summary>
internal static class Rehearsal
{
    private static readonly HashSet<(string Kind, bool IsCounting)> s_begun = [];

    /// <summary>Begins, if that has not happened yet and is of any use.</summary>
    public static void Begin(string kind, bool isCounting, Action rehearse)
    {
        lock (s_begun)
        {
            if (!RuntimeFeature.IsDynamicCodeCompiled || !s_begun.Add((kind, isCounting)))
            {
                return;
            }
        }

        new Thread(() => Try(rehearse)) { IsBackground = true, Name = "rehearsal" }.Start();
    }

    private static void Try(Action rehearse)
    {
        try
        {
            rehearse();
        }
#pragma warning disable CA1031 // Whatever it is, the proof itself is to meet and report it; on this thread it would end the process.
        catch
#pragma warning restore CA1031
        {
        }
    }
}
