using System.Runtime.InteropServices;
using BindSnoop.Abi;

namespace BindSnoop.Sockets;

/// <summary>
/// Samples of sockets, of which there may be many thousands, for as long as they are joined. They are none of the garbage
/// collector's, which would copy them as they grow in number, and be woken by it.
/// </summary>
internal sealed unsafe class SocketSamples : IDisposable
{
    private const int FirstCapacity = 1024;

    private byte* _samples;
    private nuint _capacity;
    private nuint _length;

    ~SocketSamples() => NativeMemory.Free(_samples);

    public int Count => (int)(_length / (nuint)sizeof(SocketSample));

    public ref readonly SocketSample this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count);
            return ref ((SocketSample*)_samples)[index];
        }
    }

    /// <summary>Room behind what there is, for <see cref="Advance"/>.</summary>
    /// <param name="bytes">How much it has to be.</param>
    public byte* Reserve(int bytes)
    {
        if (_capacity - _length < (nuint)bytes)
        {
            nuint capacity = Math.Max(Math.Max(2 * _capacity, (nuint)(FirstCapacity * sizeof(SocketSample))), _length + (nuint)bytes);
            _samples = (byte*)NativeMemory.Realloc(_samples, capacity);
            _capacity = capacity;
        }

        return _samples + _length;
    }

    /// <summary>Adds what has been written to the room reserved; a sample may be completed later.</summary>
    public void Advance(int bytes) => _length += (nuint)bytes;

    public void Add(ReadOnlySpan<SocketSample> samples)
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(samples);
        bytes.CopyTo(new Span<byte>(Reserve(bytes.Length), bytes.Length));
        Advance(bytes.Length);
    }

    public void Dispose()
    {
        NativeMemory.Free(_samples);
        _samples = null;
        _capacity = _length = 0;
        GC.SuppressFinalize(this);
    }
}
