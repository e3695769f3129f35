using BindSnoop.Errors;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>How system calls' errors are classed.</summary>
public sealed class ErrorTests
{
    /// <summary>The command line would end with the status of a wrong command line.</summary>
    [Fact]
    public void NoSystemCallBlamesTheUsersValues() =>
        Assert.All(Enumerable.Range(1, 600), errno => Assert.NotEqual(TraceErrorKind.InvalidArgument, TraceException.FromErrno("Any", "Something failed", errno).Kind));

    [Fact]
    public void ErrorsThatOnlyTheKernelKnowsHaveNames()
    {
        Assert.Equal("ENOTSUPP", Errno.NameOf(524));
        Assert.Equal("Operation not supported by this kernel (ENOTSUPP)", Errno.Describe(524));
    }
}
