package dev.cocovisor.cli.live;

import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Asks this machine's own KVM. */
@Command(
    name = "live",
    mixinStandardHelpOptions = true,
    description = "Runs call logs on this machine's own /dev/kvm.",
    synopsisSubcommandLabel = "COMMAND")
public final class LiveCommand implements Callable<Integer> {
  private final Console console;
  @Spec private CommandSpec spec = CommandSpec.create();

  private LiveCommand(Console console) {
    this.console = console;
  }

  /** Returns the command and its subcommands. */
  public static CommandLine create(Console console) {
    var line = new CommandLine(new LiveCommand(console));
    line.addSubcommand(new LiveRunCommand(console));
    line.addSubcommand(new LiveCheckCommand(console));
    line.addSubcommand(new LiveRecordCommand(console));
    line.addSubcommand(new LiveHostCommand(console));
    return line;
  }

  @Override
  public Integer call() {
    spec.commandLine().usage(console.err());
    return ExitCode.USAGE;
  }
}
