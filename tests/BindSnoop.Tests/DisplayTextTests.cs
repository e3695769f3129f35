using System.Globalization;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace BindSnoop.Tests;

public sealed class DisplayTextTests
{
    // What has gone wrong elsewhere: escapes, halves of escapes, overrides, marks, all lengths of UTF-8, and broken ones.
    private static readonly byte[][] s_fragments =
    [
        "\\"u8.ToArray(), @"\\"u8.ToArray(), @"\x"u8.ToArray(), @"\x4"u8.ToArray(), @"\x41"u8.ToArray(), @"\u"u8.ToArray(),
        @"\u{"u8.ToArray(), @"\u{41}"u8.ToArray(), @"\u{202e}"u8.ToArray(), @"\u{110000}"u8.ToArray(), "}"u8.ToArray(), "x41"u8.ToArray(),
        [0x1b], [0x1b, (byte)'[', (byte)'2', (byte)'J'], [0], [0x7f], [0x80], [0xff], [0xc2, 0x9b], [0xc3], [0xe2, 0x80, 0xae], [0xe2, 0x80],
        [0xe2, 0x80, 0xa8], [0xef, 0xbb, 0xbf], [0xef, 0xbf, 0xbd], [0xee, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xf0, 0x9f, 0x90, 0x9d],
        [0xf4, 0x90, 0x80, 0x80], [0xf3, 0xa0, 0x80, 0x81], [0xc0, 0x80], "a"u8.ToArray(), " "u8.ToArray(), "ä"u8.ToArray(), "日"u8.ToArray(),
    ];

    private static Arbitrary<byte[]> Bytes { get; } = Gen
        .OneOf(ArbMap.Default.GeneratorFor<byte[]>(), Gen.Elements(s_fragments))
        .ArrayOf()
        .Select(parts => parts.SelectMany(p => p ?? []).ToArray())
        .ToArbitrary();

    private static Config ManyTimes { get; } = Config.QuickThrowOnFailure.WithMaxTest(20_000).WithQuietOnSuccess(true);

    [Fact]
    public void AnyBytesComeBack() => Prop.ForAll(Bytes, ComesBack).Check(ManyTimes);

    [Fact]
    public void AnyBytesAreSafe() => Prop.ForAll(Bytes, b => IsSafe(DisplayText.Escape(b))).Check(ManyTimes);

    [Fact]
    public void EveryPairOfBytes()
    {
        byte[] pair = new byte[2];
        for (int i = 0; i <= ushort.MaxValue; i++)
        {
            (pair[0], pair[1]) = ((byte)(i >> 8), (byte)i);
            Assert.True(ComesBack(pair) && IsSafe(DisplayText.Escape(pair)), Convert.ToHexString(pair));
        }
    }

    [Fact]
    public void EveryCharacter()
    {
        byte[] bytes = new byte[4];
        for (int value = 0; value <= 0x10ffff; value++)
        {
            if (Rune.TryCreate(value, out Rune rune))
            {
                byte[] one = bytes[..rune.EncodeToUtf8(bytes)];
                Assert.True(ComesBack(one) && IsSafe(DisplayText.Escape(one)), rune.Value.ToString("x", CultureInfo.InvariantCulture));
            }
        }
    }

    /// <summary>Text is escaped no further than it has to be.</summary>
    [Theory]
    [InlineData("nginx")]
    [InlineData("größe 日🐝")]
    [InlineData("a\"b'c,d;$(e)|<>&")]
    [InlineData("")]
    [InlineData(" a  b ")]
    public void HarmlessTextStays(string text) => Assert.Equal(text, DisplayText.Escape(text));

    [Theory]
    [InlineData("\u001b[2J", @"\x1b[2J")]
    [InlineData("a\nb", @"a\x0ab")]
    [InlineData("\u007f", @"\x7f")]
    [InlineData("\u009b31m", @"\u{009b}31m")]
    [InlineData("\u202edlo", @"\u{202e}dlo")]
    [InlineData("\u2028\u2029", @"\u{2028}\u{2029}")]
    [InlineData("\ufeff\ue000", @"\u{feff}\u{e000}")]
    [InlineData("\U000e0001", @"\u{e0001}")]
    [InlineData(@"C:\x41", @"C:\\x41")]
    public void WhatIsNotIsSpeltOut(string text, string expected) => Assert.Equal(expected, DisplayText.Escape(text));

    [Fact]
    public void InvalidBytesAreSpeltOut() =>
        Assert.Equal(@"\xff\xfe\xc3(\x80x", DisplayText.Escape([0xff, 0xfe, 0xc3, (byte)'(', 0x80, (byte)'x']));

    /// <summary>A user may write what is no escape as it is.</summary>
    [Theory]
    [InlineData(@"\q", @"\q")]
    [InlineData(@"\x4", @"\x4")]
    [InlineData(@"\xzz", @"\xzz")]
    [InlineData(@"\x+1", @"\x+1")]
    [InlineData(@"\", @"\")]
    [InlineData(@"\u{}", @"\u{}")]
    [InlineData(@"\u{110000}", @"\u{110000}")]
    [InlineData(@"\u{d800}", @"\u{d800}")]
    [InlineData(@"\u{ 41}", @"\u{ 41}")]
    [InlineData(@"\u{41", @"\u{41")]
    [InlineData(@"\x41\u{1f41d}", "A🐝")]
    [InlineData(@"\XFF", @"\XFF")]
    public void UnescapesEscapes(string text, string expected) =>
        Assert.Equal(expected, Encoding.UTF8.GetString(DisplayText.Unescape(text)));

    private static bool ComesBack(byte[] bytes) => DisplayText.Unescape(DisplayText.Escape(bytes)).AsSpan().SequenceEqual(bytes);

    private static bool IsSafe(string text)
    {
        // The ranges by number, not by .NET's tables, which the code itself goes by.
        for (int i = 0; i < text.Length; i++)
        {
            if (!Rune.TryGetRuneAt(text, i, out Rune rune))
            {
                return false;
            }

            i += rune.Utf16SequenceLength - 1;
            bool unsafeToPrint = rune.Value is < 0x20 or (>= 0x7f and <= 0x9f) or 0xad or 0x61c or 0x180e or (>= 0x200b and <= 0x200f)
                or (>= 0x2028 and <= 0x202e) or (>= 0x2060 and <= 0x206f) or (>= 0xe000 and <= 0xf8ff) or 0xfeff or (>= 0xfff9 and <= 0xfffb)
                or (>= 0x1d173 and <= 0x1d17a) or (>= 0xe0000 and <= 0xe007f) or >= 0xf0000 || (rune.Value & 0xfffe) == 0xfffe;
            if (unsafeToPrint)
            {
                return false;
            }
        }

        return true;
    }
}
