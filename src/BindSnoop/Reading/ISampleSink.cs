namespace BindSnoop.Reading;

/// <summary>Where the reading thread puts what it has read.</summary>
internal interface ISampleSink<TContext>
{
    /// <summary>
    /// Takes these, waiting for room if it must, and releases them some time. False: there was none within the time, and
    /// none of them was taken.
    /// </summary>
    /// <param name="timeoutMilliseconds">-1: without end.</param>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    bool Put(SampleBatch<TContext> samples, int timeoutMilliseconds, CancellationToken cancellationToken);

    /// <summary>Nothing more comes.</summary>
    /// <param name="error">What ended the reading, if it was not asked to end.</param>
    void Complete(Exception? error);
}
