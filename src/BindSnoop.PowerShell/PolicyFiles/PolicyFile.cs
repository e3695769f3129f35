using System.Text;

namespace BindSnoop.PowerShell.PolicyFiles;

/// <summary>Policies in files: PSD1 or JSON, as the name says.</summary>
internal static class PolicyFile
{
    private const string Psd1 = ".psd1";
    private const string Json = ".json";

    /// <summary>Reads a policy.</summary>
    public static BindPolicy Read(string path)
    {
        CheckName(path);
        byte[] content = Access(path, "read", () => File.ReadAllBytes(path));
        if (!IsPsd1(path))
        {
            return BindPolicy.FromJson(content, path);
        }

        using StreamReader reader = new(new MemoryStream(content), Encoding.UTF8);
        return BindPolicy.FromJson(PolicyData.FromPsd1(reader.ReadToEnd(), path), path);
    }

    /// <summary>Writes a policy, all or nothing.</summary>
    public static void Write(BindPolicy policy, string path, bool overwrite)
    {
        byte[] content = policy.ToJson();
        content = IsPsd1(path) ? Encoding.UTF8.GetBytes(PolicyData.ToPsd1(content)) : content;
        string unfinished = $"{path}.{Guid.NewGuid():n}";
        Access(path, "written", () =>
        {
            try
            {
                File.WriteAllBytes(unfinished, content);
                File.Move(unfinished, path, overwrite);
            }
            finally
            {
                File.Delete(unfinished);
            }

            return true;
        });
    }

    /// <summary>Refuses names that <see cref="Write"/> cannot write to, before there is anything to write.</summary>
    public static void CheckTarget(string path, bool overwrite)
    {
        CheckName(path);
        if (File.Exists(path) && !overwrite)
        {
            throw new TraceException(
                "PolicyExists",
                TraceErrorKind.ResourceExists,
                $"There is a file '{DisplayText.Escape(path)}' already.",
                "Give another name, or -Force to overwrite it.",
                path);
        }

        if (!Directory.Exists(Path.GetDirectoryName(path)))
        {
            throw new TraceException(
                "DirectoryNotFound",
                TraceErrorKind.ObjectNotFound,
                $"There is no directory for '{DisplayText.Escape(path)}'.",
                "Make it first, or give another path.",
                path);
        }
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

    private static T Access<T>(string path, string how, Func<T> access)
    {
        try
        {
            return access();
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
                $"The policy '{DisplayText.Escape(path)}' cannot be {how}: {DisplayText.EscapeUnsafe(exception.Message)}",
                "Give the path of a policy file that this user may use; New-BindPolicy -Path makes one.",
                path,
                exception);
        }
    }
}
