using System.Globalization;

namespace BindSnoop;

/// <summary>The background traces of this process, by name. Safe from any thread.</summary>
public sealed class BindTraceRegistry : IDisposable
{
    private readonly object _lock = new();
    private readonly Dictionary<string, BindTrace> _traces = new(StringComparer.OrdinalIgnoreCase);
    private int _lastId;

    /// <summary>The traces, oldest first.</summary>
    public IReadOnlyList<BindTrace> Traces
    {
        get
        {
            lock (_lock)
            {
                return [.. _traces.Values.OrderBy(t => t.Id)];
            }
        }
    }

    /// <summary>Starts a trace; it is attached when this returns.</summary>
    /// <param name="name">A name that no other trace has, or null for one made up.</param>
    /// <exception cref="TraceException"><c>TraceExists</c>, or why it could not be started.</exception>
    public BindTrace Start(string? name, BindTraceMode mode, TraceOptions options, int maxQueued = BindTrace.DefaultMaxQueued)
    {
        lock (_lock)
        {
            int id = ++_lastId;
            if (name is null)
            {
                // Somebody may have given that name himself.
                while (_traces.ContainsKey(name = string.Create(CultureInfo.InvariantCulture, $"BindTrace{id}")))
                {
                    id = ++_lastId;
                }
            }

            if (_traces.ContainsKey(name))
            {
                throw new TraceException(
                    "TraceExists",
                    TraceErrorKind.ResourceExists,
                    $"A trace named '{DisplayText.Escape(name)}' already exists.",
                    "Choose another name, or remove that one first with Remove-BindTrace.",
                    name);
            }

            BindTrace trace = new(name, id, mode, options, maxQueued);
            _traces.Add(name, trace);
            return trace;
        }
    }

    /// <summary>Stops a trace, frees it, and forgets it.</summary>
    public void Remove(BindTrace trace)
    {
        lock (_lock)
        {
            // Another may have the name by now.
            if (_traces.TryGetValue(trace.Name, out BindTrace? known) && known == trace)
            {
                _traces.Remove(trace.Name);
            }
        }

        trace.Dispose();
    }

    /// <summary>Removes all.</summary>
    public void Dispose()
    {
        foreach (BindTrace trace in Traces)
        {
            Remove(trace);
        }
    }
}
