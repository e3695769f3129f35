using System.Diagnostics;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>The programs of the kernel look as .clang-format says.</summary>
public class FormatTests
{
    // Another version makes something else of the same style.
    private const string Version = "version 14.";

    [Fact]
    public void KernelProgramsAreFormatted()
    {
        string? root = AppContext.BaseDirectory;
        while (root is not null && !File.Exists(Path.Combine(root, ".clang-format")))
        {
            root = Path.GetDirectoryName(root);
        }

        Assert.SkipWhen(root is null, "The sources are not here.");
        Assert.SkipUnless(Run("--version").Output.Contains(Version, StringComparison.Ordinal), "clang-format 14 is not installed.");
        string[] sources = [.. Directory.EnumerateFiles(Path.Combine(root, "bpf")).Where(f => Path.GetExtension(f) is ".c" or ".h")];
        Assert.NotEmpty(sources);
        Assert.Equal((0, ""), Run(["--dry-run", "--Werror", .. sources]));
    }

    private static (int Status, string Output) Run(params string[] arguments)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo("clang-format", arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            Task<string> errors = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd() + errors.Result;
            process.WaitForExit();
            return (process.ExitCode, output);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return (-1, "");
        }
    }
}
