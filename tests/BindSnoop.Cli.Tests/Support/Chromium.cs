using PuppeteerSharp;
using Xunit;

namespace BindSnoop.Cli.Tests;

/// <summary>The machine's own Chromium, once for all tests of a class.</summary>
public sealed class Chromium : IAsyncLifetime
{
    private IBrowser? _browser;

    public async ValueTask InitializeAsync()
    {
        string? program = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Select(d => Path.Combine(d, "chromium")).FirstOrDefault(File.Exists);
        if (program is not null)
        {
            _browser = await Puppeteer.LaunchAsync(new LaunchOptions
            {
                ExecutablePath = program,
                Headless = true,

                // Root has no sandbox, and a container little in /dev/shm.
                Args = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars"],
            });
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null)
        {
            await _browser.DisposeAsync();
        }
    }

    /// <summary>Opens a file, and takes down what is not to happen: requests, errors, exceptions.</summary>
    internal async Task<OpenedPage> OpenAsync(string path, bool dark = false, int width = 1280, bool bypassPolicy = false)
    {
        Assert.SkipWhen(_browser is null, "There is no Chromium.");
        IPage page = await _browser.NewPageAsync();
        OpenedPage opened = new(page);
        page.Console += (_, e) => opened.Troubles.Add($"console: {e.Message.Text}");
        page.PageError += (_, e) => opened.Troubles.Add($"error: {e.Message}");
        page.Dialog += (_, e) => opened.Troubles.Add($"dialog: {e.Dialog.Message}");
        page.Request += (_, e) => opened.Requests.Add(e.Request.Url);
        await page.SetBypassCSPAsync(bypassPolicy);
        await page.SetViewportAsync(new ViewPortOptions { Width = width, Height = 900 });
        await page.EmulateMediaFeaturesAsync([new MediaFeatureValue { MediaFeature = MediaFeature.PrefersColorScheme, Value = dark ? "dark" : "light" }]);
        await page.GoToAsync(new Uri(path).AbsoluteUri);
        return opened;
    }
}

/// <summary>A page that is open, and what happened in it.</summary>
internal sealed class OpenedPage(IPage page) : IAsyncDisposable
{
    public IPage Page { get; } = page;

    public List<string> Troubles { get; } = [];

    public List<string> Requests { get; } = [];

    /// <summary>The texts of the elements.</summary>
    public Task<string[]> TextsAsync(string selector) =>
        Page.EvaluateFunctionAsync<string[]>("s => [...document.querySelectorAll(s)].map(e => e.textContent)", selector);

    public async ValueTask DisposeAsync() => await Page.DisposeAsync();
}
