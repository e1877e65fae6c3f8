package dev.cocovisor.cli.campaign;

import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Explores, generates, judges and replays over many machines. */
@Command(
    name = "campaign",
    mixinStandardHelpOptions = true,
    description = "Explores, generates, judges and replays over as many machines as there are.",
    synopsisSubcommandLabel = "COMMAND")
public final class CampaignCommand implements Callable<Integer> {
  private final Console console;
  @Spec private CommandSpec spec = CommandSpec.create();

  private CampaignCommand(Console console) {
    this.console = console;
  }

  /**
   * Returns the command and its subcommands.
   *
   * @param version the program's; members of another do not fit
   */
  public static CommandLine create(Console console, Supplier<String> version) {
    var line = new CommandLine(new CampaignCommand(console));
    line.addSubcommand(new CampaignRunCommand(console, version));
    line.addSubcommand(new CampaignJoinCommand(console, version));
    line.addSubcommand(new CampaignStatusCommand(console));
    line.addSubcommand(new CampaignStopCommand(console));
    return line;
  }

  @Override
  public Integer call() {
    spec.commandLine().usage(console.err());
    return ExitCode.USAGE;
  }
}
