using BindSnoop.HelpBuilder;

if (args is not [var source, var target, var helpFile])
{
    Console.Error.WriteLine("usage: HelpBuilder MARKDOWN-FOLDER OUTPUT-FOLDER HELP-FILE-NAME");
    return 2;
}

Directory.CreateDirectory(target);
List<Page> commands = [];
foreach (string path in Directory.EnumerateFiles(source, "*.md").Order(StringComparer.Ordinal))
{
    try
    {
        Page page = new(path);
        if (page.Title.StartsWith("about_", StringComparison.Ordinal))
        {
            File.WriteAllText(Path.Combine(target, $"{page.Title}.help.txt"), AboutText.Make(page));
        }
        else
        {
            commands.Add(page);
        }
    }
    catch (FormatException exception)
    {
        // In the form that MSBuild shows as an error of the file.
        Console.Error.WriteLine($"{path} : error HELP: {exception.Message}");
        return 1;
    }
}

try
{
    Maml.Make(commands).Save(Path.Combine(target, helpFile));
    return 0;
}
catch (FormatException exception)
{
    Console.Error.WriteLine($"{source} : error HELP: {exception.Message}");
    return 1;
}
