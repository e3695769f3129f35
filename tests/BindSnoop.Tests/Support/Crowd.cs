using System.Diagnostics;
using System.Globalization;

namespace BindSnoop.Tests;

/// <summary>A process all of whose threads but one wait in accept() (<c>bindtruth crowd</c>).</summary>
internal sealed class Crowd : IDisposable
{
    private readonly Process _process;

    public Crowd(int threads)
    {
        _process = Truth.Start("crowd", threads.ToString(CultureInfo.InvariantCulture));
        AwaitLine();
    }

    public int ProcessId => _process.Id;

    /// <summary>Makes a connection for each thread, and waits until they are accepted and all threads wait again.</summary>
    public void ConnectToAll()
    {
        _process.StandardInput.Write('\n');
        _process.StandardInput.Flush();
        AwaitLine();
    }

    /// <summary>Kills it where it waits.</summary>
    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    public void Dispose()
    {
        _process.StandardInput.Dispose();
        _process.WaitForExit();
        _process.Dispose();
    }

    private void AwaitLine()
    {
        if (_process.StandardOutput.ReadLine() is null)
        {
            throw new InvalidOperationException(_process.StandardError.ReadToEnd());
        }
    }
}
