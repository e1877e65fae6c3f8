package dev.cocovisor.bench.lincheck;

import com.sun.management.OperatingSystemMXBean;
import dev.cocovisor.explore.Explorer;
import dev.cocovisor.explore.HostTrial;
import dev.cocovisor.explore.Limits;
import dev.cocovisor.explore.Report;
import dev.cocovisor.explore.Search;
import dev.cocovisor.explore.Subject;
import dev.cocovisor.explore.Trial;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.Locale;
import org.jetbrains.kotlinx.lincheck.Actor;
import org.jetbrains.kotlinx.lincheck.execution.ExecutionScenario;
import org.jetbrains.lincheck.LincheckAssertionError;
import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;

/**
 * Searches {@link WriteWithPunch} in one way and prints a row: {@code lincheck EXECUTIONS}, {@code
 * bound N} or {@code dpor}; {@code -Dplanted=true} plants the fault. CPU time is the process's from
 * its start, so that what a tool needs to begin counts.
 */
final class Compared {
  /** Walks through page tables are long loops, and no livelocks. */
  private static final int LOOPS = 10_000;

  /** On a loaded machine an execution whose classes are rewritten on the way takes long. */
  private static final long PATIENCE_MILLIS = 600_000;

  private Compared() {}

  public static void main(String[] args) throws ReflectiveOperationException {
    double before = cpu();
    String result =
        switch (args[0]) {
          case "lincheck" -> lincheck(Integer.parseInt(args[1]));
          case "bound" -> explored(new Search.Preemptions(Integer.parseInt(args[1])));
          case "dpor" -> explored(new Search.Dpor());
          default -> throw new IllegalArgumentException(args[0]);
        };
    System.out.println(
        "| "
            + String.join(" ", args)
            + " | "
            + (Boolean.getBoolean(WriteWithPunch.PLANTED) ? "planted" : "as it is")
            + " | "
            + result
            + String.format(Locale.ROOT, " | %.2f | %.2f |", cpu() - before, before));
    System.exit(0);
  }

  /** CPU seconds of the process so far. */
  private static double cpu() {
    return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
            .getProcessCpuTime()
        / 1e9;
  }

  private static String lincheck(int executions) throws ReflectiveOperationException {
    var write = new Actor(WriteWithPunch.class.getMethod("write"), List.of());
    var punch = new Actor(WriteWithPunch.class.getMethod("punch"), List.of());
    var check = new Actor(WriteWithPunch.class.getMethod("check"), List.of());
    var scenario =
        new ExecutionScenario(List.of(), List.of(List.of(write), List.of(punch)), List.of(), check);
    String found = "nothing found";
    try {
      new ModelCheckingOptions()
          .iterations(0)
          .invocationsPerIteration(executions)
          .addCustomScenario(scenario)
          .minimizeFailedScenario(false)
          .loopBound(LOOPS)
          .loopIterationsBeforeThreadSwitch(LOOPS)
          .invocationTimeout$lincheck(PATIENCE_MILLIS)
          .check(WriteWithPunch.class);
    } catch (LincheckAssertionError e) {
      String text = String.valueOf(e.getMessage());
      found = text.lines().filter(l -> l.startsWith("= ")).findFirst().orElse("found");
      System.err.println(text);
    }
    return found + ", " + WriteWithPunch.MADE.get() + " executions";
  }

  private static String explored(Search search) {
    var subject =
        new Subject() {
          @Override
          public String name() {
            return "write with punch";
          }

          @Override
          public Trial newTrial() {
            return new OnHost(new WriteWithPunch());
          }
        };
    Report r = new Explorer(Limits.DEFAULT, true).explore(subject, search);
    return r.findings().isEmpty()
        ? "nothing found, %d schedules%s"
            .formatted(r.schedules(), r.exhaustive() ? ", exhaustive" : "")
        : "found at schedule %d".formatted(r.findings().getFirst().found());
  }

  private static final class OnHost extends HostTrial {
    private final WriteWithPunch both;

    OnHost(WriteWithPunch both) {
      super(both.host());
      this.both = both;
    }

    @Override
    public List<Part> parts() {
      return List.of(
          new Part("vcpu 0", List.of(new Call("write", both::write))),
          new Part("vmm", List.of(new Call("punch", () -> "" + both.punch()))));
    }

    @Override
    public void close() {
      both.host().close();
    }
  }
}
