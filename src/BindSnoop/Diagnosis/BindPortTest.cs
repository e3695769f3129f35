using BindSnoop.Diagnosis;
using BindSnoop.Errors;
using BindSnoop.Names;

namespace BindSnoop;

/// <summary>Whether a port could be bound at one moment, by the kernel's rules, and if not, why not and who is in the way.</summary>
public sealed class BindPortTest
{
    internal BindPortTest(BindRequest request, uint networkNamespace, uint? uid, int errorCode, PortVerdict verdict, IReadOnlyList<string> unseen)
    {
        Port = request.Port;
        Address = request.Address.ToString();
        AddressFamily = request.Address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork ? nameof(IPFamily.IPv4) : nameof(IPFamily.IPv6);
        ProtocolNumber = request.Protocol;
        ProcessId = (int?)request.ProcessId;
        Uid = uid;
        NetworkNamespace = networkNamespace;
        Available = verdict.Available;
        Cause = verdict.Cause;
        ErrorCode = errorCode;
        Explanation = HolderText.Sentence(verdict.Explanation, verdict.Holders);
        Holders = verdict.Holders;
        Unseen = unseen;
    }

    /// <summary>When it was tested, in local time.</summary>
    public DateTime Time { get; } = DateTime.Now;

    /// <summary>The port that was asked about; 0 for one of the kernel's choice.</summary>
    public int Port { get; }

    /// <summary>The address; :: for all of both IP versions.</summary>
    public string Address { get; }

    /// <summary><see cref="Address"/> and <see cref="Port"/> in one.</summary>
    public string Endpoint => TraceEvent.EndpointText(Address, Port)!;

    /// <summary>IPv4 or IPv6.</summary>
    public string AddressFamily { get; }

    /// <summary>The protocol's name, else its number.</summary>
    public string Protocol => Protocols.NameOf((ushort)ProtocolNumber);

    /// <summary>The protocol's number; 262 is MPTCP.</summary>
    public int ProtocolNumber { get; }

    /// <summary>The process that was tested for; null for the calling process.</summary>
    public int? ProcessId { get; }

    /// <summary>The user who would bind; null if it could not be found out.</summary>
    public uint? Uid { get; }

    /// <summary>The network namespace, by inode number.</summary>
    public uint NetworkNamespace { get; }

    /// <summary>
    /// Whether the kernel's own rules let it be bound; null if that cannot be known. Security modules and BPF programs of
    /// cgroups may still refuse it.
    /// </summary>
    public bool? Available { get; }

    /// <summary>Why not, in a word, such as Listening or PrivilegedPort; empty if it is available.</summary>
    public string Cause { get; }

    /// <summary>What bind() would fail with, a positive error number; 0 if it is available, or if that is not known.</summary>
    public int ErrorCode { get; }

    /// <summary>Its name, such as EADDRINUSE; empty for 0.</summary>
    public string ErrorName => Errno.NameOf(ErrorCode);

    /// <summary>One sentence: why not, and what would help.</summary>
    public string Explanation { get; }

    /// <summary>The sockets that are in the way; of a port of the kernel's choice one for each port.</summary>
    public IReadOnlyList<BindSocket> Holders { get; }

    /// <summary>What could not be seen of the machine's sockets, one sentence for each reason.</summary>
    public IReadOnlyList<string> Unseen { get; }

    internal static Description<BindPortTest> Description { get; } = new(
    [
        Field<BindPortTest>.Time(nameof(Time), t => t.Time),
        Field<BindPortTest>.Text(nameof(Protocol), t => t.Protocol, heading: "PROT"),
        Field<BindPortTest>.Number(nameof(ProtocolNumber), t => t.ProtocolNumber),
        Field<BindPortTest>.Text(nameof(AddressFamily), t => t.AddressFamily),
        Field<BindPortTest>.Text(nameof(Address), t => t.Address),
        Field<BindPortTest>.Number(nameof(Port), t => t.Port),
        Field<BindPortTest>.Number(nameof(ProcessId), t => t.ProcessId),
        Field<BindPortTest>.Number(nameof(Uid), t => t.Uid),
        Field<BindPortTest>.Number(nameof(NetworkNamespace), t => t.NetworkNamespace),
        Field<BindPortTest>.Flag(nameof(Available), t => t.Available, heading: "AVAILABLE"),
        Field<BindPortTest>.Text(nameof(Cause), t => t.Cause, heading: "CAUSE"),
        Field<BindPortTest>.Number(nameof(ErrorCode), t => t.ErrorCode),
        Field<BindPortTest>.Text(nameof(ErrorName), t => t.ErrorName),
        Field<BindPortTest>.Text(nameof(Explanation), t => t.Explanation, heading: "EXPLANATION"),
        Field<BindPortTest>.Items(nameof(Holders), t => t.Holders, () => BindSocket.Description),
        Field<BindPortTest>.Texts(nameof(Unseen), t => t.Unseen),
    ], []);

    /// <summary>Looks at the sockets that are there now. Nothing is bound.</summary>
    /// <exception cref="TraceException"><c>ProcessNotFound</c>, <c>NamespaceNotReadable</c>.</exception>
    public static BindPortTest Run(BindRequest request) => PortTester.Test(request);

    /// <inheritdoc/>
    public override string ToString() => $"{Protocol} {Endpoint}: {(Available == true ? "available" : Cause)}";
}
