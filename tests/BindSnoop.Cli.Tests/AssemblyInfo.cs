using Xunit;

// One tracer at a time, so that the events of one test are not in the way of another.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
