package dev.cocovisor.cli.run;

import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.explore.Schedule;
import dev.cocovisor.explore.faults.FaultCampaign;
import dev.cocovisor.explore.faults.FaultReport;
import java.util.function.Function;

/** Prints what came of a campaign of failures. */
final class FaultRuns {
  private final Console console;
  private final Function<Schedule, String> command;

  /**
   * Prepares to print.
   *
   * @param command returns the command that makes one run again
   */
  FaultRuns(Console console, Function<Schedule, String> command) {
    this.console = console;
    this.command = command;
  }

  /** Prints a campaign's findings and its last line; returns the exit code. */
  int report(FaultReport report) {
    for (FaultReport.Finding f : report.findings()) {
      console.out().println(console.red(f.what()));
      console.out().println("  reproduce  " + command.apply(f.plan()));
    }
    boolean clean = report.findings().isEmpty();
    String summary = report.summary();
    console.out().println(clean ? console.green(summary) : console.red(summary));
    return clean ? report.complete() ? ExitCode.CLEAN : ExitCode.BUDGET : ExitCode.FOUND;
  }

  /** Makes one run again and says what is wrong with it; returns the exit code. */
  int replay(FaultCampaign campaign, Schedule plan) {
    String wrong = campaign.replay(plan);
    console.out().println(wrong == null ? console.green("nothing is wrong") : console.red(wrong));
    return wrong == null ? ExitCode.CLEAN : ExitCode.FOUND;
  }
}
