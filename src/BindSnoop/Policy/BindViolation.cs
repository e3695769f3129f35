using BindSnoop.Names;

namespace BindSnoop;

/// <summary>A bind that a policy does not allow.</summary>
public sealed class BindViolation
{
    private readonly BindFacts _facts;

    internal BindViolation(BindFacts facts, BindPolicyRule? rule)
    {
        _facts = facts;
        Rule = rule?.Name ?? "";
    }

    /// <summary>When the call returned; null if what was judged did not tell.</summary>
    public DateTime? Time => _facts.Time;

    /// <summary>The process; null if what was judged did not tell.</summary>
    public int? ProcessId => _facts.ProcessId;

    /// <summary>The thread's name, safe to print.</summary>
    public string Comm => _facts.Comm;

    /// <summary>The caller's real user id.</summary>
    public uint Uid => _facts.Uid;

    /// <summary>Its name, or the number.</summary>
    public string UserName => _facts.UserName;

    /// <summary>The protocol's name, else its number.</summary>
    public string Protocol => Protocols.NameOf(_facts.Protocol);

    /// <summary>The address bound, or requested in vain.</summary>
    public string? Address => _facts.Address;

    /// <summary>The port bound, or requested in vain; 0 of raw sockets.</summary>
    public int Port => _facts.Port;

    /// <summary><see cref="Address"/> and <see cref="Port"/> in one, as 192.0.2.1:80 or [::1]:80.</summary>
    public string? Endpoint => TraceEvent.EndpointText(Address, Port);

    /// <summary>The port asked for; 0 asks the kernel to choose.</summary>
    public int RequestedPort => _facts.RequestedPort;

    /// <summary>0, or a positive errno: a violation that the kernel did not let happen.</summary>
    public int ErrorCode => _facts.ErrorCode;

    /// <summary>The name of <see cref="ErrorCode"/>; empty on success.</summary>
    public string ErrorName => Errno.NameOf(ErrorCode);

    /// <summary>The caller's systemd unit; empty if there is none.</summary>
    public string Unit => _facts.Unit;

    /// <summary>The caller's container; empty outside of containers.</summary>
    public string ContainerId => _facts.ContainerId;

    /// <summary>The rule that denies it; empty if there is none, but no rule that allows it either.</summary>
    public string Rule { get; }

    /// <summary>The same in words.</summary>
    public string Reason => Rule.Length > 0 ? $"denied by rule '{Rule}'" : "not allowed";

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Comm}[{ProcessId}] of {UserName}: {Protocol} {Endpoint} {(ErrorCode == 0 ? "" : $"({ErrorName}) ")}- {Reason}";
}
