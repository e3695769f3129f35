namespace BindSnoop.Bench;

/// <summary>One measurement, by name; see bench/run, which runs them all.</summary>
internal static class Program
{
    private const string Usage = """
        usage: BindSnoop.Bench MEASUREMENT RESULTS [--rounds N] [--seconds N] [--events N]
                               [--module FOLDER] [--cli FILE] [--truth FILE]
               BindSnoop.Bench report FOLDER
               BindSnoop.Bench peak PROGRAM [ARGUMENT...]

        MEASUREMENT: decode explain loss latency proof snapshot sockets throughput start idle memory owners record
        """;

    private static int Main(string[] arguments)
    {
        if (arguments.Length < 2)
        {
            Console.Error.WriteLine(Usage);
            return 64;
        }

        if (arguments[0] == "report")
        {
            Console.Out.Write(Report.Make(arguments[1]));
            return 0;
        }

        if (arguments[0] == "attach")
        {
            return Proving.Attach(arguments[1]);
        }

        if (arguments[0] == "peak")
        {
            return Listing.WritePeak(arguments[1..]);
        }

        Settings settings = Settings.Parse(arguments.AsSpan(2));
        using Results results = new(arguments[1]);
        switch (arguments[0])
        {
            case "decode":
                Decoding.Measure(settings, results);
                break;
            case "explain":
                Explaining.Measure(settings, results);
                break;
            case "loss":
                Loss.Measure(settings, results);
                break;
            case "latency":
                Latency.Measure(settings, results);
                break;
            case "proof":
                Proving.Measure(settings, results);
                break;
            case "snapshot":
                Snapshot.Measure(settings, results);
                break;
            case "sockets":
                Listing.Measure(settings, results);
                break;
            case "throughput":
                Throughput.Measure(settings, results);
                break;
            case "start":
                Starting.Measure(settings, results);
                break;
            case "idle":
                Idle.Measure(settings, results);
                break;
            case "memory":
                Memory.Measure(settings, results);
                break;
            case "owners":
                Owners.Measure(settings, results);
                break;
            case "record":
                Recording.Measure(settings, results);
                break;
            default:
                Console.Error.WriteLine(Usage);
                return 64;
        }

        return 0;
    }
}
