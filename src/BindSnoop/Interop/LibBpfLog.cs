using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace BindSnoop.Interop;

/// <summary>
/// Keeps what libbpf says while the calling thread loads or attaches, so that it ends up in the error
/// and never on the terminal. Debug messages are left out.
/// </summary>
internal static unsafe class LibBpfLog
{
    private const int Debug = 2;

    [ThreadStatic]
    private static StringBuilder? s_lines;

    static LibBpfLog() => LibBpf.libbpf_set_print(&Print);

    /// <summary>Starts to collect on this thread; forgets what was collected before.</summary>
    public static void Begin() => s_lines = new StringBuilder();

    /// <summary>Returns what was collected on this thread and stops collecting.</summary>
    public static string End()
    {
        string lines = s_lines?.ToString().Trim() ?? "";
        s_lines = null;
        return lines;
    }

    [UnmanagedCallersOnly]
    private static int Print(int level, byte* format, nint arguments)
    {
        if (level >= Debug || s_lines is not { } lines)
        {
            return 0;
        }

        // A va_list is passed as an address on both x86-64 and arm64. A message may hold a whole verifier log.
        const int Size = 1 << 18;
        byte* buffer = (byte*)NativeMemory.Alloc(Size);
        int length = Math.Min(Libc.vsnprintf(buffer, Size, format, arguments), Size - 1);
        if (length > 0)
        {
            lines.Append(Encoding.UTF8.GetString(buffer, length));
        }

        NativeMemory.Free(buffer);
        return length;
    }
}
