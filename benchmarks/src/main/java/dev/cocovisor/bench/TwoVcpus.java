package dev.cocovisor.bench;

import dev.cocovisor.core.vm.Vcpu;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Two vCPUs that fault disjoint ranges on two cores, against one. JMH cannot zap between rounds of
 * threads that share a VM, so this keeps its own clock: rounds alternate, the best of each counts.
 * Run as {@code COCOVISOR_BENCH_CPUS=0,1 benchmarks/run two}.
 */
public final class TwoVcpus {
  private static final int ROUNDS = 400;
  private static final long RANGE = 64L << 20;

  private TwoVcpus() {}

  /** Measures and prints one line. */
  public static void main(String[] args) throws InterruptedException {
    String backend = args.length > 0 ? args[0] : BenchVm.SW_PROTECTED;
    BenchVm machine = new BenchVm(backend, 2, 2 * RANGE, false);
    double one = 0;
    double two = 0;
    for (int i = 0; i < ROUNDS; i++) {
      one = Math.max(one, round(machine, 1));
      two = Math.max(two, round(machine, 2));
    }
    machine.check();
    System.out.printf(
        "%s faults a second: one vCPU %.2f M, two vCPUs %.2f M, ratio %.2f%n",
        backend, one / 1e6, two / 1e6, two / one);
  }

  private static double round(BenchVm machine, int vcpus) throws InterruptedException {
    machine.convert(0, 2 * RANGE, false);
    machine.convert(0, 2 * RANGE, true);
    AtomicInteger waiting = new AtomicInteger(vcpus);
    long[] start = new long[vcpus];
    long[] end = new long[vcpus];
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < vcpus; i++) {
      Vcpu vcpu = machine.vcpu(i);
      long at = i * RANGE;
      int me = i;
      threads.add(
          Thread.ofPlatform()
              .start(() -> {
                // A spinning start, so that nobody is asleep when the other begins.
                waiting.decrementAndGet();
                while (waiting.get() != 0) {
                  Thread.onSpinWait();
                }
                start[me] = System.nanoTime();
                machine.map(vcpu, at, RANGE, new long[2]);
                end[me] = System.nanoTime();
              }));
    }
    for (Thread t : threads) {
      t.join();
    }
    long first = Arrays.stream(start).min().orElseThrow();
    long last = Arrays.stream(end).max().orElseThrow();
    return vcpus * (RANGE / 4096) * 1e9 / (last - first);
  }
}
