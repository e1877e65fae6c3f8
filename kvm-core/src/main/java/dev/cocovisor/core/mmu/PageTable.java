package dev.cocovisor.core.mmu;

import dev.cocovisor.api.sched.Place;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * One table of 512 entries (struct kvm_mmu_page). Tables of level 1 hold leaves only, so they are
 * one array of longs: eight bytes a mapped page and nothing else. Those above are made of lines
 * that come with their first entry, so that a small guest has small tables.
 */
final class PageTable implements Place {
  private static final VarHandle ENTRY = MethodHandles.arrayElementVarHandle(long[].class);
  private static final VarHandle CHILD = MethodHandles.arrayElementVarHandle(PageTable[].class);
  private static final VarHandle LINES = MethodHandles.arrayElementVarHandle(Line[].class);

  private static final int LINE = 32;
  private static final int ENTRIES = 512;
  private static final long[] EMPTY = new long[ENTRIES];

  /** Bits of a gfn that one level looks at. */
  static final int INDEX_BITS = 9;

  /** The level of the entries, 1 for 4 KiB. */
  final int level;

  /** The gfn of entry 0. */
  final long baseGfn;

  /** The frame of the external table page this table mirrors; -1 where there is none. */
  final long externalPfn;

  /** All entries of a table of level 1, which is dense; null above. */
  private final long @Nullable [] leafs;

  /** The entries of a table above level 1, of which most have few; null at level 1. */
  private final @Nullable Line @Nullable [] lines;

  /** Neighbouring entries with the tables below them. */
  private static final class Line {
    final long[] entries = new long[LINE];
    final @Nullable PageTable[] children = new PageTable[LINE];
  }

  PageTable(int level, long baseGfn, long externalPfn) {
    this.level = level;
    this.baseGfn = baseGfn;
    this.externalPfn = externalPfn;
    this.leafs = level > 1 ? null : new long[ENTRIES];
    this.lines = level > 1 ? new Line[512 / LINE] : null;
  }

  private @Nullable Line line(int i) {
    @Nullable Line[] all = lines;
    return all == null ? null : (Line) LINES.getAcquire(all, i / LINE);
  }

  /** The entries that hold entry {@code i}, made if need be; it lies at {@link #at}. */
  private long[] forWrite(int i) {
    long[] dense = leafs;
    return dense != null ? dense : lineForWrite(i).entries;
  }

  private int at(int i) {
    return leafs != null ? i : i & (LINE - 1);
  }

  private Line lineForWrite(int i) {
    @Nullable Line[] all = lines;
    if (all == null) {
      throw new IllegalStateException("a table of level 1 has no children");
    }
    Line there = (Line) LINES.getAcquire(all, i / LINE);
    if (there == null) {
      var fresh = new Line();
      Line seen = (Line) LINES.compareAndExchange(all, i / LINE, null, fresh);
      there = seen == null ? fresh : seen;
    }
    return there;
  }

  /**
   * Returns the first entry from {@code i} on that is there, or past the last one if there is none;
   * for who holds mmu_lock, since it is one look at many entries.
   */
  int skip(int i) {
    int next = skipRoom(i);
    while (next < ENTRIES && lines != null && isEmpty(next)) {
      next = skipRoom(next + 1);
    }
    return next;
  }

  /**
   * Returns the first entry from {@code i} on that there is room for, at level 1 that is there;
   * entries before it are none. Past the last one if there is none.
   */
  int skipRoom(int i) {
    long[] dense = leafs;
    if (dense != null) {
      if (i >= ENTRIES || dense[i] != 0) {
        return i;
      }
      // Most of a small guest's table is empty: many entries are compared at once.
      int empty = Arrays.mismatch(dense, i, ENTRIES, EMPTY, i, ENTRIES);
      return empty < 0 ? ENTRIES : i + empty;
    }
    int next = i;
    while (next < ENTRIES && line(next) == null) {
      next = (next / LINE + 1) * LINE;
    }
    return next;
  }

  private boolean isEmpty(int i) {
    Line l = line(i);
    int at = i & (LINE - 1);
    return l == null || (l.entries[at] == 0 && l.children[at] == null);
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
    long[] dense = leafs;
    if (dense != null) {
      return (long) ENTRY.getAcquire(dense, i);
    }
    Line l = line(i);
    return l == null ? 0 : (long) ENTRY.getAcquire(l.entries, i & (LINE - 1));
  }

  /** As {@link #get}, where others may change the entry meanwhile. */
  long read(int i) {
    SchedulePoint.read(PointKind.SPTE, this, i);
    return get(i);
  }

  /** Takes an entry of a table that was cut off, so that whoever is still in it tries again. */
  long freeze(int i) {
    return (long) ENTRY.getAndSet(forWrite(i), at(i), Spte.FROZEN);
  }

  /** Counts this table and those below it; with {@code external}, only those that are mirrored. */
  long count(boolean external) {
    long n = !external || externalPfn >= 0 ? 1 : 0;
    for (int i = skip(0); i < 512 && lines != null; i = skip(i + 1)) {
      PageTable t = child(i);
      n += t == null ? 0 : t.count(external);
    }
    return n;
  }

  /** Fills a table that nobody can reach yet. */
  void fill(int i, long spte) {
    ENTRY.setRelease(forWrite(i), at(i), spte);
  }

  /** Writes under the exclusive lock. */
  void set(int i, long spte) {
    SchedulePoint.write(PointKind.SPTE, this, i);
    ENTRY.setRelease(forWrite(i), at(i), spte);
  }

  boolean cas(int i, long expected, long spte) {
    SchedulePoint.write(PointKind.SPTE, this, i);
    return ENTRY.compareAndSet(forWrite(i), at(i), expected, spte);
  }

  @Override
  public String placeName(long i) {
    return "SPTE gfn 0x" + Long.toHexString(gfnOf((int) i)) + " level " + level;
  }

  @Nullable PageTable child(int i) {
    Line l = line(i);
    return l == null ? null : (PageTable) CHILD.getAcquire(l.children, i & (LINE - 1));
  }

  /** Hangs a table in before its entry is written; readers go by the entry. */
  void setChild(int i, @Nullable PageTable table) {
    CHILD.setRelease(lineForWrite(i).children, i & (LINE - 1), table);
  }
}
