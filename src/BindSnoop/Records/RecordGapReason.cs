namespace BindSnoop.Records;

/// <summary>Why a record does not know everything about a span of time: <c>gap.reason</c>.</summary>
internal enum RecordGapReason
{
    /// <summary>The recorder had been stopped.</summary>
    NotRunning,

    /// <summary>The recorder was killed, or the machine lost power.</summary>
    Killed,

    /// <summary>Calls came faster than they were recorded, or the kernel did not report them.</summary>
    Lost,

    /// <summary>The file could not be written, for example because the disk was full.</summary>
    NotWritten,

    /// <summary>Somebody set the clock, so that the time of what happened is not sure.</summary>
    ClockSet,

    /// <summary>The sockets that were there could not all be seen.</summary>
    Unseen,
}
