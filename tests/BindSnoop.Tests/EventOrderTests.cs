using System.Reflection;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>Export-Csv and ConvertTo-Json list properties as reflection does, and people open that in a spreadsheet.</summary>
public sealed class EventOrderTests
{
    public static TheoryData<Type> Kinds => [.. typeof(TraceEvent).Assembly.GetTypes().Where(t => t.IsSubclassOf(typeof(TraceEvent)))];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void WhenAndWhoComeFirst(Type kind)
    {
        string[] first =
        [
            "Time", "Timestamp", "KernelTime", "ElapsedSeconds", "Uid", "Gid", "UserName", "ProcessId", "ThreadId", "ParentProcessId",
            "IsHostProcessId", "Comm",
        ];
        Assert.Equal(first, kind.GetProperties(BindingFlags.Public | BindingFlags.Instance).Select(p => p.Name).Take(first.Length));
    }
}
