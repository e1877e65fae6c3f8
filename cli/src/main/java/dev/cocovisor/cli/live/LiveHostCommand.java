package dev.cocovisor.cli.live;

import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.live.kvm.HostProfile;
import dev.cocovisor.live.kvm.LiveTotals;
import dev.cocovisor.live.kvm.Machine;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Prints what this machine is like, as a profile that --host takes. */
@Command(
    name = "host",
    mixinStandardHelpOptions = true,
    description = "Prints this machine's profile: what --host=auto sets, and --host=FILE reads.")
public final class LiveHostCommand implements Callable<Integer> {
  private final Console console;

  @Option(names = "--json", description = "Print one JSON document.")
  private boolean json;

  LiveHostCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    Machine machine = Machine.ask();
    if (json) {
      new LiveDocument("host", machine.describe())
          .profile(HostProfile.settings(machine))
          .print(console, new LiveTotals());
    } else {
      console.out().print(HostProfile.text(machine));
    }
    return ExitCode.CLEAN;
  }
}
