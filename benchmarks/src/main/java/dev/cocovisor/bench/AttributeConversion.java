package dev.cocovisor.bench;

import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * KVM_SET_MEMORY_ATTRIBUTES over 1 TiB: one half of it is converted to shared, then back, then the
 * other. Costs boundaries, never pages.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class AttributeConversion {
  private static final long HALF = 1L << 39;

  /** Bytes left out at both ends of a half: 0 for whole gigabytes, 4096 for the most boundaries. */
  @Param({"0", "4096"})
  public long offset;

  private @Nullable BenchVm machine;
  private int turn;

  /** Launches. */
  @org.openjdk.jmh.annotations.Setup(Level.Trial)
  public void launch() {
    machine = new BenchVm(BenchVm.SW_PROTECTED, 1, 2 * HALF, false);
  }

  /** Converts one half. */
  @Benchmark
  public void convertHalf() {
    int t = turn++ & 3;
    Objects.requireNonNull(machine)
        .convert(offset + (t >> 1) * HALF, HALF - 2 * offset, (t & 1) == 1);
  }
}
