using System.Globalization;
using System.Xml.Linq;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>The files of formats and types of the PowerShell module agree with what the engine says of each kind.</summary>
public class ViewTests
{
    private static readonly XElement s_formats = Load("BindSnoop.Format.ps1xml");
    private static readonly XElement s_types = Load("BindSnoop.Types.ps1xml");

    private static readonly Dictionary<Type, Description> s_descriptions = new(
        EventDefinition.All.Select(d => KeyValuePair.Create(d.Type, d.Description)))
    {
        [typeof(BindSocket)] = BindSocket.Description,
        [typeof(BindPortTest)] = BindPortTest.Description,
        [typeof(RecordedBind)] = RecordedBind.Description,
    };

    public static TheoryData<Type> Events => [.. EventDefinition.All.Select(d => d.Type)];

    [Theory]
    [MemberData(nameof(Events))]
    public void TheViewsOfAnEventHaveTheColumnsOfItsText(Type type)
    {
        Description description = s_descriptions[type];
        Assert.Equal(description.Headings(ColumnUse.Narrow), HeadingsOf($"BindSnoop.{type.Name}"));
        if (EventDefinition.All.Single(d => d.Type == type).CanFail)
        {
            Assert.Equal(description.Headings(ColumnUse.Narrow | ColumnUse.Errors), HeadingsOf($"BindSnoop.{type.Name}#IncludeError"));
        }

        ViewsOf(type, "Wide");
        ViewsOf(type, "Time");
    }

    [Fact]
    public void TheViewOfSocketsHasTheColumnsOfTheirText() =>
        Assert.Equal(BindSocket.Description.Headings(ColumnUse.Narrow), HeadingsOf("BindSnoop.BindSocket"));

    [Fact]
    public void TheViewsOfRecordsHaveTheColumnsOfTheirText()
    {
        Assert.Equal(RecordedBind.Description.Headings(ColumnUse.Narrow | ColumnUse.Span), HeadingsOf("BindSnoop.RecordedBind"));
        Assert.Equal(RecordedBind.Description.Headings(ColumnUse.Narrow | ColumnUse.Moment), HeadingsOf("BindSnoop.RecordedBind#Moment"));
    }

    /// <summary>With a space between columns, and none in the last one of a terminal, as PowerShell has it.</summary>
    [Theory]
    [InlineData("BindSnoop.RecordedBind")]
    [InlineData("BindSnoop.RecordedBind#Moment")]
    public void TheViewsOfRecordsFitATerminal(string view)
    {
        int[] widths = [.. Assert.Single(s_formats.Descendants("View"), v => v.Element("Name")!.Value == view).Descendants("Width").Select(w => int.Parse(w.Value, CultureInfo.InvariantCulture))];
        Assert.InRange(widths.Sum() + widths.Length - 1, 1, 79);
    }

    [Fact]
    public void ColumnsShowTheFieldsWhoseHeadingsTheyHave()
    {
        int seen = 0;
        foreach ((Type type, Description description) in s_descriptions)
        {
            Dictionary<string, string> headings = description.Fields.Where(f => f.Heading is not null).ToDictionary(f => f.Name, f => f.Heading!);
            foreach (XElement view in ViewsOf(type))
            {
                IEnumerable<(string Label, XElement Item)> columns = view.Descendants("TableColumnHeader").Select(h => h.Element("Label")!.Value)
                    .Zip(view.Descendants("TableColumnItem"));
                foreach ((string label, XElement item) in columns)
                {
                    seen++;
                    string? property = item.Element("PropertyName")?.Value;

                    // What is no field (an end point) has any heading; what is made by a script has one that there is.
                    if (property is null ? !headings.ContainsValue(label) : headings.GetValueOrDefault(property, label) != label)
                    {
                        Assert.Fail($"{view.Element("Name")!.Value} shows {property ?? item.Value} as {label}.");
                    }
                }
            }
        }

        Assert.InRange(seen, 50, int.MaxValue);
    }

    [Fact]
    public void EveryPropertyThatIsShownExists()
    {
        foreach (Type type in s_descriptions.Keys)
        {
            IEnumerable<XElement> inViews = ViewsOf(type).SelectMany(v => v.Descendants("PropertyName"));
            IEnumerable<XElement> inTypes = s_types.Elements("Type").Where(t => t.Element("Name")!.Value == $"BindSnoop.{type.Name}")
                .SelectMany(t => t.Descendants("ReferencedProperties").Elements("Name").Concat(t.Descendants("ReferencedMemberName")));
            Assert.All(inViews.Concat(inTypes), name => Assert.NotNull(type.GetProperty(name.Value)));
        }
    }

    [Theory]
    [MemberData(nameof(Events))]
    public void EveryEventHasWhatItIsShownByWithoutAView(Type type)
    {
        Assert.Single(s_types.Elements("Type"), t =>
            t.Element("Name")!.Value == $"BindSnoop.{type.Name}" && t.Descendants("PropertySet").Elements("Name").Any(n => n.Value == "DefaultDisplayPropertySet"));
        Assert.Single(ViewsOf(type), v => v.Element("ListControl") is not null);
    }

    private static IEnumerable<string> HeadingsOf(string view) =>
        Assert.Single(s_formats.Descendants("View"), v => v.Element("Name")!.Value == view).Descendants("Label").Select(l => l.Value);

    private static XElement[] ViewsOf(Type type, string? name = null)
    {
        XElement[] views =
        [
            .. s_formats.Descendants("View").Where(v =>
                v.Element("ViewSelectedBy")!.Elements().Any(e => e.Value.Split('#')[0] == $"BindSnoop.{type.Name}") &&
                (name is null || v.Element("Name")!.Value == name)),
        ];
        Assert.NotEmpty(views);
        return views;
    }

    private static XElement Load(string file)
    {
        using Stream stream = typeof(ViewTests).Assembly.GetManifestResourceStream(file)!;
        return XElement.Load(stream);
    }
}
