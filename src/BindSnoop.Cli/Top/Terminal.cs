using System.Runtime.InteropServices;
using System.Text;
using BindSnoop.Cli.Output;

namespace BindSnoop.Cli.Top;

/// <summary>The terminal while a program has all of it: its second screen, without a cursor. Disposal gives it back as it was.</summary>
internal sealed class Terminal : IDisposable
{
    private const string Enter = "\e[?1049h\e[?25l";
    private const string Leave = "\e[?25h\e[?1049l";

    // All of a picture at once, for terminals that know that.
    private const string BeginPicture = "\e[?2026h\e[H";
    private const string EndPicture = "\e[J\e[?2026l";

    // By number, as signal(7) has them: the names are not for every system that .NET runs on.
    private const PosixSignal WindowChanged = (PosixSignal)28;
    private const PosixSignal Stop = (PosixSignal)20;
    private const PosixSignal Continue = (PosixSignal)18;

    private readonly PosixSignalRegistration[] _registrations;
    private readonly object _lock = new();
    private string _shown = "";
    private bool _left;

    /// <summary>Takes it.</summary>
    /// <param name="onResize">Called when what is shown has to be drawn anew.</param>
    public Terminal(Action onResize)
    {
        Write(Enter);
        _registrations =
        [
            PosixSignalRegistration.Create(WindowChanged, _ => Redraw(onResize)),

            // Ctrl-Z gives it back until the program continues.
            PosixSignalRegistration.Create(Stop, _ => Write(Leave)),
            PosixSignalRegistration.Create(Continue, _ =>
            {
                Write(Enter);
                Redraw(onResize);
            }),
        ];
    }

    /// <summary>Columns and lines.</summary>
    public static (int Width, int Height) Size => (Math.Max(20, Console.WindowWidth), Math.Max(5, Console.WindowHeight));

    /// <summary>Shows these lines, if they are others than before.</summary>
    public void Show(string lines)
    {
        lock (_lock)
        {
            if (lines != _shown)
            {
                _shown = lines;
                Write($"{BeginPicture}{lines.ReplaceLineEndings("\e[K\r\n")}\e[K{EndPicture}");
            }
        }
    }

    public void Dispose()
    {
        Array.ForEach(_registrations, r => r.Dispose());
        lock (_lock)
        {
            if (!_left)
            {
                _left = true;
                Write(Leave);
            }
        }
    }

    private static void Write(string text)
    {
        try
        {
            StandardStream.Output.Write(Encoding.UTF8.GetBytes(text));
        }
        catch (Exception exception) when (exception is OutputException or ReaderGoneException)
        {
            // The terminal is gone, and SIGHUP is on its way.
        }
    }

    private void Redraw(Action onResize)
    {
        lock (_lock)
        {
            _shown = "";
        }

        onResize();
    }
}
