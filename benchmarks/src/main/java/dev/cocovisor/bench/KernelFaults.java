package dev.cocovisor.bench;

import dev.cocovisor.core.vm.Vcpu;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Private faults a second on hosts of several kernels: the strategies that a profile binds must
 * cost the fault path nothing, and a host that converts in place looks each page's state up in its
 * file. Otherwise as {@link FaultPath}.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class KernelFaults {
  private static final int PAGES = 65_536;
  private static final long SIZE = PAGES * 4096L;

  /** The host's kernel. */
  @Param({"6.12", "7.3", "7.4"})
  public String kernel = "";

  private final long[] range = new long[2];
  private @Nullable BenchVm machine;
  private @Nullable Vcpu vcpu;

  private BenchVm machine() {
    return Objects.requireNonNull(machine);
  }

  /** Launches. */
  @org.openjdk.jmh.annotations.Setup(Level.Trial)
  public void launch() {
    machine = new BenchVm(BenchVm.SW_PROTECTED, 1, SIZE, false, kernel);
    vcpu = machine.vcpu(0);
  }

  /** Zaps what the last invocation mapped. */
  @org.openjdk.jmh.annotations.Setup(Level.Invocation)
  public void zap() {
    machine().convert(0, SIZE, false);
    machine().convert(0, SIZE, true);
  }

  /** Maps every page. */
  @Benchmark
  @OperationsPerInvocation(PAGES)
  public void fault() {
    machine().map(Objects.requireNonNull(vcpu), 0, SIZE, range);
  }

  /** The model must still be whole. */
  @TearDown
  public void check() {
    machine().check();
  }
}
