using BindSnoop;
using var t = new BindTracer(new TraceOptions { Filter = new TraceFilter { IncludeError = true }, Backend = Enum.Parse<Backend>(args[0]) });
Console.Error.WriteLine(t.Backend + string.Join("\n", t.Refusals.Select(r => r.Error.Message + r.Error.InnerException)));
foreach (var e in t.Read(TimeSpan.FromSeconds(double.Parse(args[1])))) Console.WriteLine($"{e.Time:O} {e} {e.RequestedAddress}:{e.RequestedPort} {e.UserName} {e.ParentProcessId} {e.CgroupPath} {e.NetworkNamespace} {e.MountNamespace} if={e.InterfaceIndex}{e.InterfaceName}");
Console.Error.WriteLine(t.ReadStatistics());
