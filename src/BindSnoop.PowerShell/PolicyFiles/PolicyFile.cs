using System.Management.Automation;
using System.Text;
using BindSnoop.Host;

namespace BindSnoop.PowerShell.PolicyFiles;

/// <summary>Policies in files: PSD1 or JSON, as the name says.</summary>
internal static class PolicyFile
{
    private const string Psd1 = ".psd1";
    private const string Json = ".json";

    // With -Force, the caller knows what is replaced.
    private static readonly OutputKind s_kind = new("Policy", "a policy", Beginning: null, Mode: null);

    /// <summary>Reads a policy.</summary>
    public static BindPolicy Read(string path)
    {
        CheckName(path);
        byte[] content = ReadAll(path);
        if (!IsPsd1(path))
        {
            return BindPolicy.FromJson(content, path);
        }

        using StreamReader reader = new(new MemoryStream(content), Encoding.UTF8);
        return BindPolicy.FromJson(new Psd1Reader(path).Read(reader.ReadToEnd()), path);
    }

    /// <summary>The policy that a parameter gives.</summary>
    /// <param name="given">A policy, the path of a file, or what can be made a policy of.</param>
    /// <param name="parameter">The parameter's name.</param>
    /// <param name="toPath">Makes a path of the file system of one of the session.</param>
    public static BindPolicy Of(object given, string parameter, Func<string, string> toPath) =>
        (given is PSObject { BaseObject: not PSCustomObject } wrapped ? wrapped.BaseObject : given) switch
        {
            BindPolicy policy => policy,
            string path => Read(toPath(path)),
            object other => BindPolicy.FromJson(new PolicyObject($"-{parameter}").ToJson(other), $"-{parameter}"),
        };

    /// <summary>Writes a policy, all or nothing.</summary>
    public static void Write(BindPolicy policy, string path, bool overwrite)
    {
        byte[] content = policy.ToJson();
        content = IsPsd1(path) ? Encoding.UTF8.GetBytes(Psd1Writer.Write(content)) : content;
        new OutputFile(path, s_kind).Write(content, replace: overwrite);
    }

    /// <summary>Refuses names that <see cref="Write"/> cannot write to, before there is anything to write.</summary>
    public static void CheckTarget(string path, bool overwrite)
    {
        CheckName(path);
        new OutputFile(path, s_kind).Check(replace: overwrite);
    }

    private static bool IsPsd1(string path) => Path.GetExtension(path).Equals(Psd1, StringComparison.OrdinalIgnoreCase);

    private static void CheckName(string path)
    {
        if (!IsPsd1(path) && !Path.GetExtension(path).Equals(Json, StringComparison.OrdinalIgnoreCase))
        {
            throw new TraceException(
                "UnknownPolicyFormat",
                TraceErrorKind.InvalidArgument,
                $"'{DisplayText.Escape(path)}' is not the name of a policy file.",
                $"Give a file whose name ends in {Psd1} or {Json}.",
                path);
        }
    }

    private static byte[] ReadAll(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            (string id, TraceErrorKind kind) = exception switch
            {
                FileNotFoundException or DirectoryNotFoundException => ("PolicyNotFound", TraceErrorKind.ObjectNotFound),
                UnauthorizedAccessException => ("PolicyInaccessible", TraceErrorKind.PermissionDenied),
                _ => ("PolicyInaccessible", TraceErrorKind.InvalidOperation),
            };
            throw new TraceException(
                id,
                kind,
                $"The policy '{DisplayText.Escape(path)}' cannot be read: {DisplayText.EscapeUnsafe(exception.Message)}",
                "Give the path of a policy file that this user may read; New-BindPolicy -Path creates one.",
                path,
                exception);
        }
    }
}
