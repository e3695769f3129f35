using System.Management.Automation;
using BindSnoop.Records;

namespace BindSnoop.PowerShell;

/// <summary>
/// Reads times as the command line does: a time of day is the last such moment, where PowerShell would make one of today of it, and
/// what could be read in two ways is refused.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class RecordTimeAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        object value = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        try
        {
            return value switch
            {
                string text => RecordTime.Parse(text, DateTimeOffset.Now),
                DateTimeOffset moment => moment.UtcDateTime,
                _ => inputData,
            };
        }
        catch (TraceException exception)
        {
            throw new ArgumentTransformationMetadataException($"{exception.Message} {exception.RecommendedAction}", exception);
        }
    }
}
