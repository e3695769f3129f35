using System.Collections;
using System.Management.Automation;
using BindSnoop.Input;

namespace BindSnoop.PowerShell.Input;

/// <summary>An object with properties, whatever it is or was.</summary>
internal sealed class ObjectRow(PSObject? item) : InputRow
{
    /// <inheritdoc/>
    public override object? Target => item;

    /// <inheritdoc/>
    public override bool TryGet(string name, out object? value)
    {
        PSPropertyInfo? property = item?.Properties[name];
        value = property?.Value is PSObject wrapped ? wrapped.BaseObject : property?.Value;
        return property is not null;
    }

    /// <inheritdoc/>
    public override IReadOnlyList<InputRow> Items(string name) =>
        TryGet(name, out object? value) && value is IEnumerable items and not string
            ? [.. items.Cast<object?>().Where(i => i is not null).Select(i => new ObjectRow(PSObject.AsPSObject(i)))]
            : [];
}
