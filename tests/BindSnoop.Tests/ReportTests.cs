using System.Security.Cryptography;
using System.Text;
using BindSnoop.Input;
using BindSnoop.Reports;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>What reports are made of; the page itself: BindSnoop.Cli.Tests.</summary>
public sealed class ReportTests
{
    private const long Second = 1000;

    [Fact]
    public void StepsGrowAndNothingGetsLost()
    {
        Timeline timeline = new();
        Random random = new(1);
        long[] times = [.. Enumerable.Range(0, 5000).Select(_ => 1_700_000_000_000 + random.NextInt64(400_000 * Second))];
        foreach (long time in times)
        {
            timeline.Add(time, time % 2 == 0 ? "even" : "odd");
        }

        Assert.InRange(timeline.Length, 1, Timeline.Most);
        for (int i = 0; i < timeline.Length; i++)
        {
            long from = timeline.Start + (i * timeline.Step);
            Assert.Equal(times.Count(t => t % 2 == 0 && t >= from && t < from + timeline.Step), timeline.Of("even")[i]);
            Assert.Equal(times.Count(t => t % 2 != 0 && t >= from && t < from + timeline.Step), timeline.Of("odd")[i]);
        }
    }

    [Fact]
    public void TimesThatAreFarApartTakeNoMoreSteps()
    {
        Timeline timeline = new();
        timeline.Add(946_684_800_000, "a");
        timeline.Add(4_102_444_799_000, "a");
        Assert.InRange(timeline.Length, 2, Timeline.Most);
        Assert.Equal(2, timeline.Of("a").Sum());
    }

    [Fact]
    public void NamesWithoutEndTakeMemoryWithAnEnd()
    {
        NameCounts counts = new(100);
        for (int i = 0; i < 10_000; i++)
        {
            counts.Add($"rare {i}", Counted.Bind);
            counts.Add("often", Counted.Failure);
        }

        Assert.InRange(counts.Count, 100, 200);
        (string name, long[] values) = counts.Top(1)[0];
        Assert.Equal(("often", 10_000), (name, values[(int)Counted.Failure]));
        Assert.Equal(20_000, counts.Top(int.MaxValue).Sum(c => c.Counts.Sum()) + counts.Others);
    }

    [Theory]
    [InlineData("A,B\n1,2\n", "1|2")]
    [InlineData("A,B\r\n\"1\",\"2\"\r\n", "1|2")]
    [InlineData("\"A\",\"B\"\n\"say \"\"hi\"\", you\",\"two\nlines\"", "say \"hi\", you|two\nlines")]
    [InlineData("#TYPE BindSnoop.BindEvent\nA,B\n1,2", "1|2")]
    [InlineData("A,B\n\n1,\n,2\n3", "1|;|2;3|-")]
    [InlineData("A,B", "")]
    [InlineData("", "")]
    public void CsvIsRead(string text, string expected) => Assert.Equal(
        expected,
        string.Join(';', CsvRows.Read(new StringReader(text)).Select(r => $"{Value(r, "a")}|{Value(r, "B")}")));

    [Theory]
    [InlineData("A\n\"open")]
    [InlineData("A\n\"open\n\n\n1,2")]
    public void CsvThatDoesNotEndIsAnError(string text) => Assert.Throws<FormatException>(() => CsvRows.Read(new StringReader(text)).ToList());

    [Fact]
    public void ALineWithoutEndIsAnErrorBeforeMemoryRunsOut() =>
        Assert.Throws<FormatException>(() => CsvRows.Read(new StringReader($"A\n{new string('x', 5_000_000)}")).ToList());

    [Theory]
    [InlineData("[{\"A\":1},{\"A\":null}]", "1|-;-|-")]
    [InlineData("\ufeff {\"a\":\"\\ud800\"}\n{\"B\":[1]}", "\"\\ud800\"|-;-|[1]")]
    [InlineData("1", "")]
    public void AnyFormIsRead(string text, string expected) => Assert.Equal(
        expected,
        string.Join(';', InputReader.Read(new MemoryStream(Encoding.UTF8.GetBytes(text)), TestContext.Current.CancellationToken).Select(r => $"{Value(r, "A")}|{Value(r, "b")}")));

    /// <summary>What is refused is not counted, and what could not be read does not hide it.</summary>
    [Fact]
    public void ABrokenFileGivesWhatCouldBeRead()
    {
        BindReport report = new();
        using MemoryStream file = new("""
            {"RequestedPort":80,"Port":80,"Protocol":"TCP"}
            {"Colour":"red"}
            {"Colour":"blue"}
            {"RequestedPort":
            """u8.ToArray());
        string problem = Assert.IsType<string>(report.AddFile(file, "a file"));
        Assert.Equal("1 objects of 'a file'.", Assert.Single(report.Sources));
        Assert.Matches("^Object 2 of 'a file' is not an event, .* The same is true of 1 more\\. 'a file' cannot be read after its object 3: ", problem);
        Assert.Equal(problem, string.Join(' ', report.Missing));
    }

    /// <summary>What is run in a reader's browser is what was published.</summary>
    [Fact]
    public void TheChartLibraryIsAsPublished()
    {
        Dictionary<string, string> sums = Resource("SHA256SUMS").Split('\n', StringSplitOptions.RemoveEmptyEntries).ToDictionary(l => l[66..], l => l[..64]);
        Assert.Equal(3, sums.Count);
        foreach ((string file, string sum) in sums)
        {
            string name = file == "LICENSE" ? "report/uPlot.LICENSE" : $"report/{file}";
            using Stream content = typeof(BindEvent).Assembly.GetManifestResourceStream(name)!;
            Assert.Equal(sum, Convert.ToHexStringLower(SHA256.HashData(content)));
        }
    }

    private static string Value(InputRow row, string name) => row.TryGet(name, out object? value) && value is not null ? $"{value}" : "-";

    private static string Resource(string name)
    {
        using StreamReader reader = new(typeof(ReportTests).Assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }
}
