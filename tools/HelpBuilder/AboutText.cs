using System.Text;
using Markdig.Syntax;

namespace BindSnoop.HelpBuilder;

/// <summary>A topic such as about_BindSnoop, as Get-Help shows it.</summary>
internal static class AboutText
{
    private const int Width = 78;

    public static string Make(Page page)
    {
        StringBuilder text = new();
        text.AppendLine("TOPIC").AppendLine($"    {page.Title}");
        foreach (Section section in page.Sections)
        {
            // Get-Help looks for SHORT DESCRIPTION.
            text.AppendLine().AppendLine(section.Title.ToUpperInvariant());
            Append(text, section);
            foreach (Section part in section.Parts)
            {
                text.AppendLine().AppendLine($"  {part.Title}");
                Append(text, part);
            }
        }

        return text.ToString();
    }

    private static void Append(StringBuilder text, Section section)
    {
        bool first = true;
        foreach (Block block in section.Blocks)
        {
            if (!first)
            {
                text.AppendLine();
            }

            first = false;
            if (block is FencedCodeBlock code)
            {
                foreach (string line in PlainText.Code(code).Split('\n'))
                {
                    text.AppendLine($"        {line}".TrimEnd());
                }

                continue;
            }

            foreach (string paragraph in PlainText.Paragraphs(block))
            {
                Wrap(text, paragraph, paragraph.StartsWith("- ", StringComparison.Ordinal) ? "      " : "    ");
            }
        }
    }

    private static void Wrap(StringBuilder text, string paragraph, string indent)
    {
        StringBuilder line = new("   ");
        foreach (string word in paragraph.Split(' '))
        {
            if (line.Length + 1 + word.Length > Width)
            {
                text.Append(line).AppendLine();
                line.Clear().Append(indent, 1, indent.Length - 1);
            }

            line.Append(' ').Append(word);
        }

        text.Append(line).AppendLine();
    }
}
