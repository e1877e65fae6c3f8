package dev.cocovisor.tck.bench;

import dev.cocovisor.core.HostConfig;
import dev.cocovisor.tck.subject.Subject;

/** What every group of rules builds on: the subject, and a fresh host for each rule. */
public interface Kit {
  /** RAM of a guest in bytes: four pieces of 2 MiB. */
  long MEMORY = 8L << 20;

  /** Returns what is judged. */
  public Subject subject();

  /** Runs a rule on a fresh host and holds it to everything that is true of each run. */
  default void onBench(Steps steps) {
    onBench(false, HostConfig.DEFAULT.memoryFrames(), steps);
  }

  /** As {@link #onHugeBench(Steps)}, on a host of 256 MiB that can be used up. */
  default void onSmallBench(Steps steps) {
    onBench(true, 1 << 16, steps);
  }

  /** As {@link #onBench(Steps)}, on a host whose guest_memfds prefer folios of 2 MiB. */
  default void onHugeBench(Steps steps) {
    onBench(true, HostConfig.DEFAULT.memoryFrames(), steps);
  }

  private void onBench(boolean hugeFolios, long frames, Steps steps) {
    try (Bench bench = new Bench(subject(), hugeFolios, frames)) {
      try {
        steps.run(bench);
        bench.check();
      } catch (RuntimeException | Error e) {
        bench.failed();
        throw e;
      }
    }
  }

  /** The steps of a rule. */
  @FunctionalInterface
  interface Steps {
    /** Carries them out; {@code bench} is the kit's own. */
    void run(Bench bench);
  }
}
