package dev.cocovisor.api.sched;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.apiguardian.api.API;
import org.jspecify.annotations.Nullable;

/**
 * A reader/writer lock of the model: shared by many or exclusive to one, never recursive.
 *
 * <p>The state is one word: 0 free, -1 exclusive, n &gt; 0 shared by n. Taking a free lock is one
 * compare-and-swap and allocates nothing. Waiting spins through {@link SchedulePoint}, so an
 * explorer sees every wait as a choice. The same class serves as the kernel's mutexes (exclusive
 * only), its rwlocks ({@code mmu_lock}, the guest_memfd invalidate lock) and the trusted halves'
 * try-locks (TDX sharex locks, RMM granule locks).
 *
 * <p>A lock made by {@link #manyReaders} counts its sharers in a cache line a thread instead of in
 * the one word, so that those who only share it on different processors do not slow each other
 * down; taking it exclusively costs a look at every line. Each sharer must give such a lock up on
 * the thread it took it on.
 *
 * <p>Thread-safe.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public final class ModelLock {
  private static final VarHandle STATE;

  static {
    try {
      STATE = MethodHandles.lookup().findVarHandle(ModelLock.class, "state", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private static final VarHandle READERS = MethodHandles.arrayElementVarHandle(int[].class);
  private static final int STRIPES = 8;
  private static final int LINE = 32;

  private final String name;
  private final int @Nullable [] readers;
  private volatile int state;
  private volatile @Nullable Thread owner;

  /** Creates a free lock; {@code name} is the kernel's or firmware's name for it. */
  public ModelLock(String name) {
    this(name, null);
  }

  private ModelLock(String name, int @Nullable [] readers) {
    this.name = name;
    this.readers = readers;
  }

  /** Creates a free lock that many processors share all the time: {@code mmu_lock}. */
  public static ModelLock manyReaders(String name) {
    return new ModelLock(name, new int[(STRIPES + 1) * LINE]);
  }

  private static int stripe() {
    return (((int) Thread.currentThread().threadId() & (STRIPES - 1)) + 1) * LINE;
  }

  /** Tells whether a line counts a sharer; exact only while {@link #state} is exclusive. */
  private static boolean anyReader(int[] counts) {
    for (int i = 1; i <= STRIPES; i++) {
      if ((int) READERS.getVolatile(counts, i * LINE) != 0) {
        return true;
      }
    }
    return false;
  }

  /**
   * Counts a sharer unless the lock is exclusive. Whoever takes it exclusively first says so, then
   * looks at the lines; a sharer first counts itself, then looks: one of the two sees the other.
   */
  private boolean enterShared(int[] counts) {
    int mine = stripe();
    READERS.getAndAdd(counts, mine, 1);
    if (state == 0) {
      return true;
    }
    READERS.getAndAdd(counts, mine, -1);
    return false;
  }

  /** Takes the lock exclusively, waiting while it is held. */
  public void lock() {
    SchedulePoint.reach(PointKind.LOCK, this);
    while (!STATE.compareAndSet(this, 0, -1)) {
      if (owner == Thread.currentThread()) {
        throw new IllegalStateException(name + ": taken twice by the same thread");
      }
      SchedulePoint.busy(this);
    }
    owner = Thread.currentThread();
    if (readers != null) {
      while (anyReader(readers)) {
        SchedulePoint.busy(this);
      }
    }
  }

  /** Gives up an exclusive hold. */
  public void unlock() {
    assertExclusive();
    owner = null;
    state = 0;
    SchedulePoint.reach(PointKind.UNLOCK, this);
  }

  /** Takes the lock shared, waiting while it is held exclusively. */
  public void lockShared() {
    SchedulePoint.reach(PointKind.LOCK, this);
    if (readers != null) {
      while (!enterShared(readers)) {
        if (owner == Thread.currentThread()) {
          throw new IllegalStateException(name + ": taken shared while held exclusively");
        }
        SchedulePoint.busy(this);
      }
      return;
    }
    while (true) {
      int s = state;
      if (s >= 0 && STATE.compareAndSet(this, s, s + 1)) {
        return;
      }
      if (s < 0 && owner == Thread.currentThread()) {
        throw new IllegalStateException(name + ": taken shared while held exclusively");
      }
      SchedulePoint.busy(this);
    }
  }

  /** Gives up a shared hold. */
  public void unlockShared() {
    if (readers != null) {
      int mine = stripe();
      if ((int) READERS.getOpaque(readers, mine) <= 0) {
        throw new IllegalStateException(name + ": not held shared");
      }
      READERS.getAndAdd(readers, mine, -1);
      SchedulePoint.reach(PointKind.UNLOCK, this);
      return;
    }
    while (true) {
      int s = state;
      if (s <= 0) {
        throw new IllegalStateException(name + ": not held shared");
      }
      if (STATE.compareAndSet(this, s, s - 1)) {
        SchedulePoint.reach(PointKind.UNLOCK, this);
        return;
      }
    }
  }

  /** Takes the lock exclusively if it is free. */
  public boolean tryLock() {
    SchedulePoint.reach(PointKind.TRY_LOCK, this);
    if (!STATE.compareAndSet(this, 0, -1)) {
      return false;
    }
    if (readers != null && anyReader(readers)) {
      state = 0;
      return false;
    }
    owner = Thread.currentThread();
    return true;
  }

  /** Takes the lock shared if nobody holds it exclusively. */
  public boolean tryLockShared() {
    SchedulePoint.reach(PointKind.TRY_LOCK, this);
    if (readers != null) {
      return enterShared(readers);
    }
    while (true) {
      int s = state;
      if (s < 0) {
        return false;
      }
      if (STATE.compareAndSet(this, s, s + 1)) {
        return true;
      }
    }
  }

  /** Tells whether the calling thread holds the lock exclusively. */
  public boolean heldExclusive() {
    return state == -1 && owner == Thread.currentThread();
  }

  /** Tells whether anybody holds the lock, shared or exclusive. */
  public boolean held() {
    return state != 0 || (readers != null && anyReader(readers));
  }

  /** Checks that the calling thread holds the lock exclusively (lockdep_assert_held_write). */
  public void assertExclusive() {
    if (!heldExclusive()) {
      throw new IllegalStateException(name + ": not held exclusively here");
    }
  }

  /** Checks that the lock is held at all (lockdep_assert_held). */
  public void assertHeld() {
    if (readers != null && (int) READERS.getOpaque(readers, stripe()) > 0) {
      return;
    }
    if (!held()) {
      throw new IllegalStateException(name + ": not held here");
    }
  }

  @Override
  public String toString() {
    return name;
  }
}
