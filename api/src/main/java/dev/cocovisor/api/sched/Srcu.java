package dev.cocovisor.api.sched;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.apiguardian.api.API;

/**
 * Sleepable read-copy-update: readers who take no lock, and writers who wait until every reader who
 * may have seen the old is gone.
 *
 * <p>Readers count themselves under one of two indices, each in a cache line a thread; {@link
 * #synchronize} turns the index and waits for those of the other, twice, since a reader may have
 * read the index before it was turned and counted itself after. Readers may nest and may wait for
 * locks; whoever synchronizes inside a reader's section waits for ever. Source: {@code
 * kernel/rcu/srcutree.c}; {@code virt/kvm/kvm_main.c}, kvm->srcu.
 *
 * <p>Thread-safe; allocates nothing.
 *
 * @since 0.2
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.2")
public final class Srcu implements Actor.Releasable {
  private static final VarHandle COUNTS = MethodHandles.arrayElementVarHandle(int[].class);
  private static final int STRIPES = 8;
  private static final int LINE = 32;

  private final String name;
  private final int[] counts = new int[(STRIPES + 1) * LINE];
  private final ModelLock turning;
  private volatile int index;

  /** Creates a domain without readers; {@code name} is the kernel's. */
  public Srcu(String name) {
    this.name = name;
    this.turning = new ModelLock(name + ".mutex");
  }

  /**
   * Begins a reader's section (srcu_read_lock).
   *
   * @return what {@link #readUnlock} needs
   */
  public int readLock() {
    SchedulePoint.read(PointKind.SRCU, this, 0);
    int slot = ModelLock.stripe(STRIPES) * LINE + (index & 1);
    COUNTS.getAndAdd(counts, slot, 1);
    if (SchedulePoint.explored()) {
      remember();
    }
    return slot;
  }

  private void remember() {
    Actor a = Actor.current();
    if (a != null) {
      a.took(this, Mode.READ);
    }
  }

  /** Ends a reader's section (srcu_read_unlock). */
  public void readUnlock(int token) {
    int before = (int) COUNTS.getAndAdd(counts, token, -1);
    if (before <= 0) {
      throw new IllegalStateException(name + ": a section ended that never began");
    }
    if (SchedulePoint.explored()) {
      forget();
    }
    SchedulePoint.read(PointKind.UNLOCK, this, 0);
  }

  private void forget() {
    Actor a = Actor.current();
    if (a != null) {
      a.gaveUp(this);
    }
  }

  /** Waits until every section that began before the call has ended (synchronize_srcu). */
  public void synchronize() {
    SchedulePoint.write(PointKind.SRCU, this, 0);
    turning.lock();
    try {
      for (int turn = 0; turn < 2; turn++) {
        // Only the holder of the mutex turns it: plain steps on a volatile field.
        int old = index;
        awaitNone((old & 1) ^ 1);
        index = old + 1;
        awaitNone(old & 1);
      }
    } finally {
      turning.unlock();
    }
  }

  private void awaitNone(int which) {
    long spins = 0;
    while (anyReader(which)) {
      spins = SchedulePoint.await(this, 0, spins);
    }
  }

  private boolean anyReader(int which) {
    for (int i = 1; i <= STRIPES; i++) {
      if ((int) COUNTS.getVolatile(counts, i * LINE + which) != 0) {
        return true;
      }
    }
    return false;
  }

  /** Tells whether somebody is in a section now. */
  public boolean hasReaders() {
    return anyReader(0) || anyReader(1);
  }

  @Override
  public void releaseFor(Actor actor, Mode mode) {
    int line = ModelLock.stripe(actor, STRIPES) * LINE;
    for (int i = 0; i < 2; i++) {
      if ((int) COUNTS.getVolatile(counts, line + i) > 0) {
        COUNTS.getAndAdd(counts, line + i, -1);
        return;
      }
    }
  }

  @Override
  public String placeName(long at) {
    return name;
  }

  @Override
  public String toString() {
    return name;
  }
}
