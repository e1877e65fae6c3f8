package dev.cocovisor.vmm;

/**
 * How far a step over a large range has come, for somebody who watches from another thread. Outside
 * of such steps nothing is under way.
 */
public final class LongWork {
  private volatile long done;
  private volatile long total;

  LongWork() {}

  void begin(long bytes) {
    done = 0;
    total = bytes;
  }

  void at(long bytes) {
    done = bytes;
  }

  void end() {
    total = 0;
  }

  /** Returns the bytes that are done of the range. */
  public long done() {
    return done;
  }

  /** Returns the bytes of the range; 0 where no such step is under way. */
  public long total() {
    return total;
  }
}
