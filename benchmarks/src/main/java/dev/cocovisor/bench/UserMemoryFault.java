package dev.cocovisor.bench;

import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.core.vm.Vcpu;
import java.util.List;
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
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Faults of a default VM into its process's anonymous memory: the host's memory manager brings the
 * page in, small or huge, and KVM maps it. One operation faults 64 MiB in. Between the invocations,
 * outside the clock, the process gives the memory up (MADV_DONTNEED), which zaps both.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class UserMemoryFault {
  private static final long SIZE = 64L << 20;
  private static final long AT = 0x7f40_0000_0000L;
  private static final long GPA = 1L << 30;
  private static final int MAP = 0x100022;
  private static final int NOHUGEPAGE = 15;
  private static final int DONTNEED = 4;

  /** Whether transparent huge pages may back the memory: 32 faults then, else 16,384. */
  @Param({"thp", "small"})
  public String memory = "";

  private final KvmProcess process = new KvmProcess(new Kvm(HostConfig.DEFAULT, List.of()));
  private final long[] range = new long[2];
  private @Nullable Vcpu vcpu;

  private static void done(long result) {
    if (result < 0) {
      throw new IllegalStateException("errno " + -result);
    }
  }

  /** Makes the VM, its vCPU and its slot. */
  @org.openjdk.jmh.annotations.Setup(Level.Trial)
  public void launch() {
    int vm = (int) process.createVm((int) process.openDevKvm(), 0);
    int fd = (int) process.createVcpu(vm, 0);
    vcpu = process.vcpu(fd);
    done(process.mmap(AT, SIZE, 3, MAP, -1, 0));
    if (memory.equals("small")) {
      done(process.madvise(AT, SIZE, NOHUGEPAGE));
    }
    done(process.setUserMemoryRegion2(vm, 0, 0, GPA, SIZE, AT, 0, -1));
  }

  /** Takes away what the last invocation brought. */
  @org.openjdk.jmh.annotations.Setup(Level.Invocation)
  public void drop() {
    done(process.madvise(AT, SIZE, DONTNEED));
  }

  /** Faults all of it in. */
  @Benchmark
  public void fault() {
    range[0] = GPA;
    range[1] = SIZE;
    while (range[1] != 0) {
      done(Objects.requireNonNull(vcpu).prefault(0, range, false));
    }
  }

  /** The model must still be whole. */
  @TearDown
  public void check() {
    process
        .kvm()
        .checkInvariants(v -> {
          throw new IllegalStateException(v);
        });
  }
}
