using System.Globalization;

namespace BindSnoop.Bench;

/// <summary>A line for each single result: what, of which variant, in which round, the value.</summary>
internal sealed class Results(string path) : IDisposable
{
    private readonly StreamWriter _file = new(path, append: true) { AutoFlush = true };

    public void Add(string what, string variant, int round, double value) =>
        _file.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}\t{variant}\t{round}\t{value:0.###}"));

    public void Skip(string what, string variant, string reason) =>
        _file.WriteLine($"{what}\t{variant}\tskip\t{reason.ReplaceLineEndings(" ").Replace('\t', ' ')}");

    public void Dispose() => _file.Dispose();
}
