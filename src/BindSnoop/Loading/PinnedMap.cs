using System.Runtime.InteropServices;
using BindSnoop.Host;
using BindSnoop.Interop;

namespace BindSnoop.Loading;

/// <summary>Pinned maps of the user's, whose keys say what is wanted.</summary>
internal static unsafe class PinnedMap
{
    private const uint MapTypeHash = 1;

    /// <summary>Opens a hash map with 64-bit keys.</summary>
    /// <param name="path">In a BPF file system; only its owner and root may be able to change it.</param>
    /// <param name="valueSize">What its values must have.</param>
    /// <exception cref="TraceException"><c>PinnedMapNotFound</c>, <c>PinnedMapNotTrusted</c> or <c>PinnedMapMismatch</c>.</exception>
    public static FileDescriptor Open(string path, uint valueSize)
    {
        const string Remedy = "Give the path of a pinned BPF hash map, such as /sys/fs/bpf/mymap; 'bpftool map create' creates one.";
        string? resolved = TrustedPath.Resolve(path, out int errno);
        FileDescriptor pinned = new(resolved is null ? -1 : LibBpf.bpf_obj_get(resolved));
        try
        {
            if (resolved is null || pinned.IsInvalid)
            {
                throw TraceException.FromErrno(
                    "PinnedMapNotFound",
                    $"Opening the pinned map '{DisplayText.Escape(path)}' failed",
                    resolved is null ? errno : Marshal.GetLastPInvokeError(),
                    Remedy,
                    path);
            }

            if (TrustedPath.OthersWhoMayChange(resolved) is { } others)
            {
                // Changing the map decides what is seen. Checking after it was opened is soon enough: a path that no one else
                // can change now could not be changed before.
                throw new TraceException(
                    "PinnedMapNotTrusted",
                    TraceErrorKind.PermissionDenied,
                    $"Others could change the pinned map '{DisplayText.Escape(path)}': {others}.",
                    "Pin it where only root can write, such as /sys/fs/bpf, with owner root and mode 600.",
                    path);
            }

            // struct bpf_map_info (linux/bpf.h): type, id, key size, value size.
            const int Size = 88;
            uint* info = stackalloc uint[Size / sizeof(uint)];
            uint length = Size;
            int result = LibBpf.bpf_obj_get_info_by_fd(pinned.Value, info, ref length);
            if (result < 0 || info[0] != MapTypeHash || info[2] != sizeof(ulong) || info[3] != valueSize)
            {
                throw new TraceException(
                    "PinnedMapMismatch",
                    TraceErrorKind.InvalidArgument,
                    result < 0
                        ? $"'{DisplayText.Escape(path)}' is not a BPF map."
                        : $"The pinned map '{DisplayText.Escape(path)}' has type {info[0]}, keys of {info[2]} bytes and values of {info[3]}; " +
                          $"it should be a hash (type {MapTypeHash}) with keys of {sizeof(ulong)} and values of {valueSize}.",
                    Remedy,
                    path);
            }

            return pinned;
        }
        catch
        {
            pinned.Dispose();
            throw;
        }
    }
}
