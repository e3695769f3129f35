namespace BindSnoop.Diagnosis;

/// <summary>Why a bind or a listen failed, or would: the values of every property named Cause.</summary>
internal static class BindCause
{
    public const string None = "";
    public const string Listening = "Listening";
    public const string Bound = "Bound";
    public const string Connection = "Connection";
    public const string TimeWait = "TimeWait";
    public const string ReusePortOtherUser = "ReusePortOtherUser";
    public const string KernelSocket = "KernelSocket";
    public const string NoFreePort = "NoFreePort";
    public const string PrivilegedPort = "PrivilegedPort";
    public const string AddressNotLocal = "AddressNotLocal";
    public const string AddressInOtherNamespace = "AddressInOtherNamespace";
    public const string AddressTentative = "AddressTentative";
    public const string WrongInterface = "WrongInterface";
    public const string BadAddress = "BadAddress";
    public const string HolderGone = "HolderGone";
    public const string SecurityPolicy = "SecurityPolicy";
    public const string AlreadyBound = "AlreadyBound";
    public const string CannotListen = "CannotListen";
    public const string NotASocket = "NotASocket";
    public const string Unknown = "Unknown";

    /// <summary>All but <see cref="None"/>.</summary>
    public static readonly IReadOnlyList<string> All =
    [
        Listening, Bound, Connection, TimeWait, ReusePortOtherUser, KernelSocket, NoFreePort, HolderGone, PrivilegedPort, SecurityPolicy,
        AddressNotLocal, AddressInOtherNamespace, AddressTentative, WrongInterface, AlreadyBound, BadAddress, CannotListen, NotASocket, Unknown,
    ];

    /// <summary>One of them, written in any case; null if it is none.</summary>
    public static string? Parse(string text) => All.FirstOrDefault(c => c.Equals(text, StringComparison.OrdinalIgnoreCase));
}
