namespace BindSnoop.Records;

/// <summary>The machine that is recorded.</summary>
/// <param name="Boot">What no other boot has.</param>
/// <param name="Name">Its name.</param>
/// <param name="Version">The version that records.</param>
internal sealed record RecordHost(string Boot, string Name, string Version);
