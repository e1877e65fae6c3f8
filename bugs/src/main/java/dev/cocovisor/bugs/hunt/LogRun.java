package dev.cocovisor.bugs.hunt;

import dev.cocovisor.bugs.entry.LogBug;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** A log of calls into a trusted half, replayed. */
final class LogRun {
  private LogRun() {}

  static Found of(LogBug bug, boolean there) {
    long began = System.nanoTime();
    List<String> broken = bug.differences(there);
    long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began);
    return new Found(
        broken.isEmpty() ? "" : broken.getFirst(), 1, millis, "replay", true, Optional.empty());
  }
}
