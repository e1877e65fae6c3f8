package dev.cocovisor.tdx.module.sept;

import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * One Secure-EPT page: 512 entries and, above the lowest level, the tables they link.
 *
 * <p>Entries are read and changed with volatile semantics; a link is stored before the entry that
 * makes it reachable. The entry lock is bit 11 of the entry itself, as in the module.
 */
public final class SeptTable {
  private static final VarHandle ENTRY = MethodHandles.arrayElementVarHandle(long[].class);

  private final long hpa;
  private final int level;
  private final long[] entries = new long[512];
  private final @Nullable SeptTable @Nullable [] children;

  /** Creates a table of free entries. */
  public SeptTable(long hpa, int level) {
    this.hpa = hpa;
    this.level = level;
    this.children = level == 0 ? null : new @Nullable SeptTable[512];
    Arrays.fill(entries, SeptEntry.FREE);
  }

  /** Returns the address of the page. */
  public long hpa() {
    return hpa;
  }

  /** Returns the level of the entries: 0 for a table of 4 KiB leaves. */
  public int level() {
    return level;
  }

  /** Reads an entry. */
  public long get(int index) {
    return (long) ENTRY.getVolatile(entries, index);
  }

  /** Returns the table an entry links, or null. */
  public @Nullable SeptTable child(int index) {
    return children == null ? null : children[index];
  }

  /** Stores an entry as a whole. */
  public void set(int index, long entry) {
    ENTRY.setVolatile(entries, index, entry);
  }

  /** Sets the table an entry links. */
  public void setChild(int index, @Nullable SeptTable child) {
    if (children != null) {
      children[index] = child;
    }
  }

  /** Fills a table nobody can reach yet with leaves of one state. */
  public void fillLeaves(SeptState state, long firstHpa) {
    long size = 4096L << (9 * level);
    long entry = SeptEntry.leaf(state, firstHpa);
    for (int i = 0; i < 512; i++, entry += size) {
      entries[i] = entry;
    }
  }

  /** Tells whether no entry is in use. */
  public boolean allFree() {
    for (int i = 0; i < 512; i++) {
      if (!SeptEntry.isFree(get(i))) {
        return false;
      }
    }
    return true;
  }

  /**
   * Tries the entry lock for the host. A failure leaves the host-priority mark, so that no guest
   * takes the lock before the host had it; a success clears it.
   */
  public boolean tryLockHost(int index) {
    SchedulePoint.reach(PointKind.TRY_LOCK, this);
    while (true) {
      long e = get(index);
      boolean free = (e & SeptEntry.LOCK) == 0;
      long to =
          free ? (e | SeptEntry.LOCK) & ~SeptEntry.HOST_PRIORITY : e | SeptEntry.HOST_PRIORITY;
      if (ENTRY.compareAndSet(entries, index, e, to)) {
        return free;
      }
    }
  }

  /** Tries the entry lock for the guest, which stands back where a host waits. */
  public boolean tryLockGuest(int index) {
    SchedulePoint.reach(PointKind.TRY_LOCK, this);
    while (true) {
      long e = get(index);
      if ((e & (SeptEntry.LOCK | SeptEntry.HOST_PRIORITY)) != 0) {
        return false;
      }
      if (ENTRY.compareAndSet(entries, index, e, e | SeptEntry.LOCK)) {
        return true;
      }
    }
  }

  /** Gives an entry back. */
  public void unlock(int index) {
    while (true) {
      long e = get(index);
      if (ENTRY.compareAndSet(entries, index, e, e & ~SeptEntry.LOCK)) {
        return;
      }
    }
  }

  /** Writes an entry whose lock the caller holds and gives the lock up, in one step. */
  public void put(int index, long entry) {
    while (true) {
      long e = get(index);
      long keep = e & SeptEntry.HOST_PRIORITY;
      if (ENTRY.compareAndSet(
          entries, index, e, (entry & ~(SeptEntry.LOCK | SeptEntry.HOST_PRIORITY)) | keep)) {
        return;
      }
    }
  }

  /** Writes an entry while its lock is held, keeping the lock and the host-priority mark. */
  public void update(int index, long entry) {
    while (true) {
      long e = get(index);
      long keep = e & (SeptEntry.LOCK | SeptEntry.HOST_PRIORITY);
      if (ENTRY.compareAndSet(
          entries, index, e, (entry & ~(SeptEntry.LOCK | SeptEntry.HOST_PRIORITY)) | keep)) {
        return;
      }
    }
  }
}
