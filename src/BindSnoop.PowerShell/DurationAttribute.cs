using System.Globalization;
using System.Management.Automation;

namespace BindSnoop.PowerShell;

/// <summary>
/// Reads a bare number as seconds. PowerShell would make ticks of it, so that <c>-Duration 5</c> ended
/// after half a microsecond.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class DurationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        object value = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        return value switch
        {
            sbyte or byte or short or ushort or int or uint or long or ulong or float or double or decimal =>
                TraceDuration.FromSeconds(Convert.ToDouble(value, CultureInfo.InvariantCulture)),
            string text when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double seconds) =>
                TraceDuration.FromSeconds(seconds),
            _ => inputData,
        };
    }
}
