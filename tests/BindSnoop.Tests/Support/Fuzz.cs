using System.Diagnostics;
using System.Globalization;
using System.Runtime.ExceptionServices;
using System.Text;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>
/// Tries random inputs, the same ones every time, unless the environment says otherwise: BINDSNOOP_FUZZ_SEED
/// chooses others, BINDSNOOP_FUZZ_FACTOR makes it so many times as many.
/// </summary>
internal static class Fuzz
{
    private static readonly TimeSpan s_hang = TimeSpan.FromSeconds(20);

    private static readonly int s_seed = Read("BINDSNOOP_FUZZ_SEED", 1);
    private static readonly int s_factor = Read("BINDSNOOP_FUZZ_FACTOR", 1);

    /// <summary>Tries so many inputs; each is made from the random numbers given, and its outcome is a name to count.</summary>
    public static void Try(string what, int count, Func<Random, string> one)
    {
        Dictionary<string, int> outcomes = [];
        TimeSpan slowest = default;
        for (int i = 0; i < count * s_factor; i++)
        {
            // Of its own for each input, so that one can be tried again without all before it.
            int seed = unchecked((s_seed * 1_000_003) + i);
            long start = Stopwatch.GetTimestamp();
            try
            {
                string outcome = one(new Random(seed));
                outcomes[outcome] = outcomes.GetValueOrDefault(outcome) + 1;
            }
            catch (Exception exception)
            {
                TestContext.Current.TestOutputHelper?.WriteLine($"{what}: input {i} of BINDSNOOP_FUZZ_SEED={s_seed} (new Random({seed}))");
                ExceptionDispatchInfo.Throw(exception);
            }

            TimeSpan took = Stopwatch.GetElapsedTime(start);
            slowest = took > slowest ? took : slowest;
        }

        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{what}: {count * s_factor} inputs of seed {s_seed}: {string.Join(", ", outcomes.OrderByDescending(o => o.Value).Select(o => $"{o.Value} {o.Key}"))}; slowest {slowest.TotalMilliseconds:F1} ms"));
        Assert.True(slowest < s_hang, $"{what}: one took {slowest}");
    }

    /// <summary>Tries something that may refuse its input, but only by one error of this name, that is safe to print.</summary>
    public static string Refusable(string errorId, Action parse)
    {
        try
        {
            parse();
            return "accepted";
        }
        catch (TraceException exception)
        {
            Assert.Equal(errorId, exception.ErrorId);
            Assert.NotEmpty(exception.RecommendedAction);
            Assert.DoesNotContain(exception.Message, char.IsControl);
            return "refused";
        }
    }

    /// <summary>A text made of pieces that mean something here, of their neighbours, and of anything at all.</summary>
    public static string Text(Random random, params string[] pieces)
    {
        StringBuilder text = new();
        for (int i = random.Next(6); i >= 0; i--)
        {
            text.Append(random.Next(10) switch
            {
                < 6 => pieces[random.Next(pieces.Length)],
                6 => random.NextInt64().ToString(CultureInfo.InvariantCulture),
                7 => ((char)random.Next(32, 127)).ToString(),
                8 => ((char)random.Next(0x10000)).ToString(),
                _ => new string((char)random.Next(128), random.Next(300)),
            });
        }

        if (random.Next(4) == 0 && text.Length > 0)
        {
            text[random.Next(text.Length)] = (char)random.Next(256);
        }

        return text.ToString();
    }

    /// <summary>Changes bytes here and there, to anything or to numbers that are hard to get right.</summary>
    public static void Mutate(Random random, Span<byte> bytes)
    {
        ReadOnlySpan<uint> hard = [0, 1, 7, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0xffff_ffff, (uint)bytes.Length, (uint)bytes.Length - 1];
        for (int i = random.Next(1, 12); i > 0 && bytes.Length >= 4; i--)
        {
            // Half of them in the first few words, which decide how the rest is read.
            int at = random.Next(2) == 0 ? random.Next(Math.Min(bytes.Length - 3, 64)) : random.Next(bytes.Length - 3);
            if (random.Next(2) == 0)
            {
                bytes[at] = (byte)random.Next(256);
            }
            else
            {
                BitConverter.TryWriteBytes(bytes[(at & ~3)..], hard[random.Next(hard.Length)]);
            }
        }
    }

    private static int Read(string variable, int otherwise) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}
