package dev.cocovisor.cli.run;

import dev.cocovisor.cli.find.World;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.cli.print.PageOptions;
import dev.cocovisor.cli.print.TraceOptions;
import dev.cocovisor.cli.print.UsageException;
import dev.cocovisor.cli.print.VerdictOptions;
import dev.cocovisor.explore.Explorer;
import dev.cocovisor.explore.Finding;
import dev.cocovisor.explore.FindingFile;
import dev.cocovisor.explore.Limits;
import dev.cocovisor.explore.Report;
import dev.cocovisor.explore.Schedule;
import dev.cocovisor.explore.Search;
import dev.cocovisor.explore.Subject;
import dev.cocovisor.script.scenario.Step;
import java.io.IOException;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Follows a finding again, and sets it beside the same order of steps under something else. */
final class FindingRun {
  private final Console console;
  private final World world;
  private final ExploreTarget target;
  private final boolean anyAnswers;
  private final String command;

  /**
   * Makes one.
   *
   * @param command the command line that does this again
   */
  FindingRun(
      Console console, World world, ExploreTarget target, boolean anyAnswers, String command) {
    this.console = console;
    this.world = world;
    this.target = target;
    this.anyAnswers = anyAnswers;
    this.command = command;
  }

  /** Follows a finding's file and tells whether it shows what it says. */
  int follow(
      Step.Finding saved,
      boolean json,
      PageOptions pages,
      TraceOptions traces,
      VerdictOptions verdicts)
      throws IOException {
    Subject subject = target.subject(world);
    Report r = replay(subject, schedule(saved.schedule()));
    var report = new ExploreReport(console, target, _ -> command, true);
    report.write(r, subject, pages, traces, verdicts, anyAnswers);
    if (json) {
      console.json(report.document(r));
      return report.verdict(r);
    }
    console.out().println(console.dim("# on " + target.where()));
    if (r.findings().isEmpty()) {
      console.out().println("said       " + saved.breaks());
      r.outcomes().keySet().forEach(o -> console.out().print(o.indent(2)));
      console.out().println(console.green("the finding does not show any more: nothing breaks"));
      return ExitCode.CLEAN;
    }
    Finding f = r.findings().getFirst();
    report.lanes(f);
    console.out().println("  reproduce  " + command);
    boolean same = FindingFile.firstLine(f.what()).equals(saved.breaks());
    if (!same) {
      console.out().println("  said       " + saved.breaks());
    }
    String verdict = same ? "the finding shows: " : "something else breaks than the finding says: ";
    console.out().println(console.red(verdict + f.preemptions() + " interruption(s)"));
    return ExitCode.FOUND;
  }

  /**
   * Follows the order of a finding under something else, and searches there for any other.
   *
   * @param other what {@link ExploreTarget#under} takes
   * @param bound the most preemptions of the search
   * @return whether nothing breaks there
   */
  boolean compare(String schedule, @Nullable String breaks, String other, int bound, Limits most) {
    ExploreTarget there = target.under(other, world);
    Subject subject = there.subject(world);
    Report same = replay(subject, schedule(schedule));
    console.out().println("under " + there.where());
    console.out().println("  this order     " + said(same.findings(), breaks));
    Report all = new Explorer(most, !anyAnswers).explore(subject, new Search.Preemptions(bound));
    console.out().println("  every order    " + said(all.findings(), breaks));
    console.out().println("                 " + all.summary());
    boolean mended = same.findings().isEmpty() && all.findings().isEmpty();
    String verdict =
        !mended
            ? "does not mend it"
            : all.exhaustive() ? "mends it" : "mends it as far as was searched";
    console.out().println(mended ? console.green(verdict) : console.red(verdict));
    return mended;
  }

  private static String said(List<Finding> findings, @Nullable String breaks) {
    if (findings.isEmpty()) {
      return "nothing breaks";
    }
    String what = FindingFile.firstLine(findings.getFirst().what());
    return what.equals(breaks) ? "breaks alike" : "breaks: " + what;
  }

  private Report replay(Subject subject, Schedule schedule) {
    return new Explorer(Limits.DEFAULT, !anyAnswers).replay(subject, schedule, Set.of());
  }

  private static Schedule schedule(String text) {
    try {
      return Schedule.parse(text);
    } catch (IllegalArgumentException e) {
      throw new UsageException(String.valueOf(e.getMessage()));
    }
  }
}
