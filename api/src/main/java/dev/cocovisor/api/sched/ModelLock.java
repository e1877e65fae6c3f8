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
 * <p>Who holds it is an {@link Actor} in an explored run, a thread otherwise.
 *
 * <p>Thread-safe.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public final class ModelLock implements Actor.Releasable {
  private static final VarHandle STATE;
  private static final VarHandle OWNER;

  static {
    try {
      STATE = MethodHandles.lookup().findVarHandle(ModelLock.class, "state", int.class);
      OWNER = MethodHandles.lookup().findVarHandle(ModelLock.class, "owner", Object.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private static final VarHandle READERS = MethodHandles.arrayElementVarHandle(int[].class);
  private static final int STRIPES = 8;
  private static final int LINE = 32;

  /**
   * Many things of one table, each with a lock, whose kind can change while nobody holds it: a
   * granule is a page today and a table tomorrow.
   *
   * @since 0.2
   */
  @API(status = API.Status.EXPERIMENTAL, since = "0.2")
  public interface Things extends Place {
    /** Returns what a thing is now; what is of another kind has another place in a lock order. */
    Object kindOf(long index);
  }

  private final Object name;
  private final long index;
  private final int @Nullable [] readers;
  private volatile int state;
  private volatile @Nullable Object owner;

  /** Creates a free lock; {@code name} is the kernel's or firmware's name for it. */
  public ModelLock(String name) {
    this(name, 0, null);
  }

  /** Creates the free lock of one thing of a table. */
  public ModelLock(Things things, long index) {
    this(things, index, null);
  }

  private ModelLock(Object name, long index, int @Nullable [] readers) {
    this.name = name;
    this.index = index;
    this.readers = readers;
  }

  /** Creates a free lock that many processors share all the time: {@code mmu_lock}. */
  public static ModelLock manyReaders(String name) {
    return new ModelLock(name, 0, new int[(STRIPES + 1) * LINE]);
  }

  /** Returns the line, from 1, that the caller counts itself in. */
  static int stripe(int stripes) {
    Actor a = SchedulePoint.explored() ? Actor.current() : null;
    return a == null ? threadStripe(stripes) : stripe(a, stripes);
  }

  private static int threadStripe(int stripes) {
    return ((int) Thread.currentThread().threadId() & (stripes - 1)) + 1;
  }

  static int stripe(Actor a, int stripes) {
    return (a.number() & (stripes - 1)) + 1;
  }

  /** Notes in an explored run who holds the lock now. */
  private void took(Mode mode) {
    Actor a = SchedulePoint.explored() ? Actor.current() : null;
    if (a != null) {
      a.took(this, mode);
    }
  }

  private void gaveUp() {
    Actor a = SchedulePoint.explored() ? Actor.current() : null;
    if (a != null) {
      a.gaveUp(this);
    }
  }

  private void refuseIfMine(String how) {
    Actor a = SchedulePoint.explored() ? Actor.current() : null;
    if (a == null ? owner == Thread.currentThread() : a.holds(this)) {
      throw new IllegalStateException(this + ": " + how);
    }
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
  private boolean enterShared(int[] counts, int mine) {
    READERS.getAndAdd(counts, mine, 1);
    if (state == 0) {
      return true;
    }
    READERS.getAndAdd(counts, mine, -1);
    return false;
  }

  /** Takes the lock exclusively, waiting while it is held. */
  public void lock() {
    SchedulePoint.reach(PointKind.LOCK, this, 0, Mode.WRITE);
    long spins = 0;
    if (SchedulePoint.explored()) {
      refuseIfMine("taken twice by the same actor");
    }
    while (!STATE.compareAndSet(this, 0, -1)) {
      refuseIfMine("taken twice by the same thread");
      spins = SchedulePoint.await(this, 0, spins);
    }
    OWNER.setRelease(this, Actor.identity());
    took(Mode.WRITE);
    if (readers != null) {
      while (anyReader(readers)) {
        spins = SchedulePoint.await(this, 0, spins);
      }
    }
  }

  /** Gives up an exclusive hold. */
  public void unlock() {
    assertExclusive();
    gaveUp();
    free();
    SchedulePoint.reach(PointKind.UNLOCK, this, 0, Mode.WRITE);
  }

  /** Takes the lock shared, waiting while it is held exclusively. */
  public void lockShared() {
    if (SchedulePoint.explored()) {
      lockSharedExplored();
    } else if (!enterShared(threadStripe(STRIPES))) {
      awaitShared(threadStripe(STRIPES));
    }
  }

  private void lockSharedExplored() {
    SchedulePoint.reach(PointKind.LOCK, this, 0, Mode.READ);
    int mine = stripe(STRIPES);
    if (!enterShared(mine)) {
      awaitShared(mine);
    }
    took(Mode.READ);
  }

  private void awaitShared(int stripe) {
    long spins = 0;
    do {
      refuseIfMine("taken shared while held exclusively");
      spins = SchedulePoint.await(this, 0, spins);
    } while (!enterShared(stripe));
  }

  private boolean enterShared(int stripe) {
    if (readers != null) {
      return enterShared(readers, stripe * LINE);
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

  /** Gives up a shared hold. */
  public void unlockShared() {
    if (SchedulePoint.explored()) {
      leaveShared(stripe(STRIPES) * LINE);
      gaveUp();
      SchedulePoint.reach(PointKind.UNLOCK, this, 0, Mode.READ);
    } else {
      leaveShared(threadStripe(STRIPES) * LINE);
    }
  }

  private void leaveShared(int mine) {
    if (readers != null) {
      if ((int) READERS.getOpaque(readers, mine) <= 0) {
        throw new IllegalStateException(this + ": not held shared");
      }
      READERS.getAndAdd(readers, mine, -1);
      return;
    }
    while (true) {
      int s = state;
      if (s <= 0) {
        throw new IllegalStateException(this + ": not held shared");
      }
      if (STATE.compareAndSet(this, s, s - 1)) {
        return;
      }
    }
  }

  /** Takes the lock exclusively if it is free. */
  public boolean tryLock() {
    SchedulePoint.reach(PointKind.TRY_LOCK, this, 0, Mode.WRITE);
    if (!STATE.compareAndSet(this, 0, -1)) {
      return false;
    }
    if (readers != null && anyReader(readers)) {
      state = 0;
      return false;
    }
    OWNER.setRelease(this, Actor.identity());
    took(Mode.WRITE);
    return true;
  }

  /** Takes the lock shared if nobody holds it exclusively. */
  public boolean tryLockShared() {
    SchedulePoint.reach(PointKind.TRY_LOCK, this, 0, Mode.READ);
    if (!enterShared(stripe(STRIPES))) {
      return false;
    }
    took(Mode.READ);
    return true;
  }

  /** Tells whether somebody else could take the lock now, shared or exclusively. */
  public boolean available(Mode mode) {
    return mode == Mode.READ ? state >= 0 : !held();
  }

  /** Returns who holds the lock exclusively, an {@link Actor} or a thread; null if nobody does. */
  public @Nullable Object owner() {
    return owner;
  }

  @Override
  public void releaseFor(Actor actor, Mode mode) {
    if (mode == Mode.READ) {
      leaveShared(stripe(actor, STRIPES) * LINE);
    } else if (owner == actor) {
      free();
    }
  }

  /**
   * Release stores: whoever takes the lock next does so by a compare-and-swap, which acquires, and
   * nobody reads another's hold before a store of its own. A fence here would be half of the price.
   */
  private void free() {
    OWNER.setRelease(this, null);
    STATE.setRelease(this, 0);
  }

  @Override
  public String placeName(long part) {
    return toString();
  }

  @Override
  public Object rank() {
    return name instanceof Things t ? new Rank(this, t.kindOf(index)) : this;
  }

  private record Rank(ModelLock lock, Object kind) {}

  /** Tells whether the calling thread holds the lock exclusively. */
  public boolean heldExclusive() {
    return state == -1 && owner == Actor.identity();
  }

  /** Tells whether anybody holds the lock, shared or exclusive. */
  public boolean held() {
    return state != 0 || (readers != null && anyReader(readers));
  }

  /** Checks that the calling thread holds the lock exclusively (lockdep_assert_held_write). */
  public void assertExclusive() {
    if (!heldExclusive()) {
      throw new IllegalStateException(this + ": not held exclusively here");
    }
  }

  /** Checks that the lock is held at all (lockdep_assert_held). */
  public void assertHeld() {
    if (readers != null && (int) READERS.getOpaque(readers, stripe(STRIPES) * LINE) > 0) {
      return;
    }
    if (!held()) {
      throw new IllegalStateException(this + ": not held here");
    }
  }

  @Override
  public String toString() {
    return name instanceof Things t ? t.placeName(index) : name.toString();
  }
}
