package dev.cocovisor.bench;

import com.sun.management.ThreadMXBean;
import dev.cocovisor.explore.Explorer;
import dev.cocovisor.explore.Limits;
import dev.cocovisor.explore.Report;
import dev.cocovisor.explore.Search;
import dev.cocovisor.explore.Subject;
import dev.cocovisor.explore.Trial;
import dev.cocovisor.explore.library.Library;
import dev.cocovisor.explore.library.Operation;
import java.lang.management.ManagementFactory;
import java.util.List;

/**
 * Schedules in CPU time instead of wall time, for machines that are not quiet, and what of it a
 * host costs that is built and closed. Run as {@code benchmarks/run schedules TECHNOLOGY A B},
 * operations as in {@link Operation}; {@code core} is {@link CorePair}.
 */
public final class ScheduleCpu {
  private static final int ROUNDS = 12;

  /** The compiler is done after so many, not much before. */
  private static final int WARM = 160_000;

  private static final int HOSTS = 5_000;
  private static final int EACH_ROUND = 10_000;

  private ScheduleCpu() {}

  /** Measures and prints one line. */
  public static void main(String[] args) {
    String technology = args.length > 0 ? args[0] : BenchVm.SW_PROTECTED;
    List<Operation> operations =
        args.length > 2
            ? List.of(Operation.valueOf(args[1]), Operation.valueOf(args[2]))
            : List.of(Operation.CONVERT_TO_SHARED, Operation.PUNCH);
    Subject subject =
        technology.equals("core")
            ? CorePair.subject()
            : new Library(Setup.technologies().require(technology)).subject(operations);
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    var explorer = new Explorer(Limits.DEFAULT, false);
    long bestSchedule = Long.MAX_VALUE;
    long bestHost = Long.MAX_VALUE;
    long bytes = 0;
    Report r = explorer.explore(subject, new Search.Preemptions(2));
    for (int i = 0; i <= ROUNDS; i++) {
      // The first round is longer and does not count, since any later one is faster.
      int most = i == 0 ? WARM : EACH_ROUND;
      long start = threads.getCurrentThreadCpuTime();
      long before = threads.getCurrentThreadAllocatedBytes();
      long made = 0;
      while (made < most) {
        r = explorer.explore(subject, new Search.Preemptions(2));
        made += r.schedules();
      }
      bestSchedule = Math.min(bestSchedule, (threads.getCurrentThreadCpuTime() - start) / made);
      bytes = (threads.getCurrentThreadAllocatedBytes() - before) / made;
      start = threads.getCurrentThreadCpuTime();
      for (int k = 0; k < HOSTS; k++) {
        try (Trial t = subject.newTrial()) {
          if (t.parts().size() != 2) {
            throw new IllegalStateException("two parts expected");
          }
        }
      }
      bestHost = Math.min(bestHost, (threads.getCurrentThreadCpuTime() - start) / HOSTS);
    }
    System.out.printf(
        "%s: %,d schedules a CPU second (%d schedules, %d steps each, %d bytes each);"
            + " %.1f us each, of which %.1f us a host%n",
        r.subject(),
        1_000_000_000L / bestSchedule,
        r.schedules(),
        r.steps() / r.schedules(),
        bytes,
        bestSchedule / 1e3,
        bestHost / 1e3);
  }
}
