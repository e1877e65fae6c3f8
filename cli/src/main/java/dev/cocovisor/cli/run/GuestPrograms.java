package dev.cocovisor.cli.run;

import dev.cocovisor.cli.find.World;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.cli.print.OutputFile;
import dev.cocovisor.cli.print.Progress;
import dev.cocovisor.report.trace.FlightRecorder;
import dev.cocovisor.script.call.Reply;
import dev.cocovisor.script.random.Coverage;
import dev.cocovisor.script.random.RandomPrograms;
import dev.cocovisor.script.scenario.ScenarioLine;
import dev.cocovisor.script.text.LogWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiConsumer;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Random programs over the guest that every technology has: runs them, tells what went wrong, and
 * writes each finding, made short, as a scenario.
 */
final class GuestPrograms {
  /** More findings than these are the same ones. */
  private static final int MOST = 10;

  private final World world;
  private final Console console;
  private final Asked asked;
  private final LongFunction<String> reproduce;
  private final Set<String> told = new TreeSet<>();
  private long programs;
  private long calls;
  private long violations;

  /**
   * What was asked for.
   *
   * @param ids technologies
   * @param seed names the programs
   * @param first number of the first program
   * @param programs how many on each technology
   * @param calls after how many calls to stop; 0 for no such bound
   * @param length steps of a program
   * @param faults whether some of them make the host and its trusted half fail
   * @param coverage whether the whole coverage is printed
   * @param findings folder for what is found
   * @param force whether findings overwrite files
   */
  record Asked(
      List<String> ids,
      long seed,
      int first,
      int programs,
      long calls,
      int length,
      boolean faults,
      boolean coverage,
      Path findings,
      boolean force) {}

  GuestPrograms(World world, Console console, Asked asked, LongFunction<String> reproduce) {
    this.world = world;
    this.console = console;
    this.asked = asked;
    this.reproduce = reproduce;
  }

  /**
   * Runs them.
   *
   * @param log where lines go with their answers; null for nowhere
   * @param stepLimit ends the process where a step does not return
   */
  int run(@Nullable Writer log, StepLimit stepLimit) throws IOException {
    var names = String.join(", ", asked.ids());
    var ends = new Thread(() -> console.out().println(totals() + " (stopped)"), "totals");
    Runtime.getRuntime().addShutdownHook(ends);
    try (var progress = new Progress(console, names);
        var watch = stepLimit.watch(console)) {
      for (String id : asked.ids()) {
        of(id, log, progress, watch);
      }
    } finally {
      forget(ends);
    }
    console.out().println(totals());
    return violations == 0 ? ExitCode.CLEAN : ExitCode.FOUND;
  }

  private static void forget(Thread hook) {
    try {
      var _ = Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // The process is ending: the hook says what was done.
    }
  }

  private String totals() {
    return "programs=" + programs + " calls=" + calls + " violations=" + violations;
  }

  private void of(String id, @Nullable Writer log, Progress progress, StepLimit.Watch watch)
      throws IOException {
    var coverage = new Coverage();
    var runs =
        new RandomPrograms(
            world.technologies(),
            world.technologies().require(id),
            world.settings(),
            asked.length(),
            asked.faults(),
            coverage);
    long before = calls;
    BiConsumer<ScenarioLine, @Nullable Reply> each =
        (line, reply) -> {
          calls++;
          if (log != null && reply != null) {
            write(log, LogWriter.line(reply.answer(line.call())));
          }
        };
    for (int i = asked.first(); i < asked.first() + asked.programs(); i++) {
      if (asked.calls() != 0 && calls - before >= asked.calls()) {
        break;
      }
      if (log != null) {
        write(log, "\n# program " + i);
      }
      watch.done("program " + i + " on " + id + " began (" + reproduce.apply(i) + ")");
      var timed = FlightRecorder.begin();
      long first = calls;
      RandomPrograms.Found found = runs.run(asked.seed() * 1_000_003L + i, each);
      timed.done(
          i, "program " + i + " on " + id, found == null ? "" : "found", (int) (calls - first));
      programs++;
      if (found != null) {
        violations++;
        tell(id, i, found);
      }
      if (asked.calls() == 0) {
        progress.done(i - asked.first() + 1L, asked.programs(), "programs");
      } else {
        progress.done(calls - before, asked.calls(), "calls");
      }
    }
    if (asked.coverage()) {
      coverage.lines().forEach(l -> console.out().println(id + " " + l));
    } else {
      console.out().println(id + " " + coverage.summary());
    }
  }

  private static void write(Writer log, String line) {
    try {
      log.write(line);
      log.write('\n');
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void tell(String id, int program, RandomPrograms.Found found) throws IOException {
    String sort =
        id + found.trouble().kind() + found.trouble().text().replaceAll("0x[0-9a-f]+|\\d+", "#");
    if (!told.add(sort) || told.size() > MOST) {
      return;
    }
    Path file = asked.findings().resolve(id + "-" + asked.seed() + "-" + program + ".kvmlog");
    OutputFile.check("--findings", file, asked.force());
    var lines = new ArrayList<String>();
    lines.add("# Found by random programs: " + found.trouble().kind() + ".");
    lines.add("# " + found.trouble().text());
    lines.add("# Seed: " + reproduce.apply(program));
    lines.addAll(found.program().text());
    OutputFile.write(file, String.join("\n", lines) + "\n");
    console.out().println(id + " program " + program + ": " + found.trouble().kind());
    console.out().println("  " + found.trouble().text());
    found.program().text().forEach(l -> console.out().println("    " + l));
    console.out().println("  scenario   " + file);
    console.out().println("  reproduce  " + reproduce.apply(program));
  }
}
