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
 * Faults a second, from a gfn without a mapping to one with: slot, attribute, guest_memfd page,
 * level, mmu lock, map; with TDX also the mirror, the hook, AUG, Secure EPT and PAMT. Driven by
 * KVM_PRE_FAULT_MEMORY, whose loop is one fault a page. Between the invocations, outside the clock,
 * the range is converted to shared and back, which zaps it; its pages stay allocated.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class FaultPath {
  private static final int PAGES = 65_536;

  /** Whose VM. */
  @Param({"sw-protected", "sev-snp", "tdx"})
  public String backend = "";

  /** Which pages. */
  @Param({"private-4k", "shared-4k", "private-2m", "shared-2m"})
  public String pages = "";

  private final long[] range = new long[2];
  private @Nullable BenchVm machine;
  private @Nullable Vcpu vcpu;
  private boolean toPrivate;
  private long size;

  private BenchVm machine() {
    return Objects.requireNonNull(machine);
  }

  /** Launches. */
  @org.openjdk.jmh.annotations.Setup(Level.Trial)
  public void launch() {
    toPrivate = pages.startsWith("private");
    boolean huge = pages.endsWith("2m");
    size = PAGES * (huge ? 2L << 20 : 4096L);
    machine = new BenchVm(backend, 1, size, huge);
    vcpu = machine.vcpu(0);
  }

  /** Zaps what the last invocation mapped. */
  @org.openjdk.jmh.annotations.Setup(Level.Invocation)
  public void zap() {
    machine().convert(0, size, !toPrivate);
    machine().convert(0, size, toPrivate);
  }

  /** Maps every page. */
  @Benchmark
  @OperationsPerInvocation(PAGES)
  public void fault() {
    machine().map(Objects.requireNonNull(vcpu), 0, size, range);
  }

  /** The model must still be whole. */
  @TearDown
  public void check() {
    machine().check();
  }
}
