using BindSnoop.Abi;
using BindSnoop.Diagnosis;
using BindSnoop.Loading;

namespace BindSnoop;

/// <summary>Traces calls of bind().</summary>
public sealed class BindTracer : Tracer<BindEvent>
{
    private readonly ExistingBinds? _existing;
    private readonly BindExplainer? _explainer;

    /// <summary>Attaches, and then looks at what there is if that is asked for.</summary>
    /// <exception cref="TraceException">An option is wrong, or no back end works.</exception>
    public BindTracer(TraceOptions options)
        : base(TracerDefinition.Bind, Checked(options))
    {
        if (options.IncludeExisting)
        {
            try
            {
                _existing = new ExistingBinds(options.Filter, Backend);
            }
            catch
            {
                Dispose();
                throw;
            }
        }

        _explainer = options.Explain ? new BindExplainer() : null;
    }

    /// <summary>How many failures were not explained, as they came faster than they could be looked into.</summary>
    public long NotExplained => _explainer?.Skipped ?? 0;

    /// <summary>What of the existing sockets could not be seen, one sentence for each reason.</summary>
    public IReadOnlyList<string> Unseen => _existing?.Unseen ?? [];

    private protected override IReadOnlyList<BindEvent> Existing => _existing?.Events ?? [];

    private protected override bool IsKnown(BindEvent next) => _existing?.Has(next) == true;

    private static TraceOptions Checked(TraceOptions options)
    {
        if (options.IncludeExisting)
        {
            ExistingBinds.EnsureFilterable(options.Filter);
        }

        return options.Explain ? options with { Filter = options.Filter with { IncludeError = true } } : options;
    }

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

    private protected override EventContext LookUp(ReadOnlySpan<byte> record, EventEnricher enricher)
    {
        ref readonly BindRecord bind = ref RecordBytes.As<BindRecord>(record);
        EventContext context = enricher.LookUp(bind.Origin, bind.InterfaceIndex, Backend);
        return bind.Origin.ErrorCode != 0 && _explainer is { } explainer
            ? context with { Finding = explainer.Begin(new BindEvent(bind, context)) }
            : context;
    }

    private protected override BindEvent Decode(ReadOnlySpan<byte> record, in EventContext context) =>
        new(RecordBytes.As<BindRecord>(record), context);
}
