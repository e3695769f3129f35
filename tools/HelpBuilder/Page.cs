using System.Text;
using Markdig;
using Markdig.Extensions.Yaml;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;

namespace BindSnoop.HelpBuilder;

/// <summary>A heading and what stands below it, up to the next heading of the same rank or a higher one.</summary>
internal sealed record Section(string Title, IReadOnlyList<Block> Blocks, IReadOnlyList<Section> Parts)
{
    /// <summary>The text without what belongs to parts, one string per paragraph or list item.</summary>
    public IEnumerable<string> Paragraphs => Blocks.SelectMany(b => PlainText.Paragraphs(b));

    /// <summary>Blocks of code in a language; of no language if it is empty.</summary>
    public IEnumerable<string> Code(string language) =>
        Blocks.OfType<FencedCodeBlock>().Where(b => (b.Info ?? "") == language).Select(PlainText.Code);
}

/// <summary>A Markdown file in the layout of PlatyPS: a title, sections, and parts of sections.</summary>
internal sealed class Page
{
    private static readonly MarkdownPipeline s_pipeline = new MarkdownPipelineBuilder().UseYamlFrontMatter().Build();

    public Page(string path)
    {
        List<Block> blocks = [.. Markdown.Parse(File.ReadAllText(path), s_pipeline).Where(b => b is not YamlFrontMatterBlock)];
        IReadOnlyList<Section> top = Split(blocks, 1, out _);
        Title = top is [var only] ? only.Title : throw new FormatException("There has to be one title.");
        if (Title != Path.GetFileNameWithoutExtension(path))
        {
            throw new FormatException($"The title is '{Title}', and the file is not named after it.");
        }

        Sections = only.Parts;
    }

    public string Title { get; }

    public IReadOnlyList<Section> Sections { get; }

    public Section this[string title] =>
        Sections.FirstOrDefault(s => s.Title == title) ?? throw new FormatException($"{Title} has no section '{title}'.");

    private static List<Section> Split(List<Block> blocks, int level, out List<Block> before)
    {
        List<Section> sections = [];
        int first = blocks.FindIndex(b => b is HeadingBlock heading && heading.Level == level);
        before = first < 0 ? blocks : blocks[..first];
        while (first >= 0)
        {
            int next = blocks.FindIndex(first + 1, b => b is HeadingBlock heading && heading.Level == level);
            List<Section> parts = Split(blocks[(first + 1)..(next < 0 ? blocks.Count : next)], level + 1, out List<Block> own);
            sections.Add(new Section(PlainText.Inline(((HeadingBlock)blocks[first]).Inline), own, parts));
            first = next;
        }

        return sections;
    }
}

/// <summary>Markdown as text for a terminal.</summary>
internal static class PlainText
{
    public static IEnumerable<string> Paragraphs(Block block) => block switch
    {
        ParagraphBlock paragraph => [Inline(paragraph.Inline)],
        ListBlock list => list.Cast<ListItemBlock>().Select(i => $"- {string.Join(' ', i.SelectMany(Paragraphs))}"),
        FencedCodeBlock => [],
        _ => throw new FormatException($"Line {block.Line + 1}: help has no {block.GetType().Name}."),
    };

    public static string Code(LeafBlock block) => block.Lines.ToString();

    public static string Inline(ContainerInline? inlines)
    {
        StringBuilder text = new();
        foreach (Inline inline in inlines ?? Enumerable.Empty<Inline>())
        {
            text.Append(inline switch
            {
                LiteralInline literal => literal.Content.ToString(),
                CodeInline code => code.Content,
                LineBreakInline => " ",
                HtmlEntityInline entity => entity.Transcoded.ToString(),
                AutolinkInline link => link.Url,
                LinkInline link when link.Url?.StartsWith("https://", StringComparison.Ordinal) == true => $"{Inline(link)} ({link.Url})",
                ContainerInline container => Inline(container),
                _ => throw new FormatException($"Line {inline.Line + 1}: help has no {inline.GetType().Name}."),
            });
        }

        return text.ToString();
    }
}
