package dev.cocovisor.bench;

import dev.cocovisor.explore.Explorer;
import dev.cocovisor.explore.Limits;
import dev.cocovisor.explore.Search;
import dev.cocovisor.explore.Subject;
import dev.cocovisor.explore.library.Library;
import dev.cocovisor.explore.library.Operation;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Schedules a second on one core: a host, its VM and two actors are built anew for each, and every
 * invariant is looked at. An invocation is one whole search; the counter is what is compared.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 4, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(value = 1, jvmArgsAppend = "--add-opens=java.base/java.lang=ALL-UNNAMED")
public class Exploration {
  /** What came of the searches. */
  @AuxCounters(AuxCounters.Type.OPERATIONS)
  @State(Scope.Thread)
  public static class Made {
    /** Schedules made. */
    public long schedules;
  }

  /** The technology; {@code core} is {@link CorePair}. */
  @Param({"core", "sw-protected", "tdx", "cca"})
  public String technology = "sw-protected";

  private @Nullable Subject subject;

  /** Takes the pair from the library. */
  @org.openjdk.jmh.annotations.Setup
  public void open() {
    subject =
        technology.equals("core")
            ? CorePair.subject()
            : new Library(Setup.technologies().require(technology))
                .subject(List.of(Operation.CONVERT_TO_SHARED, Operation.PUNCH));
  }

  /** Two that touch one page, every schedule within two preemptions. */
  @Benchmark
  public long pair(Made made) {
    Subject both = Objects.requireNonNull(subject);
    long n =
        new Explorer(Limits.DEFAULT, false).explore(both, new Search.Preemptions(2)).schedules();
    made.schedules += n;
    return n;
  }
}
