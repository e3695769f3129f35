using BindSnoop.Kernel;

namespace BindSnoop;

/// <summary>A bind that a policy does not allow.</summary>
public sealed class BindViolation
{
    internal BindViolation(BindFacts facts, BindPolicyRule? rule)
    {
        Time = facts.Time;
        ProcessId = facts.ProcessId;
        Comm = facts.Comm;
        Uid = facts.Uid;
        UserName = facts.UserName;
        Protocol = Protocols.NameOf(facts.Protocol);
        Address = facts.Address;
        Port = facts.Port;
        RequestedPort = facts.RequestedPort;
        ErrorCode = facts.ErrorCode;
        Unit = facts.Unit;
        ContainerId = facts.ContainerId;
        Rule = rule?.Name ?? "";
    }

    /// <summary>When the call returned; null if what was judged did not tell.</summary>
    public DateTime? Time { get; }

    /// <summary>The process; null if what was judged did not tell.</summary>
    public int? ProcessId { get; }

    /// <summary>The thread's name, safe to print.</summary>
    public string Comm { get; }

    /// <summary>The caller's real user id.</summary>
    public uint Uid { get; }

    /// <summary>Its name, or the number.</summary>
    public string UserName { get; }

    /// <summary>The protocol's name, else its number.</summary>
    public string Protocol { get; }

    /// <summary>The address bound, or requested in vain.</summary>
    public string? Address { get; }

    /// <summary>The port bound, or requested in vain; 0 of raw sockets.</summary>
    public int Port { get; }

    /// <summary><see cref="Address"/> and <see cref="Port"/> in one, as 192.0.2.1:80 or [::1]:80.</summary>
    public string? Endpoint => TraceEvent.EndpointText(Address, Port);

    /// <summary>The port asked for; 0 asks the kernel to choose.</summary>
    public int RequestedPort { get; }

    /// <summary>0, or a positive errno: a violation that the kernel did not let happen.</summary>
    public int ErrorCode { get; }

    /// <summary>The name of <see cref="ErrorCode"/>; empty on success.</summary>
    public string ErrorName => Errno.NameOf(ErrorCode);

    /// <summary>The caller's systemd unit; empty if there is none.</summary>
    public string Unit { get; }

    /// <summary>The caller's container; empty outside of containers.</summary>
    public string ContainerId { get; }

    /// <summary>The rule that denies it; empty if there is none, but no rule that allows it either.</summary>
    public string Rule { get; }

    /// <summary>The same in words.</summary>
    public string Reason => Rule.Length > 0 ? $"denied by rule '{Rule}'" : "not allowed";

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Comm}[{ProcessId}] of {UserName}: {Protocol} {Endpoint} {(ErrorCode == 0 ? "" : $"({ErrorName}) ")}- {Reason}";
}
