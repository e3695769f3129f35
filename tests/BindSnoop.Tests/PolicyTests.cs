using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace BindSnoop.Tests;

/// <summary>What policies say of binds, and what is said of wrong policies.</summary>
public sealed class PolicyTests
{
    // ---- conditions

    [Theory]
    [InlineData("""{"Port": 80}""", true)]
    [InlineData("""{"Port": "80"}""", true)]
    [InlineData("""{"Port": [443, "79-81"]}""", true)]
    [InlineData("""{"Port": "81-90"}""", false)]
    [InlineData("""{"Port": 0}""", false)]
    [InlineData("""{"Address": "192.0.2.1"}""", true)]
    [InlineData("""{"Address": "192.0.2.0/24"}""", true)]
    [InlineData("""{"Address": "192.0.2.0/32"}""", false)]
    [InlineData("""{"Address": "0.0.0.0/0"}""", true)]
    [InlineData("""{"Address": "::/0"}""", false)]
    [InlineData("""{"Address": ["::1", "192.0.2.1"]}""", true)]
    [InlineData("""{"Protocol": "tcp"}""", true)]
    [InlineData("""{"Protocol": 6}""", true)]
    [InlineData("""{"Protocol": ["UDP", "MPTCP"]}""", false)]
    [InlineData("""{"AddressFamily": "IPv4"}""", true)]
    [InlineData("""{"AddressFamily": "ipv6"}""", false)]
    [InlineData("""{"Comm": "nginx"}""", true)]
    [InlineData("""{"Comm": "Nginx"}""", false)]
    [InlineData("""{"Comm": "ngin"}""", false)]
    [InlineData("""{"Uid": 0}""", true)]
    [InlineData("""{"Uid": "root"}""", true)]
    [InlineData("""{"Uid": [1, 2]}""", false)]
    [InlineData("""{"Gid": 7}""", true)]
    [InlineData("""{"Gid": 8}""", false)]
    [InlineData("""{"Unit": "nginx.service"}""", true)]
    [InlineData("""{"Unit": "nginx"}""", false)]
    [InlineData("""{"ContainerId": "c0ffee"}""", true)]
    [InlineData("""{"ContainerId": "c0"}""", false)]
    [InlineData("""{"ContainerName": "web"}""", true)]
    [InlineData("""{"ContainerName": "c0ffee"}""", false)]
    [InlineData("""{"PodName": "shop", "podnamespace": ["prod", "test"]}""", true)]
    [InlineData("""{"ContainerName": "web", "PodNamespace": "test"}""", false)]
    [InlineData("""{"port": 80, "PROTOCOL": "TCP", "comm": "nginx"}""", true)]
    [InlineData("""{"Port": 80, "Protocol": "UDP"}""", false)]
    public void Condition(string conditions, bool fits)
    {
        BindFacts facts = Facts();
        string rule = $$"""{"Name": "one", "Action": "Deny", {{conditions[1..]}}""";
        BindViolation? violation = Policy($$"""{"Default": "Allow", "Rules": [{{rule}}]}""").Judge(facts);
        Assert.Equal(fits ? "one" : null, violation?.Rule);

        // The same rule the other way round.
        Assert.Equal(fits, Policy($$"""{"Rules": {{rule.Replace("Deny", "Allow", StringComparison.Ordinal)}}}""").Judge(facts) is null);
    }

    /// <summary>A success is judged by what it got, a failure by what it requested; 0 is who leaves the choice to the kernel.</summary>
    [Theory]
    [InlineData(0, 40000, 0, "0", true)]
    [InlineData(0, 40000, 0, "40000", true)]
    [InlineData(0, 40000, 0, "1-1023", false)]
    [InlineData(40000, 40000, 0, "0", false)]
    [InlineData(0, 0, 0, "0", true)]
    [InlineData(80, 8080, 0, "80", false)]
    [InlineData(80, 8080, 0, "8080", true)]
    [InlineData(80, 80, 13, "80", true)]
    [InlineData(80, 8080, 13, "8080", false)]
    [InlineData(0, 40000, 98, "0", true)]
    [InlineData(0, 40000, 98, "40000", false)]
    public void PortOfTheSocketAndOfAFailureTheRequestedOne(int requested, int given, int error, string port, bool fits)
    {
        BindFacts facts = Facts(port: given, requestedPort: requested, error: error);
        Assert.Equal(fits, Allow("Port", port).Judge(facts) is null);
        Assert.Equal(fits, Deny("Port", port).Judge(facts) is not null);
    }

    [Theory]
    [InlineData("127.0.0.1", "0.0.0.0", 0, "127.0.0.1", false)]
    [InlineData("127.0.0.1", "0.0.0.0", 0, "0.0.0.0", true)]
    [InlineData("127.0.0.1", "0.0.0.0", 99, "127.0.0.1", true)]
    [InlineData("127.0.0.1", "0.0.0.0", 99, "0.0.0.0", false)]
    public void AddressOfTheSocketAndOfAFailureTheRequestedOne(string requested, string given, int error, string address, bool fits)
    {
        BindFacts facts = Facts(address: given, requestedAddress: requested, error: error);
        Assert.Equal(fits, Allow("Address", address).Judge(facts) is null);
        Assert.Equal(fits, Deny("Address", address).Judge(facts) is not null);
    }

    // ---- what is not known

    /// <summary>In CSV what is unknown is empty; and outside of containers that is known.</summary>
    [Theory]
    [InlineData("ContainerName", "web", null)]
    [InlineData("ContainerName", "web", "")]
    [InlineData("PodName", "shop", null)]
    public void AContainerWithAnUnknownNameIsNeverAllowed(string condition, string value, string? name)
    {
        BindFacts unknown = Facts(containerName: name, podName: name);
        Assert.Equal("rule 'one' may deny it: its container's name is unknown", Deny(condition, value).Judge(unknown)!.Reason);
        Assert.NotNull(Allow(condition, value).Judge(unknown));

        BindFacts outside = Facts(containerId: "", containerName: name, podName: name);
        Assert.Equal(("", ""), (outside.ContainerName, outside.PodName));
        Assert.Null(Deny(condition, value).Judge(outside));
        Assert.Equal("not allowed", Allow(condition, value).Judge(outside)!.Reason);
    }

    /// <summary>Of a socket that was found there is no call; what is known of it is judged all the same.</summary>
    [Theory]
    [InlineData("Gid", "7", "group")]
    [InlineData("Uid", "0", "user")]
    [InlineData("Comm", "nginx", "program")]
    [InlineData("Port", "0", "requested port")]
    [InlineData("Port", "80", null)]
    [InlineData("Port", "0-100", null)]
    public void UnknownValuesOfASocketAreNeverAllowed(string condition, string value, string? doubt)
    {
        BindFacts known = Facts();
        BindFacts found = new()
        {
            Comm = null, Uid = null, Gid = null, RequestedPort = null, Protocol = known.Protocol, AddressFamily = known.AddressFamily,
            Address = known.Address, Port = known.Port, RequestedAddress = null, ErrorCode = 0, CgroupPath = "/",
        };
        BindViolation violation = Deny(condition, value).Judge(found)!;
        Assert.Equal(("one", doubt is null ? "denied by rule 'one'" : $"rule 'one' may deny it: its {doubt} is unknown"), (violation.Rule, violation.Reason));
        Assert.Equal(("", (uint?)null, (int?)null, 80), (violation.Comm, violation.Uid, violation.RequestedPort, violation.Port));
        Assert.Equal(
            doubt is null ? null : $"not allowed: its {doubt} is unknown, so rule 'one' does not apply", Allow(condition, value).Judge(found)?.Reason);
        Assert.Null(Deny(condition, "9").Judge(Facts(comm: "other", uid: 5)));
        BindPolicyBuilder builder = new();
        Assert.False(builder.Add(found));
    }

    [Theory]
    [InlineData("Unit", "nginx.service")]
    [InlineData("ContainerId", "c0ffee")]
    public void UnknownValuesAreNeverAllowed(string condition, string value)
    {
        BindFacts unknown = Facts(cgroupPath: "");
        Assert.Equal((null, null), (unknown.Unit, unknown.ContainerId));
        BindViolation violation = Deny(condition, value).Judge(unknown)!;
        Assert.Equal(("one", "rule 'one' may deny it: its cgroup is unknown"), (violation.Rule, violation.Reason));
        violation = Allow(condition, value).Judge(unknown)!;
        Assert.Equal(("", "not allowed: its cgroup is unknown, so rule 'one' does not apply"), (violation.Rule, violation.Reason));

        // Where it does not matter, it does not.
        Assert.Null(Allow("Port", "80").Judge(unknown));
        Assert.Null(Policy($$"""{"Default": "Allow", "Rules": [{"Name": "one", "Action": "Deny", "Port": 81, "{{condition}}": "{{value}}"}]}""").Judge(unknown));

        // None is not unknown.
        Assert.Null(Deny(condition, value).Judge(Facts(cgroupPath: "/")));
        Assert.NotNull(Allow(condition, value).Judge(Facts(cgroupPath: "/")));
    }

    // ---- calls

    /// <summary>A rule is about bind() unless it says otherwise, and a policy about what its rules are about.</summary>
    [Theory]
    [InlineData("", BindPolicyCall.Bind, true)]
    [InlineData("", BindPolicyCall.Listen, null)]
    [InlineData(""", "Call": "Bind" """, BindPolicyCall.Bind, true)]
    [InlineData(""", "Call": "listen" """, BindPolicyCall.Listen, true)]
    [InlineData(""", "Call": "Listen" """, BindPolicyCall.Bind, null)]
    [InlineData(""", "CALL": ["Bind", "Listen"]""", BindPolicyCall.Bind, true)]
    [InlineData(""", "Call": ["Listen", "Bind"]""", BindPolicyCall.Listen, true)]
    public void CallOfARule(string call, BindPolicyCall made, bool? fits)
    {
        BindFacts facts = Facts(call: made);
        string prefix = made == BindPolicyCall.Listen ? "listen(): " : "";
        BindPolicy deny = Policy($$"""{"Default": "Allow", "Rules": [{"Name": "one", "Action": "Deny", "Port": 80{{call}}}]}""");
        Assert.Equal(fits == true ? $"{prefix}denied by rule 'one'" : null, deny.Judge(facts)?.Reason);

        // Neither a rule nor the default of a policy on binds says anything of listens.
        BindPolicy allow = Policy($$"""{"Rules": [{"Name": "one", "Action": "Allow", "Port": 81{{call}}}]}""");
        Assert.Equal(fits == true ? $"{prefix}not allowed" : null, allow.Judge(facts)?.Reason);
        Assert.Equal(fits is not null, allow.Calls.Contains(made));
        Assert.Equal(fits == true, new JudgedCalls(allow).Add(made));
    }

    [Fact]
    public void ARuleOnOneCallLeavesTheOtherAlone()
    {
        BindPolicy policy = Policy(
            """{"Rules": [{"Name": "no servers", "Action": "Deny", "Call": "Listen"}, {"Name": "all", "Action": "Allow", "Call": ["Bind", "Listen"], "Port": "0-65535"}]}""");
        Assert.Null(policy.Judge(Facts()));
        BindViolation violation = policy.Judge(Facts(call: BindPolicyCall.Listen))!;
        Assert.Equal((BindPolicyCall.Listen, "no servers", "listen(): denied by rule 'no servers'"), (violation.Call, violation.Rule, violation.Reason));
        Assert.Equal(["Call Listen", "Call Bind,Listen; Port 0-65535"], policy.Rules.Select(r => r.Conditions));
        BindPolicy read = BindPolicy.FromJson(policy.ToJson(), "a test");
        Assert.Equal(policy.Rules.Select(r => r.Conditions), read.Rules.Select(r => r.Conditions));
        Assert.Equal([BindPolicyCall.Bind, BindPolicyCall.Listen], read.Calls);
    }

    /// <summary>What nobody has looked for is not in order.</summary>
    [Theory]
    [InlineData("\"Bind\"", "", "")]
    [InlineData("\"Bind\"", "B", "")]
    [InlineData("\"Bind\"", "BL", "")]
    [InlineData("\"Bind\"", "L", "Bind")]
    [InlineData("\"Listen\"", "", "Listen")]
    [InlineData("\"Listen\"", "L", "")]
    [InlineData("\"Listen\"", "B", "Listen")]
    [InlineData("[\"Bind\", \"Listen\"]", "", "Listen")]
    [InlineData("[\"Bind\", \"Listen\"]", "B", "Listen")]
    [InlineData("[\"Bind\", \"Listen\"]", "L", "Bind")]
    [InlineData("[\"Bind\", \"Listen\"]", "LB", "")]
    public void CallsThatAreMissing(string calls, string given, string missing)
    {
        JudgedCalls judged = new(Policy($$"""{"Rules": [{"Name": "one", "Action": "Allow", "Call": {{calls}}}]}"""));
        foreach (char call in given)
        {
            judged.Add(call == 'L' ? BindPolicyCall.Listen : BindPolicyCall.Bind);
        }

        Assert.Equal(missing, string.Join(',', judged.Missing));
        Assert.Equal(given.Length, judged.Total + judged.Left.Count());
    }

    [Fact]
    public void WhatIsLeftIsSaid()
    {
        JudgedCalls judged = new(Policy("""{"Rules": []}"""));
        judged.Add(BindPolicyCall.Listen);
        judged.Add(BindPolicyCall.Listen);
        judged.Add(BindPolicyCall.Bind);
        Assert.Equal(["2 calls of listen() were not judged: the policy has no rules for listen()."], judged.Left);
        Assert.Equal("1 binds", judged.ToString());
        Assert.Equal("0 binds and 0 listens", new JudgedCalls(Policy("""{"Rules": [{"Name": "one", "Action": "Deny", "Call": ["Listen", "Bind"]}]}""")).ToString());
    }

    /// <summary>Only failures have a cause, and only where they are explained.</summary>
    [Theory]
    [InlineData(98, "Listening", "Listening", true)]
    [InlineData(98, "Listening", "listening", true)]
    [InlineData(98, "Listening", "TimeWait", false)]
    [InlineData(98, "Unknown", "Unknown", true)]
    [InlineData(98, "Unknown", "TimeWait", null)]
    [InlineData(98, null, "Listening", null)]
    [InlineData(0, null, "Listening", false)]
    public void CauseOfAFailure(int error, string? cause, string wanted, bool? fits)
    {
        BindFacts facts = Facts(error: error, cause: cause);
        Assert.Equal(fits == true, Allow("Cause", wanted).Judge(facts) is null);
        BindViolation? violation = Deny("Cause", wanted).Judge(facts);
        Assert.Equal(fits is null ? "rule 'one' may deny it: its cause is unknown" : fits == true ? "denied by rule 'one'" : null, violation?.Reason);
    }

    [Fact]
    public void AnUnknownCauseIsOneError() =>
        Assert.Contains("rule 'one', Cause: 'InUse' is not a cause", Assert.Throws<TraceException>(() => Deny("Cause", "InUse")).Message, StringComparison.Ordinal);

    [Fact]
    public void OneConditionThatDoesNotMatchIsEnough() => Assert.Null(
        Policy("""{"Default": "Allow", "Rules": [{"Name": "one", "Action": "Deny", "Unit": "other.service", "ContainerId": "c0ffee"}]}""")
            .Judge(Facts(containerId: null)));

    [Theory]
    [InlineData(null, 6)]
    [InlineData("192.0.2.1", 0)]
    public void ASuccessWithNothingKnownIsNotAllowed(string? address, ushort protocol)
    {
        BindFacts facts = Facts(address: address, protocol: protocol);
        Assert.Equal(("", "not allowed: its protocol or address is unknown"), Reason(Policy("""{"Default": "Allow", "Rules": []}""").Judge(facts)));
        BindPolicyBuilder builder = new();
        Assert.False(builder.Add(facts));
        Assert.Empty(builder.Build("").Rules);
    }

    /// <summary>What any user can have by "systemd-run --user --unit=nginx", or by mkdir in a subtree of his.</summary>
    [Theory]
    [InlineData("/system.slice/nginx.service", true)]
    [InlineData("/user.slice/user-1000.slice/user@1000.service/app.slice/nginx.service", false)]
    [InlineData("/system.slice/web.service/nginx.service", false)]
    [InlineData("/system.slice/docker-4c1f7a1b0e9d8c7b6a5f4e3d2c1b0a998877665544332211ffeeddccbbaa0099.scope/system.slice/nginx.service", false)]
    public void OnlyTheSystemsUnitsFit(string path, bool fits)
    {
        // What a record says of the unit may be of an older version.
        BindFacts facts = Facts(unit: "nginx.service", cgroupPath: path);
        Assert.Equal(fits, Allow("Unit", "nginx.service").Judge(facts) is null);
    }

    private static (string, string) Reason(BindViolation? violation) => (violation!.Rule, violation.Reason);

    [Theory]
    [InlineData("::ffff:192.0.2.1", "192.0.2.0/24", true)]
    [InlineData("::ffff:192.0.2.1", "::ffff:0:0/96", true)]
    [InlineData("::ffff:192.0.2.1", "::/0", true)]
    [InlineData("192.0.2.1", "::ffff:192.0.2.1", false)]
    [InlineData("fe80::1%2", "fe80::1", true)]
    [InlineData("fe80::1%2", "fe80::/10", true)]
    [InlineData("2001:db8::1", "2001:db8::/127", true)]
    [InlineData("2001:db8::2", "2001:db8::/127", false)]
    [InlineData("0.0.0.0", "10.0.0.0/8", false)]
    [InlineData("0.0.0.0", "0.0.0.0", true)]
    [InlineData("::", "0.0.0.0/0", false)]
    [InlineData("128.0.0.1", "0.0.0.0/1", false)]
    public void Address(string bound, string prefix, bool fits) =>
        Assert.Equal(fits, Allow("Address", prefix).Judge(Facts(address: bound)) is null);

    [Fact]
    public void TheFirstMatchingRuleDecides()
    {
        const string Allow = """{"Name": "web", "Action": "Allow", "Port": 80}""";
        const string Deny = """{"Name": "not nginx", "Action": "Deny", "Comm": "nginx"}""";
        Assert.Null(Policy($$"""{"Rules": [{{Allow}}, {{Deny}}]}""").Judge(Facts()));
        BindViolation violation = Policy($$"""{"Rules": [{{Deny}}, {{Allow}}]}""").Judge(Facts())!;
        Assert.Equal(("not nginx", "denied by rule 'not nginx'"), (violation.Rule, violation.Reason));
    }

    [Theory]
    [InlineData("""{"Rules": []}""", false)]
    [InlineData("""{"Default": "Deny", "Rules": []}""", false)]
    [InlineData("""{"Default": "allow", "Rules": []}""", true)]
    public void WithoutRules(string policy, bool allowed)
    {
        BindViolation? violation = Policy(policy).Judge(Facts());
        Assert.Equal(allowed, violation is null);
        Assert.Equal(allowed ? null : "", violation?.Rule);
    }

    [Fact]
    public void AFailedCallIsJudgedByItsRequest()
    {
        BindViolation violation = Allow("Port", "443").Judge(Facts(error: 13))!;
        Assert.Equal(("EACCES", "192.0.2.1:80"), (violation.ErrorName, violation.Endpoint));
        Assert.Null(Allow("Port", "80").Judge(Facts(error: 13)));
    }

    /// <summary>EFAULT and EBADF: nothing could have come of them.</summary>
    [Fact]
    public void ACallThatNamedNothingIsNotJudged()
    {
        BindPolicy nothing = Policy("""{"Rules": []}""");
        Assert.Null(nothing.Judge(Facts(address: null, error: 14)));
        Assert.Null(nothing.Judge(Facts(protocol: 0, error: 9)));
        Assert.NotNull(nothing.Judge(Facts(error: 98)));
    }

    [Fact]
    public void AViolationHasEveryProperty()
    {
        BindFacts facts = Facts();
        BindViolation violation = Policy("""{"Rules": []}""").Judge(facts)!;
        Assert.Equal(
            (facts.Time, facts.ProcessId, facts.Comm, facts.Uid, facts.UserName, "TCP", facts.Address, facts.Port, facts.Unit, facts.ContainerId),
            (violation.Time, violation.ProcessId, violation.Comm, violation.Uid, violation.UserName, violation.Protocol, violation.Address,
                violation.Port, violation.Unit, violation.ContainerId));
        Assert.Equal("not allowed", violation.Reason);
    }

    // ---- threads' names

    [Theory]
    [InlineData("", "")]
    [InlineData(@"\x1b[2J", @"\x1b[2J")]
    [InlineData(@"a\b", @"a\\b")]
    [InlineData(@"a\\b", @"a\\b")]
    [InlineData("\u001b[2J", @"\x1b[2J")]
    public void CommAsEventsShowIt(string written, string shown) =>
        Assert.Null(Allow("Comm", written).Judge(Facts(comm: shown)));

    // ---- wrong policies

    [Theory]
    [InlineData("", "JSON", "jq")]
    [InlineData("{", "JSON", "jq")]
    [InlineData("[]", "set of keys", "Default, Rules")]
    [InlineData("5", "set of keys", "Default, Rules")]
    [InlineData("{}", "no key 'Rules'", "Name, Action")]
    [InlineData("""{"Rules": [], "rules": []}""", "'Rules' occurs twice", "list")]
    [InlineData("""{"Rules": [], "Rule": 1}""", "no key 'Rule'", "Default, Rules")]
    [InlineData("""{"Rules": [], "Default": "Reject"}""", "Default: 'Reject' is not an action", "Allow or Deny")]
    [InlineData("""{"Rules": [], "Default": 1}""", "Default: a number is not an action", "Allow or Deny")]
    [InlineData("""{"Rules": ["x"]}""", "rule 1: a rule must be", "Name, Action")]
    [InlineData("""{"Rules": [{"Name": "a"}]}""", "rule 'a': it has no key 'Action'", "Allow or Deny")]
    [InlineData("""{"Rules": [{"Action": "Deny", "Port": 1}]}""", "rule 1: it has no key 'Name'", "Name")]
    [InlineData("""{"Rules": [{"Name": " ", "Action": "Deny", "Port": 1}]}""", "Name: it is not a name", "not empty")]
    [InlineData("""{"Rules": [{"Name": 5, "Action": "Deny", "Port": 1}]}""", "rule 1, Name: it is not a name", "not empty")]
    [InlineData("""{"Rules": [{"Name": "a", "Action": "Deny"}]}""", "rule 'a': it has no condition", "Port")]
    [InlineData("""{"Rules": [{"Name": "a", "Action": "Block", "Port": 1}]}""", "rule 'a', Action: 'Block'", "Allow or Deny")]
    [InlineData("""{"Rules": [{"Name": "a", "Action": "Deny", "Call": "Accept"}]}""", "rule 'a', Call: 'Accept' is not a call that a policy can judge", "Bind, Listen")]
    [InlineData("""{"Rules": [{"Name": "a", "Action": "Deny", "Call": 1}]}""", "rule 'a', Call: '1' is not a call", "Bind, Listen")]
    [InlineData("""{"Rules": [{"Name": "a", "Action": "Deny", "Call": []}]}""", "rule 'a', Call: the list is empty", "leave the key out")]
    [InlineData("""{"Rules": [{"Name": "a", "Action": "Deny", "Ports": 1}]}""", "rule 'a': there is no key 'Ports'", "Port")]
    [InlineData("""{"Rules": [{"Name": "a", "Action": "Deny", "Port": 1, "PORT": 2}]}""", "rule 'a': the key 'Port' occurs twice", "list")]
    [InlineData("""{"Rules": [{"Name": "a", "Action": "Deny", "Port": []}]}""", "rule 'a', Port: the list is empty", "leave the key out")]
    [InlineData("""{"Rules": [{"Name": "a", "Action": "Deny", "Port": null}]}""", "rule 'a', Port: a value is ", "list")]
    [InlineData("""{"Rules": [{"Name": "a", "Action": "Deny", "Port": [[1]]}]}""", "rule 'a', Port: a value is ", "list")]
    [InlineData("""{"Rules": [{"Name": "a", "Action": "Deny", "Port": 65536}]}""", "rule 'a', Port: '65536' is not a port", "8000-8999")]
    [InlineData("""{"Rules": [{"Name": "a", "Action": "Deny", "Port": 8e1}]}""", "rule 'a', Port: '8e1' is not a port", "8000-8999")]
    [InlineData("""{"Rules": [{"Name": "a", "Action": "Deny", "Address": "localhost"}]}""", "rule 'a', Address: 'localhost'", "10.0.0.0/8")]
    [InlineData("""{"Rules": [{"Name": "a", "Action": "Deny", "Protocol": "HTTP"}]}""", "rule 'a', Protocol: 'HTTP'", "TCP")]
    [InlineData("""{"Rules": [{"Name": "a", "Action": "Deny", "AddressFamily": "2"}]}""", "rule 'a', AddressFamily: '2'", "IPv6")]
    [InlineData("""{"Rules": [{"Name": "a", "Action": "Deny", "Uid": "no such user"}]}""", "rule 'a', Uid: There is no user", "getent passwd")]
    [InlineData("""{"Rules": [{"Name": "a", "Action": "Deny", "Gid": "root"}]}""", "rule 'a', Gid: 'root'", "4294967294")]
    [InlineData("""{"Rules": [{"Name": "a", "Action": "Deny", "Unit": ""}]}""", "rule 'a', Unit: ''", "events show")]
    [InlineData("""{"Rules": [{"Name": "a", "Action": "Deny", "Comm": "sixteen-letters!"}]}""", "rule 'a', Comm: 'sixteen-letters!'", "15 bytes")]
    [InlineData("""{"Rules": [{"Name": "a", "Action": "Deny", "Port": 1}, {"Name": "A", "Action": "Deny", "Port": 2}]}""", "rule 2, Name: 'A' is also the name of rule 1", "unique")]
    [InlineData("""{"Rules": [{"Name": "\ud800", "Action": "Deny", "Port": 1}]}""", "Unicode", "UTF-8")]
    public void Refused(string policy, string what, string advice)
    {
        TraceException exception = Assert.Throws<TraceException>(() => Policy(policy));
        Assert.Equal(("InvalidPolicy", TraceErrorKind.InvalidArgument), (exception.ErrorId, exception.Kind));
        Assert.StartsWith("The policy 'a test' cannot be used: ", exception.Message, StringComparison.Ordinal);
        Assert.Contains(what, exception.Message, StringComparison.Ordinal);
        Assert.Contains(advice, exception.RecommendedAction, StringComparison.Ordinal);
        Assert.Equal("a test", exception.Target);
    }

    /// <summary>A policy may come from others: what it says must not reach a terminal as it is.</summary>
    [Theory]
    [InlineData("""{"\u001b[2J": 1}""")]
    [InlineData("""{"Rules": [], "Default": "\u001b[2J"}""")]
    [InlineData("""{"Rules": [{"Name": "\u001b[2J", "Action": "Deny", "\u202e": 1}]}""")]
    [InlineData("""{"Rules": [{"Name": "\u001b[2J", "Action": "Deny", "Port": "\u001b[2J"}]}""")]
    public void RefusedInSafeWords(string policy)
    {
        string message = Assert.Throws<TraceException>(() => Policy(policy)).Message;
        Assert.DoesNotContain(message, c => char.IsControl(c) || c == '\u202e');
    }

    [Fact]
    public void JsonMayHaveComments() =>
        Assert.Equal(BindPolicyAction.Allow, Policy("\ufeff{ // who\n \"Default\": \"Allow\", \"Rules\": [], }").Default);

    // ---- policies of what was seen

    [Fact]
    public void PortsBecomeRangesAndThoseOfTheKernelOne()
    {
        BindPolicy policy = Learn(
            Facts(port: 80), Facts(port: 8001), Facts(port: 8000), Facts(port: 8002), Facts(port: 1), Facts(port: 41000, requestedPort: 0), Facts(port: 42000, requestedPort: 0));
        Assert.Equal("Comm nginx; Uid 0; Unit nginx.service; Protocol TCP; Address 192.0.2.1; Port 0,1,80,8000-8002", Assert.Single(policy.Rules).Conditions);
        Assert.Null(policy.Judge(Facts(port: 43000, requestedPort: 0)));
        Assert.NotNull(policy.Judge(Facts(port: 43000)));
    }

    [Fact]
    public void SameSocketsOfOneOwnerAreOneRule()
    {
        BindPolicy policy = Learn(
            Facts(port: 53), Facts(port: 53, address: "::1"), Facts(port: 53, protocol: 17), Facts(port: 53, protocol: 17, address: "::1"),
            Facts(port: 953, address: "127.0.0.1"), Facts(port: 53, comm: "dnsmasq"));
        Assert.Equal(
            [
                "dnsmasq as root in nginx.service: Comm dnsmasq; Uid 0; Unit nginx.service; Protocol TCP; Address 192.0.2.1; Port 53",
                "nginx as root in nginx.service: Comm nginx; Uid 0; Unit nginx.service; Protocol TCP; Address 127.0.0.1; Port 953",
                "nginx as root in nginx.service (2): Comm nginx; Uid 0; Unit nginx.service; Protocol TCP,UDP; Address 192.0.2.1,::1; Port 53",
            ],
            policy.Rules.Select(r => $"{r.Name}: {r.Conditions}"));
        Assert.All(policy.Rules, r => Assert.Equal(BindPolicyAction.Allow, r.Action));
    }

    [Theory]
    [InlineData("nginx.service", true)]
    [InlineData("run-parts.service", true)]
    [InlineData("dbus.socket", true)]
    [InlineData("", false)]
    [InlineData("session-12.scope", false)]
    [InlineData("run-u123.service", false)]
    [InlineData("run-p123-i456.service", false)]
    [InlineData("run-r0123456789abcdef0123456789abcdef.service", false)]
    public void UnitsThatLast(string unit, bool lasts)
    {
        BindPolicy policy = Learn(Facts(unit: unit));
        Assert.Equal(lasts ? [unit] : [], Assert.Single(policy.Rules).Unit);
        Assert.Equal(lasts, policy.Judge(Facts(unit: "another.service")) is not null);
    }

    [Fact]
    public void WhatNamedNothingTeachesNothing()
    {
        BindPolicyBuilder builder = new();
        Assert.False(builder.Add(Facts(address: null, error: 14)));
        Assert.False(builder.Add(Facts(protocol: 0, error: 9)));
        Assert.Empty(builder.Build("").Rules);
    }

    /// <summary>Whatever was seen is allowed by the policy made of it, once written and read; whatever was not is a violation.</summary>
    [Fact]
    public void AllowsWhatWasSeenAndNothingElse() =>
        Prop.ForAll(Seen.ToArbitrary(), Gen.ArrayOf(One).ToArbitrary(), (seen, others) =>
        {
            BindPolicy learnt = Learn(seen);
            BindPolicy read = BindPolicy.FromJson(learnt.ToJson(), "a test");
            Assert.Equal(learnt.Rules.Select(r => $"{r.Name} {r.Conditions}"), read.Rules.Select(r => $"{r.Name} {r.Conditions}"));
            foreach (BindPolicy policy in new[] { learnt, read })
            {
                Assert.All(seen, facts => Assert.Null(policy.Judge(facts)));

                // Most telling is what differs in one thing alone, such as a port that was seen on another address.
                foreach (BindFacts facts in seen.SelectMany(s => others.Take(5).Concat(seen).SelectMany(other => Between(s, other))))
                {
                    // Of calls of which it has seen none, it says nothing.
                    bool isAllowed = seen.Any(s => Covers(s, facts)) || seen.All(s => s.Call != facts.Call);
                    Assert.Equal(isAllowed, policy.Judge(facts) is null);
                }
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(500).WithQuietOnSuccess(true));

    private static Gen<string> AnyComm { get; } =
        Gen.ArrayOf(Gen.Choose(1, 255)).Select(bytes => DisplayText.Escape(bytes.Take(15).Select(b => (byte)b).ToArray()));

    private static Gen<BindFacts> One { get; } =
        from comm in Gen.OneOf(Gen.Elements("nginx", "", "'; Remove-Item", "‘’‚‛$(x", "\"{}[],"), AnyComm)
        from uid in Gen.Elements(0u, 1u, 4294967294u)
        from unit in Gen.Elements("", "a.service", "b.service", "session-1.scope", "session-2.scope")
        from protocol in Gen.Elements<ushort>(6, 17, 262)
        from address in Gen.Elements("0.0.0.0", "127.0.0.1", "::", "::1", "::ffff:127.0.0.1", "fe80::1%2")
        from port in Gen.Elements(0, 1, 2, 80, 81, 82, 65534, 65535)
        from isChosen in Gen.Elements(true, false)
        from error in Gen.Elements(0, 98)
        from userName in Gen.Elements("root", "", " ", "a\u202e", "A\\u{202e}", "'; $(x)")
        from call in Gen.Elements(BindPolicyCall.Bind, BindPolicyCall.Bind, BindPolicyCall.Listen)
        select Facts(comm, uid, unit, protocol, address, port, isChosen ? 0 : port, error, userName: userName, call: call);

    private static Gen<BindFacts[]> Seen { get; } = Gen.NonEmptyListOf(One).Select(l => l.Take(10).ToArray());

    private static BindFacts[] Between(BindFacts a, BindFacts b) =>
    [
        b,
        Facts(b.Comm, a.Uid, a.Unit, a.Protocol, a.Address, a.Port, a.RequestedPort, call: a.Call),
        Facts(a.Comm, b.Uid, a.Unit, a.Protocol, a.Address, a.Port, a.RequestedPort, call: a.Call),
        Facts(a.Comm, a.Uid, b.Unit, a.Protocol, a.Address, a.Port, a.RequestedPort, call: a.Call),
        Facts(a.Comm, a.Uid, a.Unit, b.Protocol, a.Address, a.Port, a.RequestedPort, call: a.Call),
        Facts(a.Comm, a.Uid, a.Unit, a.Protocol, b.Address, a.Port, a.RequestedPort, call: a.Call),
        Facts(a.Comm, a.Uid, a.Unit, a.Protocol, a.Address, b.Port, b.RequestedPort, call: a.Call),
        Facts(a.Comm, a.Uid, a.Unit, a.Protocol, a.Address, a.Port, a.RequestedPort, call: b.Call),
    ];

    private static bool Covers(BindFacts seen, BindFacts other)
    {
        static string Bare(string? address) => address!.Split('%')[0];
        static int? Judged(BindFacts facts) => facts.ErrorCode == 0 ? facts.Port : facts.RequestedPort;
        int? port = seen.RequestedPort == 0 ? 0 : Judged(seen);
        return seen.Call == other.Call && seen.Comm == other.Comm && seen.Uid == other.Uid && seen.Protocol == other.Protocol &&
            (!seen.Unit!.EndsWith(".service", StringComparison.Ordinal) || seen.Unit == other.Unit) &&
            (Bare(seen.Address) == Bare(other.Address) || Bare(other.Address) == $"::ffff:{seen.Address}") &&
            (Judged(other) == port || (other.RequestedPort == 0 && port == 0));
    }

    // ---- what the tests are made of

    private static BindPolicy Policy(string json) => BindPolicy.FromJson(Encoding.UTF8.GetBytes(json), "a test");

    private static BindPolicy Allow(string condition, string value) =>
        Policy($$"""{"Rules": [{"Name": "one", "Action": "Allow", "{{condition}}": {{JsonSerializer.Serialize(value)}}}]}""");

    private static BindPolicy Deny(string condition, string value) =>
        Policy($$"""{"Default": "Allow", "Rules": [{"Name": "one", "Action": "Deny", "{{condition}}": {{JsonSerializer.Serialize(value)}}}]}""");

    private static BindPolicy Learn(params BindFacts[] seen)
    {
        BindPolicyBuilder builder = new();
        Assert.All(seen, facts => Assert.True(builder.Add(facts)));
        return builder.Build("a test");
    }

    private static BindFacts Facts(
        string? comm = "nginx",
        uint? uid = 0,
        string? unit = "nginx.service",
        ushort protocol = 6,
        string? address = "192.0.2.1",
        int port = 80,
        int? requestedPort = null,
        int error = 0,
        string? requestedAddress = null,
        string? cgroupPath = null,
        string? containerId = "c0ffee",
        string? containerName = "web",
        string? podName = "shop",
        string? userName = null,
        string? cause = null,
        BindPolicyCall call = BindPolicyCall.Bind) => new()
        {
            Call = call,
            Time = DateTime.UnixEpoch,
            ProcessId = 1234,
            Comm = comm,
            Uid = uid,
            Gid = 7,
            UserName = userName ?? (uid == 0 ? "root" : $"{uid}"),
            Protocol = protocol,
            AddressFamily = address?.Contains(':', StringComparison.Ordinal) == true ? IPFamily.IPv6 : IPFamily.IPv4,
            Address = address,
            Port = port,
            RequestedAddress = requestedAddress ?? address,
            RequestedPort = requestedPort ?? port,
            ErrorCode = error,
            Unit = unit,
            CgroupPath = cgroupPath,
            ContainerId = containerId,
            ContainerName = containerName,
            PodName = podName,
            PodNamespace = "prod",
            Cause = cause,
        };
}
