package dev.cocovisor.api.sched;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
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
 * <p>Thread-safe.
 */
public final class ModelLock {
  private static final VarHandle STATE;

  static {
    try {
      STATE = MethodHandles.lookup().findVarHandle(ModelLock.class, "state", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final String name;
  private volatile int state;
  private volatile @Nullable Thread owner;

  /** Creates a free lock; {@code name} is the kernel's or firmware's name for it. */
  public ModelLock(String name) {
    this.name = name;
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
    if (STATE.compareAndSet(this, 0, -1)) {
      owner = Thread.currentThread();
      return true;
    }
    return false;
  }

  /** Takes the lock shared if nobody holds it exclusively. */
  public boolean tryLockShared() {
    SchedulePoint.reach(PointKind.TRY_LOCK, this);
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
    return state != 0;
  }

  /** Checks that the calling thread holds the lock exclusively (lockdep_assert_held_write). */
  public void assertExclusive() {
    if (!heldExclusive()) {
      throw new IllegalStateException(name + ": not held exclusively here");
    }
  }

  /** Checks that the lock is held at all (lockdep_assert_held). */
  public void assertHeld() {
    if (state == 0) {
      throw new IllegalStateException(name + ": not held here");
    }
  }

  @Override
  public String toString() {
    return name;
  }
}
