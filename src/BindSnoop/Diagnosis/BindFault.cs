namespace BindSnoop.Diagnosis;

/// <summary>Why a bind fails apart from the sockets that are there.</summary>
/// <param name="Cause">One of <see cref="BindCause"/>.</param>
/// <param name="ErrorCode">What bind() fails with: a positive error number.</param>
/// <param name="Explanation">One sentence: why, and what would help.</param>
internal sealed record BindFault(string Cause, int ErrorCode, string Explanation);
