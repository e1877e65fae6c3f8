package dev.cocovisor.bench;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;

/**
 * Replays and faults on user memory in CPU time instead of wall time, for machines that are not
 * quiet: the best of many rounds. Run as {@code benchmarks/run warm [LOG [ROUNDS]]}.
 */
public final class WarmCpu {
  private static final int ROUNDS = 40;

  private WarmCpu() {}

  /** What one round does. */
  @FunctionalInterface
  private interface Round {
    void run() throws IOException;
  }

  private record Result(double millis, long bytes) {}

  /** Measures a recording, and 64 MiB of user memory by huge pages and small ones. */
  public static void main(String[] args) throws IOException {
    var replay = new Replay();
    replay.log = args.length > 0 ? args[0] : "kvm-x86-7.3.kvmlog.gz";
    int rounds = args.length > 1 ? Integer.parseInt(args[1]) : ROUNDS;
    Result r = best(rounds, () -> {}, () -> Setup.ok(replay.replay().mismatches()));
    System.out.printf("replay of %s, warm: %.1f ms of CPU time%n", replay.log, r.millis);
    for (String memory : new String[] {"thp", "small"}) {
      var faults = new UserMemoryFault();
      faults.memory = memory;
      faults.launch();
      Result f = best(10 * rounds, faults::drop, faults::fault);
      System.out.printf(
          "64 MiB of user memory, %s: %.3f ms of CPU time, %d bytes allocated%n",
          memory, f.millis, f.bytes);
      faults.check();
    }
  }

  private static Result best(int rounds, Round before, Round timed) throws IOException {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long best = Long.MAX_VALUE;
    long bytes = 0;
    for (int i = 0; i < rounds; i++) {
      before.run();
      long allocated = threads.getCurrentThreadAllocatedBytes();
      long start = threads.getCurrentThreadCpuTime();
      timed.run();
      best = Math.min(best, threads.getCurrentThreadCpuTime() - start);
      bytes = threads.getCurrentThreadAllocatedBytes() - allocated;
    }
    return new Result(best / 1e6, bytes);
  }
}
