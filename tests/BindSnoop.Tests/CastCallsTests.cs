using BindSnoop.Loading;
using Xunit;

namespace BindSnoop.Tests;

public sealed class CastCallsTests
{
    [Theory]
    [InlineData("bind")]
    [InlineData("accept")]
    [InlineData("listen")]
    [InlineData("release")]
    [InlineData("sockets")]
    public void AllAreResolved(string name)
    {
        foreach (string architecture in new[] { "x64", "arm64" })
        {
            byte[] image = TracerDefinition.LoadObject(name, $"{architecture}-cast");
            Assert.NotEqual(0, CastCalls.Resolve(image, 1));
            Assert.Equal(0, CastCalls.Resolve(image, 1));
            Assert.Equal(0, CastCalls.Resolve(TracerDefinition.LoadObject(name, architecture), 1));
        }
    }
}
