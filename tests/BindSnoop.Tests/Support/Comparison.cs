namespace BindSnoop.Tests;

/// <summary>Collects what is wrong with an event, rather than end at the first fault.</summary>
/// <param name="call">The call that the event is of.</param>
internal sealed class Comparison(CallLine call, List<string> faults)
{
    public void Equal<T>(string field, T expected, T value)
    {
        if (!EqualityComparer<T>.Default.Equals(expected, value))
        {
            faults.Add($"{field} is {Quote(value)} instead of {Quote(expected)} of {call}");
        }
    }

    public void True(string field, bool right, object? value)
    {
        if (!right)
        {
            faults.Add($"{field} is {Quote(value)} of {call}");
        }
    }

    private static string Quote(object? value) => value is null ? "null" : value is string ? $"\"{value}\"" : value.ToString()!;
}
