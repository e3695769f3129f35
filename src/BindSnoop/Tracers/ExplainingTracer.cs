using BindSnoop.Diagnosis;
using BindSnoop.Loading;

namespace BindSnoop;

/// <summary>A trace of calls whose failures can be explained.</summary>
public abstract class ExplainingTracer<TEvent> : Tracer<TEvent>
    where TEvent : TraceEvent
{
    private readonly BindExplainer? _explainer;

    private protected ExplainingTracer(TracerDefinition definition, TraceOptions options)
        : base(definition, options.Explain ? options with { Filter = options.Filter with { IncludeError = true } } : options) =>
        _explainer = options.Explain ? new BindExplainer() : null;

    /// <summary>How many failures were not explained, as they came faster than they could be looked into.</summary>
    public long NotExplained => _explainer?.Skipped ?? 0;

    /// <summary>Whether explanations are requested.</summary>
    private protected bool Explains => _explainer is not null;

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (!disposing)
        {
            return;
        }

        // Before its metrics are summed up, each failure has a cause.
        _explainer?.End();
        base.Dispose(disposing);
        _explainer?.Dispose();
    }

    /// <summary>Begins to explain a failure.</summary>
    private protected EventContext Explained(in EventContext context, FailedCall failed) => context with { Finding = _explainer?.Begin(failed) };
}
