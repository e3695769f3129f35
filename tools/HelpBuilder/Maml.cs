using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace BindSnoop.HelpBuilder;

/// <summary>The XML that Get-Help reads for the cmdlets of an assembly.</summary>
internal static partial class Maml
{
    private static readonly XNamespace s_root = "http://msh";
    private static readonly XNamespace s_maml = "http://schemas.microsoft.com/maml/2004/10";
    private static readonly XNamespace s_command = "http://schemas.microsoft.com/maml/dev/command/2004/10";
    private static readonly XNamespace s_dev = "http://schemas.microsoft.com/maml/dev/2004/10";

    /// <summary>A parameter as its block of YAML describes it.</summary>
    private sealed record Parameter(string Name, IEnumerable<string> Description, IReadOnlyDictionary<string, string> Facts)
    {
        public string this[string fact] =>
            Facts.TryGetValue(fact, out string? value) ? value : throw new FormatException($"The parameter {Name} lacks '{fact}'.");

        public bool IsSwitch => this["Type"] == "SwitchParameter";
    }

    public static XDocument Make(IEnumerable<Page> pages) => new(
        new XElement(s_root + "helpItems", new XAttribute("schema", "maml"), pages.Select(Command)));

    private static XElement Command(Page page)
    {
        List<Parameter> parameters =
            [.. page["PARAMETERS"].Parts.Where(p => p.Title.StartsWith('-')).Select(p => new Parameter(p.Title[1..], p.Paragraphs, Facts(p)))];
        string[] name = page.Title.Split('-', 2);
        return new XElement(
            s_command + "command",
            new XAttribute(XNamespace.Xmlns + "maml", s_maml),
            new XAttribute(XNamespace.Xmlns + "command", s_command),
            new XAttribute(XNamespace.Xmlns + "dev", s_dev),
            new XElement(
                s_command + "details",
                new XElement(s_command + "name", page.Title),
                new XElement(s_command + "verb", name[0]),
                new XElement(s_command + "noun", name[1]),
                Text("description", page["SYNOPSIS"].Paragraphs)),
            Text("description", page["DESCRIPTION"].Paragraphs),
            new XElement(s_command + "syntax", Syntaxes(page["SYNTAX"]).Select(s => Syntax(page.Title, s, parameters))),
            new XElement(s_command + "parameters", parameters.Select(p => Describe(p, inSyntax: false))),
            Types(page["INPUTS"], "inputTypes", "inputType"),
            Types(page["OUTPUTS"], "returnValues", "returnValue"),
            new XElement(s_maml + "alertSet", new XElement(s_maml + "alert", Paragraphs(page["NOTES"].Paragraphs))),
            new XElement(s_command + "examples", page["EXAMPLES"].Parts.Select(Example)),
            new XElement(s_command + "relatedLinks", page["RELATED LINKS"].Paragraphs.Select(Link)));
    }

    /// <summary>The syntaxes: one below each name of a parameter set, or just one.</summary>
    private static IEnumerable<string> Syntaxes(Section section) =>
        section.Code("").Concat(section.Parts.SelectMany(p => p.Code("")));

    private static XElement Syntax(string command, string syntax, List<Parameter> parameters) => new(
        s_command + "syntaxItem",
        new XElement(s_maml + "name", command),
        ParameterName().Matches(syntax).Select(m => Describe(
            parameters.FirstOrDefault(p => p.Name == m.Groups[1].Value) ??
                throw new FormatException($"The syntax of {command} has the parameter {m.Groups[1].Value}, which is not described."),
            inSyntax: true)));

    private static XElement Describe(Parameter parameter, bool inSyntax) => new(
        s_command + "parameter",
        new XAttribute("required", Lower(parameter["Required"])),
        new XAttribute("variableLength", parameter["Type"].EndsWith("[]", StringComparison.Ordinal) ? "true" : "false"),
        new XAttribute("globbing", Lower(parameter["Accept wildcard characters"])),
        new XAttribute("pipelineInput", parameter["Accept pipeline input"]),
        new XAttribute("position", Lower(parameter["Position"])),
        new XAttribute("aliases", parameter["Aliases"] is { Length: > 0 } aliases ? aliases : "none"),
        new XElement(s_maml + "name", parameter.Name),
        Text("description", parameter.Description),
        inSyntax && parameter.Facts.TryGetValue("Accepted values", out string? values)
            ? new XElement(s_command + "parameterValueGroup", values.Split(", ").Select(v => Value(v, required: false)))
            : null,
        inSyntax && parameter.IsSwitch ? null : Value(parameter["Type"], required: !parameter.IsSwitch),
        new XElement(s_dev + "type", new XElement(s_maml + "name", parameter["Type"]), new XElement(s_maml + "uri")),
        new XElement(s_dev + "defaultValue", parameter["Default value"]));

    private static XElement Value(string text, bool required) =>
        new(s_command + "parameterValue", new XAttribute("required", required), new XAttribute("variableLength", false), text);

    private static XElement Types(Section section, string listName, string name) => new(
        s_command + listName,
        section.Parts.Select(p => new XElement(
            s_command + name,
            new XElement(s_dev + "type", new XElement(s_maml + "name", p.Title)),
            Text("description", p.Paragraphs))));

    private static XElement Example(Section section)
    {
        // What fits a terminal of 80 columns, as far as Get-Help indents it.
        const int TitleWidth = 72;
        string title = $" {section.Title} ";
        return new(
            s_command + "example",
            new XElement(s_maml + "title", title.PadLeft((TitleWidth + title.Length) / 2, '-').PadRight(TitleWidth, '-')),
            new XElement(s_dev + "code", string.Join("\n\n", section.Code("powershell").Concat(section.Code("output")))),
            new XElement(s_dev + "remarks", Paragraphs(section.Paragraphs.Append(""))));
    }

    private static XElement Link(string text) => new(
        s_maml + "navigationLink",
        new XElement(s_maml + "linkText", text.TrimStart('-', ' ')),
        new XElement(s_maml + "uri"));

    private static XElement Text(string name, IEnumerable<string> paragraphs) => new(s_maml + name, Paragraphs(paragraphs));

    private static IEnumerable<XElement> Paragraphs(IEnumerable<string> texts) => texts.Select(t => new XElement(s_maml + "para", t));

    private static Dictionary<string, string> Facts(Section section)
    {
        string yaml = section.Code("yaml").SingleOrDefault() ?? throw new FormatException($"{section.Title} needs one block of YAML.");
        return yaml.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l.Split(':', 2)).ToDictionary(f => f[0].Trim(), f => f[1].Trim());
    }

    private static string Lower(string text) => text.ToLowerInvariant();

    [GeneratedRegex(@"(?<=[\s\[])-(\w+)")]
    private static partial Regex ParameterName();
}
