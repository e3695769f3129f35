using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using BindSnoop.Abi;
using BindSnoop.Host;
using BindSnoop.Loading;
using BindSnoop.Interop;
using BindSnoop.Names;
using BindSnoop.Reading;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>Whatever is parsed, of the user's or of the kernel's, is taken or refused by one error; nothing crashes or hangs.</summary>
public sealed unsafe partial class FuzzTests
{
    private static readonly string[] s_numbers = ["0", "1", "80", "65535", "65536", "-", ",", " ", "+", "0x", "4294967295", "8000-8999", "\u0661"];

    private static readonly string[] s_addresses =
        ["10", "0", "255", "256", ".", ":", "::", "/", "8", "32", "33", "128", "ffff", "fe80", "%eth0", "[", "]", "192.0.2.1", "2001:db8::", "::ffff:", "010"];

    private static readonly string[] s_names = ["tcp", "TCP", "mptcp", "udp", "root", "nobody", "6", "262", "512", "-", "\u001b[2J", "\0", "ı"];

    private static readonly string[] s_paths =
        ["/", "..", ".", "sys/fs/cgroup", "system.slice", "user", "\\x2d", "docker-", ".scope", "machine-", "lxc.payload.", "@", ".service", "\0", "\u001b",
         "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "(deleted)", "proc/self"];

    // Hash maps the most, then others that have keys.
    private static readonly int[] s_mapTypes = [1, 1, 1, 1, 1, 1, 1, 2, 5, 6, 9, 10, 11, 27];

    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MemFdCreate(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "mprotect", SetLastError = true)]
    private static partial int MProtect(byte* address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "ftruncate", SetLastError = true)]
    private static partial int Truncate(int fd, long length);

    // ---- what users write

    [Fact]
    public void Ports() => Fuzz.Try("ports", 10_000, random =>
    {
        string text = Fuzz.Text(random, s_numbers);
        return Fuzz.Refusable("InvalidPort", () =>
        {
            PortRange range = PortRange.Parse(text);
            Assert.True(range.First <= range.Last);
            Assert.Equal(range, PortRange.Parse(range.ToString()));
        });
    });

    [Fact]
    public void Addresses() => Fuzz.Try("addresses", 10_000, random =>
    {
        string text = Fuzz.Text(random, s_addresses);
        return Fuzz.Refusable("InvalidAddress", () =>
        {
            AddressPrefix prefix = AddressPrefix.Parse(text);
            Assert.InRange(prefix.Length, 0, prefix.Address.GetAddressBytes().Length * 8);
            Assert.Equal(prefix, AddressPrefix.Parse(prefix.ToString()));
        });
    });

    [Fact]
    public void ProtocolNames() => Fuzz.Try("protocols", 10_000, random =>
    {
        string text = Fuzz.Text(random, s_names);
        return Fuzz.Refusable("InvalidProtocol", () => Assert.InRange(Protocols.Parse(text), 1, 511));
    });

    [Fact]
    public void UserNames() => Fuzz.Try("users", 2_000, random =>
    {
        string text = Fuzz.Text(random, s_names);
        return Fuzz.Refusable("UserNotFound", () => Users.Parse(text));
    });

    [Fact]
    public void CgroupPaths() => Fuzz.Try("cgroup paths", 5_000, random =>
    {
        string text = Fuzz.Text(random, s_paths);
        return Fuzz.Refusable("CgroupNotFound", () => Cgroups.Open(text).Dispose());
    });

    /// <summary>The names of containers and units within them, whoever made the cgroup.</summary>
    [Fact]
    public void CgroupPathsOfOthers() => Fuzz.Try("names in cgroup paths", 10_000, random =>
    {
        string path = DisplayText.Escape(Fuzz.Text(random, s_paths));
        CgroupOwner owner = CgroupOwner.Of(path);
        Assert.DoesNotContain(owner.Unit + owner.UserUnit + owner.ContainerId + owner.UserContainerId, char.IsControl);
        return owner.ContainerId is { Length: > 0 } || owner.UserContainerId is { Length: > 0 } ? "with a container" : "without";
    });

    [Fact]
    public void Escapes() => Fuzz.Try("escaped names", 10_000, random =>
    {
        byte[] bytes = DisplayText.Unescape(Fuzz.Text(random, @"\x1b", @"\u{202e}", @"\\", @"\", "x", "u{", "}", "é", "\u202e"));
        string shown = DisplayText.Escape(bytes);
        Assert.DoesNotContain(shown, char.IsControl);
        Assert.Equal(bytes, DisplayText.Unescape(shown));
        return "shown";
    });

    [Fact]
    public void Policies()
    {
        byte[] whole = """
            { "Default": "Deny", "Rules": [
              { "Name": "web", "Action": "Allow", "Comm": ["nginx", "apache*"], "Uid": [0, "root"], "Port": ["80", "8000-8999"], "Protocol": "TCP" },
              { "Name": "rest", "Action": "Deny", "Address": ["10.0.0.0/8", "::1"], "AddressFamily": "IPv6", "Unit": "*.service", "ContainerId": "*", "Gid": 5 } ] }
            """u8.ToArray();
        Fuzz.Try("policies", 5_000, random =>
        {
            byte[] json = [.. whole];
            for (int i = random.Next(4); i >= 0; i--)
            {
                // Part of it to another place, so that it stays JSON now and then; or any bytes.
                int from = random.Next(json.Length), to = random.Next(json.Length);
                byte[] part = random.Next(3) == 0
                    ? Encoding.UTF8.GetBytes(Fuzz.Text(random, "\"", "[", "]", "{", "}", ",", ":", "null", "true", "*", "-1", "1e99", "\\ud800"))
                    : json[from..Math.Min(from + random.Next(1, 40), json.Length)];
                json = [.. json[..to], .. part, .. json[Math.Min(to + random.Next(part.Length + 1), json.Length)..]];
            }

            return Fuzz.Refusable("InvalidPolicy", () =>
            {
                BindPolicy policy = BindPolicy.FromJson(json, "fuzz");
                Assert.Equal(policy.ToJson(), BindPolicy.FromJson(policy.ToJson(), "fuzz").ToJson());
            });
        });
    }

    // ---- pinned maps

    [Fact]
    public void PinnedMaps()
    {
        Requires.Tracing();
        using BpfFileSystem fileSystem = new();
        int number = 0;
        Fuzz.Try("pinned maps", 60, random =>
        {
            int type = s_mapTypes[random.Next(s_mapTypes.Length)];
            int keySize = random.Next(3) == 0 ? random.Next(64) : 4 << random.Next(2);
            int valueSize = random.Next(3) == 0 ? random.Next(64) : 4 << random.Next(2);
            PinnedMap map;
            try
            {
                map = new PinnedMap(fileSystem, $"m{number++}", valueSize, keySize, type);
            }
            catch (InvalidOperationException)
            {
                return "not to be made";
            }

            using (map)
            {
                bool cgroups = random.Next(2) == 0;
                TraceFilter filter = cgroups ? new() { CgroupMap = map.Path } : new() { MountNamespaceMap = map.Path };
                string outcome = Fuzz.Refusable("PinnedMapMismatch", () => new BindTracer(new TraceOptions { BufferSize = Environment.SystemPageSize, Filter = filter }).Dispose());
                Assert.Equal((type, keySize, valueSize) == (PinnedMap.TypeHash, 8, cgroups ? 8 : 4) ? "accepted" : "refused", outcome);
                return outcome;
            }
        });
    }

    // ---- what the kernel delivers

    [Fact]
    public void Samples() => Fuzz.Try("samples", 5_000, random =>
    {
        byte[] bytes = new byte[Unsafe.SizeOf<BindSample>()];
        Fill(random, bytes);
        Show(new BindEvent(SampleBytes.As<BindSample>(bytes), new EventContext(random.NextInt64(DateTime.MaxValue.Ticks), Backend.Fentry)));
        bytes = new byte[Unsafe.SizeOf<AcceptSample>()];
        Fill(random, bytes);
        Show(new AcceptEvent(SampleBytes.As<AcceptSample>(bytes), new EventContext(random.NextInt64(DateTime.MaxValue.Ticks), Backend.Fentry)));
        bytes = new byte[Unsafe.SizeOf<ListenSample>()];
        Fill(random, bytes);
        Show(new ListenEvent(SampleBytes.As<ListenSample>(bytes), new EventContext(random.NextInt64(DateTime.MaxValue.Ticks), Backend.Fentry)));
        bytes = new byte[Unsafe.SizeOf<ReleaseSample>()];
        Fill(random, bytes);
        Show(new ReleaseEvent(SampleBytes.As<ReleaseSample>(bytes), new EventContext(random.NextInt64(DateTime.MaxValue.Ticks), Backend.Fentry)));
        bytes = new byte[Unsafe.SizeOf<BindCountKey>()];
        Fill(random, bytes);
        Show(new BindCount(MemoryMarshal.Read<BindCountKey>(bytes), random.NextInt64(), BindEvent.Definition));
        return "shown";
    });

    /// <summary>The kernel's clock may say anything, too.</summary>
    [Fact]
    public void Times() => Fuzz.Try("times", 10_000, random =>
    {
        KernelClock clock = default;
        clock.Synchronize();
        ulong time = (ulong)random.NextInt64() >> random.Next(64);
        return new DateTime(clock.ToUtcTicks(time), DateTimeKind.Utc).ToLocalTime() > DateTime.MinValue ? "shown" : "at the end of times";
    });

    [Fact]
    public void SizesOfSamples() => Fuzz.Try("sizes of samples", 5_000, random =>
    {
        byte[] bytes = new byte[random.Next(400)];
        return Fuzz.Refusable("InvalidRecord", () => SampleBytes.As<BindSample>(bytes));
    });

    /// <summary>A buffer as the kernel maps it, with anything in it.</summary>
    [Fact]
    public void RingBuffers()
    {
        int page = Environment.SystemPageSize;
        Fuzz.Try("ring buffers", 1_000, random =>
        {
            int size = page << random.Next(3);
            using FileDescriptor buffer = new(MemFdCreate("buffer", 1));
            using FileDescriptor waiting = new(MemFdCreate("waiting", 1));
            Assert.Equal(0, Truncate(buffer.Value, (2 * page) + (2 * size)) | Truncate(waiting.Value, page));
            using (MemoryMap memory = MemoryMap.Map(buffer.Value, (nuint)((2 * page) + (2 * size)), writable: true, 0))
            {
                // Consumer's page, producer's page, and the data twice.
                ulong consumer = random.Next(3) == 0 ? (ulong)random.NextInt64() : (ulong)random.Next(0, 1 << 20) & ~7ul;
                *(ulong*)memory.Pointer = consumer;
                *(ulong*)(memory.Pointer + page) = random.Next(4) == 0 ? (ulong)random.NextInt64() : consumer + (ulong)random.Next(4 * size);
                Span<byte> data = new(memory.Pointer + (2 * page), 2 * size);
                for (int at = 0; at + 8 <= size;)
                {
                    uint length = random.Next(8) switch { 0 => (uint)random.NextInt64(), 1 => (uint)random.Next(400) | 1u << 30, 2 when at > size / 2 => 1u << 31, _ => (uint)random.Next(300) };
                    BitConverter.TryWriteBytes(data[at..], length);
                    at += (int)Math.Max(8, RingBuffer.RoomFor((int)(length & 0xfff)));
                }

                data[..size].CopyTo(data[size..]);
            }

            using RingBuffer ring = new(buffer.Value, size, waiting.Value);
            int read = 0;
            return Fuzz.Refusable("InvalidRecord", () =>
            {
                // What the kernel would have to have overwritten itself is no longer looked at.
                for (ReadOnlySpan<byte> sample; !(sample = ring.Read()).IsEmpty && read++ < 10_000;)
                {
                    _ = sample[0] + sample[^1];
                }
            });
        });
    }

    /// <summary>At the end of its memory, so that a look past it would end the process.</summary>
    [Fact]
    public void TypeInformation()
    {
        byte[] small = BpfTypes.Raw("bind", "x64");
        using Guarded memory = new(Math.Max(small.Length, 1 << 16));
        Fuzz.Try("type information", 5_000, random =>
        {
            byte[] bytes;
            if (random.Next(4) == 0)
            {
                bytes = new byte[random.Next(4096)];
                random.NextBytes(bytes);
                if (bytes.Length > 24)
                {
                    // So that at least the head is believed.
                    new uint[] { 0x0001eb9f, 24, 0, (uint)(bytes.Length - 24) / 2 & ~3u, (uint)(bytes.Length - 24) / 2, (uint)(bytes.Length - 24) / 2 }.AsSpan()
                        .CopyTo(MemoryMarshal.Cast<byte, uint>(bytes.AsSpan()));
                    bytes[^1] = 0;
                }
            }
            else
            {
                bytes = random.Next(3) == 0 ? small[..random.Next(small.Length)] : [.. small];
                Fuzz.Mutate(random, bytes);
            }

            return Fuzz.Refusable("BtfNotFound", () => _ = new KernelTypes(memory.Put(bytes), ["inet_bind"]).HasTaskRegisters);
        });
    }

    /// <summary>The kernel's own, with mistakes in it.</summary>
    [Fact]
    public void TypeInformationOfTheKernel()
    {
        const string Path = "/sys/kernel/btf/vmlinux";
        Assert.SkipUnless(File.Exists(Path), "This kernel provides no type information.");
        byte[] whole = File.ReadAllBytes(Path);
        byte[] sockets = TracerDefinition.LoadObject("sockets", "x64");
        using Guarded memory = new(whole.Length);
        Assert.True(new KernelTypes(memory.Put(whole), ["inet_bind"]).HasFunction("inet_bind"));
        Fuzz.Try("type information of the kernel", 30, random =>
        {
            byte[] bytes = random.Next(3) == 0 ? whole[..random.Next(whole.Length)] : [.. whole];
            Fuzz.Mutate(random, bytes);
            return Fuzz.Refusable("BtfNotFound", () =>
            {
                _ = BtfSubset.Make(memory.Put(bytes), sockets);
                _ = new KernelTypes(memory.Put(bytes), ["inet_bind"]).HasTaskRegisters;
            });
        });
    }

    private static void Fill(Random random, byte[] bytes)
    {
        random.NextBytes(bytes);
        for (int i = random.Next(4); i > 0; i--)
        {
            int at = random.Next(bytes.Length);
            bytes.AsSpan(at, random.Next(bytes.Length - at)).Fill(random.Next(2) == 0 ? (byte)0 : (byte)0xff);
        }
    }

    /// <summary>Reads everything.</summary>
    private static void Show(object shown)
    {
        foreach (PropertyInfo property in shown.GetType().GetProperties())
        {
            if (property.GetValue(shown) is string text)
            {
                Assert.DoesNotContain(text, char.IsControl);
            }
        }

        Assert.DoesNotContain($"{shown}", char.IsControl);
    }

    /// <summary>Memory with a page behind it that nobody may touch.</summary>
    private sealed class Guarded : IDisposable
    {
        private readonly FileDescriptor _file = new(MemFdCreate("guarded", 1));
        private readonly MemoryMap _memory;
        private readonly int _size;

        public Guarded(int most)
        {
            int page = Environment.SystemPageSize;
            _size = (most + page - 1) / page * page;
            Assert.Equal(0, Truncate(_file.Value, _size + page));
            _memory = MemoryMap.Map(_file.Value, (nuint)(_size + page), writable: true, 0);
            Assert.Equal(0, MProtect(_memory.Pointer + _size, (nuint)page, 0));
        }

        public ReadOnlySpan<byte> Put(byte[] bytes)
        {
            Span<byte> end = new(_memory.Pointer + _size - bytes.Length, bytes.Length);
            bytes.CopyTo(end);
            return end;
        }

        public void Dispose()
        {
            _memory.Dispose();
            _file.Dispose();
        }
    }
}
