using BindSnoop.Errors;
using BindSnoop.Names;

namespace BindSnoop;

/// <summary>A call of bind() or listen() that a policy does not allow.</summary>
public sealed class BindViolation
{
    private readonly BindFacts _facts;

    internal BindViolation(BindFacts facts, BindPolicyRule? rule, string reason)
    {
        _facts = facts;
        Rule = rule?.Name ?? "";
        Reason = facts.Call == BindPolicyCall.Listen ? $"listen(): {reason}" : reason;
    }

    /// <summary>Which call it was.</summary>
    public BindPolicyCall Call => _facts.Call;

    /// <summary>When the call returned; null if not known.</summary>
    public DateTime? Time => _facts.Time;

    /// <summary><see cref="Time"/> as ISO 8601 has it, to the microsecond and with the offset from UTC.</summary>
    public string? Timestamp => Time is { } time ? TraceEvent.TimestampOf(time) : null;

    /// <summary>The process; null if not known.</summary>
    public int? ProcessId => _facts.ProcessId;

    /// <summary>The thread's name, safe to print; empty if it is not known.</summary>
    public string Comm => _facts.Comm ?? "";

    /// <summary>The caller's real user id; null if it is not known.</summary>
    public uint? Uid => _facts.Uid;

    /// <summary>Its name, or the number.</summary>
    public string UserName => _facts.UserName;

    /// <summary>The protocol's name, else its number.</summary>
    public string Protocol => Protocols.NameOf(_facts.Protocol);

    /// <summary>The address bound or listened on, or that was refused.</summary>
    public string? Address => _facts.JudgedAddress;

    /// <summary>The port bound or listened on, or that was refused; 0 of raw sockets.</summary>
    public int Port => _facts.JudgedPort;

    /// <summary><see cref="Address"/> and <see cref="Port"/> in one, as 192.0.2.1:80 or [::1]:80.</summary>
    public string? Endpoint => TraceEvent.EndpointText(Address, Port);

    /// <summary>The port requested; 0 asks the kernel to choose, as listen() without bind() does. Null if it is not known.</summary>
    public int? RequestedPort => _facts.RequestedPort;

    /// <summary>0, or a positive errno: a violation that the kernel did not let happen.</summary>
    public int ErrorCode => _facts.ErrorCode;

    /// <summary>The name of <see cref="ErrorCode"/>; empty on success.</summary>
    public string ErrorName => Errno.NameOf(ErrorCode);

    /// <summary>The system's unit that the caller runs in; empty if there is none, null if it is not known.</summary>
    public string? Unit => _facts.Unit;

    /// <summary>The caller's container; empty outside of containers, null if it is not known.</summary>
    public string? ContainerId => _facts.ContainerId;

    /// <summary>The container's name; empty outside of containers, null if it is not known.</summary>
    public string? ContainerName => _facts.ContainerName;

    /// <summary>The container's Kubernetes pod; empty without a pod, null if it is not known.</summary>
    public string? PodName => _facts.PodName;

    /// <summary>The pod's namespace; likewise.</summary>
    public string? PodNamespace => _facts.PodNamespace;

    /// <summary>The rule that denies it, or may; empty if there is none, but no rule that allows it either.</summary>
    public string Rule { get; }

    /// <summary>The same in words.</summary>
    public string Reason { get; }

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Comm}[{ProcessId}] of {UserName}: {Protocol} {Endpoint} {(ErrorCode == 0 ? "" : $"({ErrorName}) ")}- {Reason}";
}
