package dev.cocovisor.core.mmu;

import dev.cocovisor.api.sched.Place;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * One table of 512 entries (struct kvm_mmu_page). Tables of level 1 hold leaves only, so they are
 * one array of longs: eight bytes a mapped page and nothing else.
 */
final class PageTable implements Place {
  private static final VarHandle ENTRY = MethodHandles.arrayElementVarHandle(long[].class);
  private static final VarHandle CHILD = MethodHandles.arrayElementVarHandle(PageTable[].class);

  /** Bits of a gfn that one level looks at. */
  static final int INDEX_BITS = 9;

  /** The level of the entries, 1 for 4 KiB. */
  final int level;

  /** The gfn of entry 0. */
  final long baseGfn;

  /** The frame of the external table page this table mirrors; -1 where there is none. */
  final long externalPfn;

  private final long[] entries = new long[512];
  private final PageTable @Nullable [] children;

  PageTable(int level, long baseGfn, long externalPfn) {
    this.level = level;
    this.baseGfn = baseGfn;
    this.externalPfn = externalPfn;
    this.children = level > 1 ? new PageTable[512] : null;
  }

  static int index(long gfn, int level) {
    return (int) (gfn >>> (INDEX_BITS * (level - 1))) & 511;
  }

  long gfnOf(int i) {
    return baseGfn + ((long) i << (INDEX_BITS * (level - 1)));
  }

  /** Returns the first entry that a range from {@code start} on touches; 512 if none. */
  int firstIndex(long start) {
    return start <= baseGfn
        ? 0
        : (int) Math.min(512, (start - baseGfn) >>> (INDEX_BITS * (level - 1)));
  }

  /** Returns the last entry that a range up to {@code end}, which is not in it, touches. */
  int lastIndex(long end) {
    return end <= baseGfn
        ? -1
        : (int) Math.min(511, (end - 1 - baseGfn) >>> (INDEX_BITS * (level - 1)));
  }

  /** Tells whether a gfn lies under a table of level 1. */
  static boolean covers(PageTable t, long gfn) {
    return (gfn & -512) == t.baseGfn;
  }

  long get(int i) {
    return (long) ENTRY.getAcquire(entries, i);
  }

  /** As {@link #get}, where others may change the entry meanwhile. */
  long read(int i) {
    SchedulePoint.read(PointKind.SPTE, this, i);
    return get(i);
  }

  /** Takes an entry of a table that was cut off, so that whoever is still in it tries again. */
  long freeze(int i) {
    return (long) ENTRY.getAndSet(entries, i, Spte.FROZEN);
  }

  /** Counts this table and those below it; with {@code external}, only those that are mirrored. */
  long count(boolean external) {
    long n = !external || externalPfn >= 0 ? 1 : 0;
    @Nullable PageTable[] c = children;
    if (c != null) {
      for (PageTable t : c) {
        n += t == null ? 0 : t.count(external);
      }
    }
    return n;
  }

  /** Fills a table that nobody can reach yet. */
  void fill(int i, long spte) {
    ENTRY.setRelease(entries, i, spte);
  }

  /** Writes under the exclusive lock. */
  void set(int i, long spte) {
    SchedulePoint.write(PointKind.SPTE, this, i);
    ENTRY.setRelease(entries, i, spte);
  }

  boolean cas(int i, long expected, long spte) {
    SchedulePoint.write(PointKind.SPTE, this, i);
    return ENTRY.compareAndSet(entries, i, expected, spte);
  }

  @Override
  public String placeName(long i) {
    return "SPTE gfn 0x" + Long.toHexString(gfnOf((int) i)) + " level " + level;
  }

  @Nullable PageTable child(int i) {
    PageTable[] c = children;
    return c == null ? null : (PageTable) CHILD.getAcquire(c, i);
  }

  /** Hangs a table in before its entry is written; readers go by the entry. */
  void setChild(int i, @Nullable PageTable table) {
    PageTable[] c = children;
    if (c == null) {
      throw new IllegalStateException("a table of level 1 has no children");
    }
    CHILD.setRelease(c, i, table);
  }
}
