return BindSnoop.Cli.CommandLine.Run(args);
