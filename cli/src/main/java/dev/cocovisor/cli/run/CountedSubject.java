package dev.cocovisor.cli.run;

import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.cli.print.Progress;
import dev.cocovisor.explore.Subject;
import dev.cocovisor.explore.Trial;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;

/** A subject whose trials are counted and shown as schedules; several workers may ask for them. */
final class CountedSubject implements Subject {
  private final Subject subject;
  private final Progress progress;
  private final long of;
  private final AtomicLong begun = new AtomicLong();
  private final ReentrantLock showing = new ReentrantLock();

  /**
   * Prepares it.
   *
   * @param of how many there will be; 0 where nobody knows
   */
  CountedSubject(Subject subject, Progress progress, long of) {
    this.subject = subject;
    this.progress = progress;
    this.of = of;
  }

  private void count() {
    long done = begun.getAndIncrement();
    // Who finds somebody else showing has nothing newer to show.
    if (done > 0 && showing.tryLock()) {
      try {
        progress.done(done, of, "schedules");
      } finally {
        showing.unlock();
      }
    }
  }

  @Override
  public String name() {
    return subject.name();
  }

  @Override
  public Trial newTrial() {
    count();
    return subject.newTrial();
  }

  @Override
  public Trial newTrial(TraceSink trace) {
    count();
    return subject.newTrial(trace);
  }
}
