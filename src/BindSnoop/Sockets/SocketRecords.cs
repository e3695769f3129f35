using System.Runtime.InteropServices;
using BindSnoop.Abi;

namespace BindSnoop.Sockets;

/// <summary>
/// Records of sockets, of which there may be many thousands, for as long as they are joined. They are none of the garbage
/// collector's, which would copy them as they grow in number, and be woken by it.
/// </summary>
internal sealed unsafe class SocketRecords : IDisposable
{
    private const int FirstCapacity = 1024;

    private byte* _records;
    private nuint _capacity;
    private nuint _length;

    ~SocketRecords() => NativeMemory.Free(_records);

    public int Count => (int)(_length / (nuint)sizeof(SocketRecord));

    public ref readonly SocketRecord this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count);
            return ref ((SocketRecord*)_records)[index];
        }
    }

    /// <summary>Room behind what there is, for <see cref="Advance"/>.</summary>
    /// <param name="bytes">How much it has to be.</param>
    public byte* Reserve(int bytes)
    {
        if (_capacity - _length < (nuint)bytes)
        {
            nuint capacity = Math.Max(Math.Max(2 * _capacity, (nuint)(FirstCapacity * sizeof(SocketRecord))), _length + (nuint)bytes);
            _records = (byte*)NativeMemory.Realloc(_records, capacity);
            _capacity = capacity;
        }

        return _records + _length;
    }

    /// <summary>Adds what has been written to the room reserved; a record may be completed later.</summary>
    public void Advance(int bytes) => _length += (nuint)bytes;

    public void Add(ReadOnlySpan<SocketRecord> records)
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(records);
        bytes.CopyTo(new Span<byte>(Reserve(bytes.Length), bytes.Length));
        Advance(bytes.Length);
    }

    public void Dispose()
    {
        NativeMemory.Free(_records);
        _records = null;
        _capacity = _length = 0;
        GC.SuppressFinalize(this);
    }
}
