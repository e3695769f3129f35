using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Host;
using System.Management.Automation.Runspaces;
using System.Reflection;
using Xunit;

namespace BindSnoop.Hosting.Tests;

/// <summary>A host that writes down what PowerShell asks of it.</summary>
internal sealed class RecordingHost : PSHost
{
    private readonly RecordingInterface _interface = new();

    public override CultureInfo CurrentCulture => CultureInfo.InvariantCulture;

    public override CultureInfo CurrentUICulture => CultureInfo.InvariantCulture;

    public override Guid InstanceId { get; } = Guid.NewGuid();

    public override string Name => nameof(RecordingHost);

    public override PSHostUserInterface UI => _interface;

    public override Version Version { get; } = new(1, 0);

    public IReadOnlyList<string> Calls => _interface.Calls;

    public IReadOnlyList<ProgressRecord> Progress => _interface.Progress;

    public override void EnterNestedPrompt()
    {
    }

    public override void ExitNestedPrompt()
    {
    }

    public override void NotifyBeginApplication()
    {
    }

    public override void NotifyEndApplication()
    {
    }

    public override void SetShouldExit(int exitCode)
    {
    }

    /// <summary>A runspace with the module, and with PowerShell's own cmdlets.</summary>
    public Runspace Open()
    {
        InitialSessionState state = InitialSessionState.CreateDefault2();
        state.ImportPSModule([ModulePath]);
        Runspace runspace = RunspaceFactory.CreateRunspace(this, state);
        runspace.Open();
        return runspace;
    }

    private static string ModulePath { get; } = typeof(RecordingHost).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .First(a => a.Key == "ModulePath").Value!;

    private sealed class RecordingInterface : PSHostUserInterface
    {
        private readonly List<string> _calls = [];
        private readonly List<ProgressRecord> _progress = [];

        public override PSHostRawUserInterface RawUI => null!;

        public IReadOnlyList<string> Calls
        {
            get
            {
                lock (_calls)
                {
                    return [.. _calls];
                }
            }
        }

        public IReadOnlyList<ProgressRecord> Progress
        {
            get
            {
                lock (_calls)
                {
                    return [.. _progress];
                }
            }
        }

        public override void Write(string value) => Note("write", value);

        public override void Write(ConsoleColor foregroundColor, ConsoleColor backgroundColor, string value) => Note("colour", value);

        public override void WriteLine(string value) => Note("write", value);

        public override void WriteErrorLine(string value) => Note("error", value);

        public override void WriteDebugLine(string message) => Note("debug", message);

        public override void WriteVerboseLine(string message) => Note("verbose", message);

        public override void WriteWarningLine(string message) => Note("warning", message);

        public override void WriteProgress(long sourceId, ProgressRecord record)
        {
            lock (_calls)
            {
                _progress.Add(new ProgressRecord(record.ActivityId, record.Activity, record.StatusDescription)
                {
                    PercentComplete = record.PercentComplete,
                    SecondsRemaining = record.SecondsRemaining,
                    RecordType = record.RecordType,
                });
            }
        }

        public override Dictionary<string, PSObject> Prompt(string caption, string message, System.Collections.ObjectModel.Collection<FieldDescription> descriptions) =>
            throw new NotSupportedException();

        public override int PromptForChoice(string caption, string message, System.Collections.ObjectModel.Collection<ChoiceDescription> choices, int defaultChoice) =>
            throw new NotSupportedException();

        public override PSCredential PromptForCredential(string caption, string message, string userName, string targetName) =>
            throw new NotSupportedException();

        public override PSCredential PromptForCredential(
            string caption, string message, string userName, string targetName, PSCredentialTypes allowedCredentialTypes, PSCredentialUIOptions options) =>
            throw new NotSupportedException();

        public override string ReadLine() => throw new NotSupportedException();

        public override System.Security.SecureString ReadLineAsSecureString() => throw new NotSupportedException();

        private void Note(string kind, string text)
        {
            lock (_calls)
            {
                _calls.Add($"{kind}: {text}");
            }
        }
    }
}

/// <summary>Skips a test, with the reason, where it cannot be run.</summary>
internal static class Requires
{
    public static void Tracing() => Assert.SkipUnless(Usable(), "no back end works here for this user");

    private static bool Usable()
    {
        using Runspace runspace = new RecordingHost().Open();
        using PowerShell shell = PowerShell.Create();
        shell.Runspace = runspace;
        return shell.AddScript("(Get-BindTraceSupport).Usable").Invoke().Single().BaseObject is true;
    }
}
