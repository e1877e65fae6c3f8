package dev.cocovisor.bench;

import com.sun.management.ThreadMXBean;
import dev.cocovisor.core.vm.Vcpu;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;

/**
 * Private faults on hosts of several kernels in one process, in turns, so that whatever else runs
 * on the machine meets all alike: the best round of each in CPU time, as a ratio to the first. Run
 * as {@code benchmarks/run ratio BACKEND PAGES KERNEL...}, pages as in {@link FaultPath}.
 */
public final class KernelRatio {
  private static final int PAGES = 16_384;
  private static final int ROUNDS = 80;

  private KernelRatio() {}

  private static final class Host {
    final String kernel;
    final BenchVm machine;
    final Vcpu vcpu;
    long best = Long.MAX_VALUE;
    long allocated;

    Host(String kernel, BenchVm machine) {
      this.kernel = kernel;
      this.machine = machine;
      this.vcpu = machine.vcpu(0);
    }
  }

  /** Measures and prints a line for each kernel. */
  public static void main(String[] args) {
    String backend = args[0];
    String pages = args[1];
    boolean huge = pages.endsWith("2m");
    long size = PAGES * (huge ? 2L << 20 : 4096L);
    List<Host> hosts = new ArrayList<>();
    for (int i = 2; i < args.length; i++) {
      hosts.add(new Host(args[i], new BenchVm(backend, 1, size, huge, args[i])));
    }
    for (int round = 0; round < ROUNDS; round++) {
      for (int i = 0; i < hosts.size(); i++) {
        measure(hosts.get((i + round) % hosts.size()), size, pages.startsWith("private"));
      }
    }
    for (Host h : hosts) {
      h.machine.check();
      System.out.printf(
          "%s %s on %s: %.2f M faults a second of CPU time, %+.1f %%, %d bytes allocated%n",
          backend,
          pages,
          h.kernel,
          PAGES * 1e3 / h.best,
          100.0 * (hosts.getFirst().best - h.best) / h.best,
          h.allocated);
    }
  }

  private static void measure(Host h, long size, boolean toPrivate) {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long[] range = new long[2];
    h.machine.convert(0, size, !toPrivate);
    h.machine.convert(0, size, toPrivate);
    long bytes = threads.getCurrentThreadAllocatedBytes();
    long start = threads.getCurrentThreadCpuTime();
    h.machine.map(h.vcpu, 0, size, range);
    h.best = Math.min(h.best, threads.getCurrentThreadCpuTime() - start);
    h.allocated = threads.getCurrentThreadAllocatedBytes() - bytes;
  }
}
