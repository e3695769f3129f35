using System.Runtime.Versioning;
using Xunit;

// What a test traces are the calls of the whole machine, so that two at a time would see each other's.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

[assembly: SupportedOSPlatform("linux")]
