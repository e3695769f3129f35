using BindSnoop.Abi;
using BindSnoop.Diagnosis;
using BindSnoop.Loading;

namespace BindSnoop;

/// <summary>Traces calls of bind().</summary>
public sealed class BindTracer : ExplainingTracer<BindEvent>
{
    private readonly ExistingBinds? _existing;

    /// <summary>Attaches, and then lists the existing sockets on request.</summary>
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
    }

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

        return options;
    }

    private protected override EventContext LookUp(ReadOnlySpan<byte> sample, EventEnricher enricher)
    {
        ref readonly BindSample bind = ref SampleBytes.As<BindSample>(sample);
        EventContext context = enricher.LookUp(bind.Origin, bind.InterfaceIndex, Backend);
        return bind.Origin.ErrorCode != 0 && Explains ? Explained(context, new FailedCall(new BindEvent(bind, context))) : context;
    }

    private protected override BindEvent Decode(ReadOnlySpan<byte> sample, in EventContext context) =>
        new(SampleBytes.As<BindSample>(sample), context);
}
