package dev.cocovisor.bench;

import com.sun.management.ThreadMXBean;
import dev.cocovisor.api.kernel.KernelProfile;
import dev.cocovisor.core.vm.Vcpu;
import java.lang.management.ManagementFactory;

/**
 * The fault path in CPU time instead of wall time, for machines that are not quiet, and exactly
 * what it allocates. Run as {@code benchmarks/run cpu BACKEND PAGES KERNEL}, pages as in {@link
 * FaultPath}. Where a technology has no KVM_PRE_FAULT_MEMORY the fault is handled as when the
 * vendor's half asks KVM for a page, in a VM of its own each round where memory cannot be taken
 * back, which pKVM does in runs only; {@code read-4k} is the guest's own first read of each page
 * there, in a run of its own: the entry, the abort, the fault and the entry again.
 */
public final class FaultCpu {
  private static final int PAGES = 16_384;
  private static final int ROUNDS = 60;

  private FaultCpu() {}

  /**
   * The best of many rounds.
   *
   * @param perSecond faults a second of CPU time
   * @param allocated bytes that faults allocated in the round that took least: what the runtime
   *     itself takes now and then is in some rounds only, what a fault takes in all
   */
  record Result(double perSecond, long allocated) {}

  /** Measures and prints one line. */
  public static void main(String[] args) {
    String backend = args.length > 0 ? args[0] : BenchVm.SW_PROTECTED;
    String pages = args.length > 1 ? args[1] : "private-4k";
    String kernel = args.length > 2 ? args[2] : KernelProfile.REFERENCE.toString();
    Result r = measure(backend, pages, kernel, ROUNDS);
    System.out.printf(
        "%s %s on %s: %.2f M faults a second of CPU time, %d bytes allocated by %d faults%n",
        backend, pages, kernel, r.perSecond / 1e6, r.allocated, PAGES);
  }

  static Result measure(String backend, String pages, int rounds) {
    return measure(backend, pages, KernelProfile.REFERENCE.toString(), rounds);
  }

  static Result measure(String backend, String pages, String kernel, int rounds) {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    boolean toPrivate = pages.startsWith("private");
    boolean huge = pages.endsWith("2m");
    long size = PAGES * (huge ? 2L << 20 : 4096L);
    BenchVm machine = new BenchVm(backend, 1, size, huge, kernel);
    if (!machine.preFaults()) {
      machine.close();
      return measurePages(backend, kernel, rounds, threads, pages.startsWith("read"));
    }
    Vcpu vcpu = machine.vcpu(0);
    long[] range = new long[2];
    long best = Long.MAX_VALUE;
    long allocated = Long.MAX_VALUE;
    for (int i = 0; i < rounds; i++) {
      machine.convert(0, size, !toPrivate);
      machine.convert(0, size, toPrivate);
      long bytes = threads.getCurrentThreadAllocatedBytes();
      long start = threads.getCurrentThreadCpuTime();
      machine.map(vcpu, 0, size, range);
      best = Math.min(best, threads.getCurrentThreadCpuTime() - start);
      allocated = Math.min(allocated, threads.getCurrentThreadAllocatedBytes() - bytes);
    }
    machine.check();
    return new Result(PAGES * 1e9 / best, allocated);
  }

  private static Result measurePages(
      String backend, String kernel, int rounds, ThreadMXBean threads, boolean byGuest) {
    long best = Long.MAX_VALUE;
    long allocated = Long.MAX_VALUE;
    BenchVm machine = null;
    for (int i = 0; i < rounds; i++) {
      if (machine == null) {
        machine = new BenchVm(backend, 1, PAGES * 4096L, false, kernel);
      }
      boolean again = machine.provide(PAGES);
      Vcpu vcpu = machine.vcpu(0);
      long bytes = threads.getCurrentThreadAllocatedBytes();
      long start = threads.getCurrentThreadCpuTime();
      for (int page = 0; page < PAGES; page++) {
        if (byGuest) {
          machine.read(vcpu, page * 4096L);
        } else {
          machine.fault(vcpu, page * 4096L);
        }
      }
      best = Math.min(best, threads.getCurrentThreadCpuTime() - start);
      allocated = Math.min(allocated, threads.getCurrentThreadAllocatedBytes() - bytes);
      machine.check();
      if (!again || i == rounds - 1) {
        machine.close();
        machine = null;
      }
    }
    return new Result(PAGES * 1e9 / best, allocated);
  }
}
