using System.Runtime.Versioning;
using Xunit;
using Xunit.Sdk;
using Xunit.v3;

// What a test traces are the calls of the whole machine, so that two at a time would see each other's.
[assembly: Parallelization(Mode = ParallelMode.None)]

[assembly: SupportedOSPlatform("linux")]
