using Xunit;
using Xunit.Sdk;
using Xunit.v3;

// One tracer at a time, so that the events of one test are not in the way of another.
[assembly: Parallelization(Mode = ParallelMode.None)]
