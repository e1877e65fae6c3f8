package com.example.cove.tsm;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.PhysicalMemory;

/**
 * One TVM's G-stage table, Sv48x4: a root of 16 KiB and tables of 4 KiB, all in confidential pages
 * that the host donated. The entries are the architecture's own and lie in physical memory; the
 * hart walks them without a lock.
 *
 * <p>An invalidated leaf keeps its frame: V is clear, and bits that the hart then ignores say that
 * it is one and at which fence version it was invalidated. Bit 9 tells a shared frame from a
 * confidential one. Changes are made under the TVM's lock. Source: the RISC-V privileged
 * specification, Sv48x4; Salus, riscv-page-tables/src/pte.rs for invalid leaves.
 */
final class GStage {
  /** {@link #leaf}: there is none; the level where the walk ended is {@link #emptyLevel}. */
  static final long NONE = -8;

  /** {@link #slot}: the pool has no page for a table on the way. */
  static final long NO_TABLE = -1;

  /** {@link #slot}: the place is taken by a leaf or table of another size. */
  static final long TAKEN = -2;

  static final long BITS = 50;
  static final int ROOT_LEVEL = 3;
  static final long ROOT_PAGES = 4;

  private static final long V = 1;
  private static final long RWX = 7 << 1;
  private static final long W = 1 << 2;
  private static final long USER_ACCESSED_DIRTY = 1 << 4 | 1 << 6 | 1 << 7;
  private static final long INVALIDATED = 1 << 8;
  private static final long SHARED = 1 << 9;
  private static final int PPN_SHIFT = 10;
  private static final long PPN_MASK = (1L << 34) - 1;
  private static final int VERSION_SHIFT = 44;
  private static final long VERSION_MASK = (1L << 20) - 1;

  /** Where table pages come from and go to. */
  interface Pool {
    /** Returns the address of a page, or -1. */
    long take();

    /** Takes a page back. */
    void give(long address);
  }

  private final PhysicalMemory memory;
  private final long root;

  GStage(PhysicalMemory memory, long root) {
    this.memory = memory;
    this.root = root;
  }

  static long entrySize(int level) {
    return 1L << (12 + 9 * level);
  }

  private static long slotIn(long table, int level, long gpa) {
    long index = gpa >>> (12 + 9 * level) & (level == ROOT_LEVEL ? 2047 : 511);
    return table + index * 8;
  }

  private static boolean isTable(long pte) {
    return (pte & V) != 0 && (pte & RWX) == 0;
  }

  private static boolean isLeaf(long pte) {
    return (pte & (V | INVALIDATED)) != 0 && (pte & RWX) != 0;
  }

  private static long address(long pte) {
    return (pte >>> PPN_SHIFT & PPN_MASK) << PageLevel.PAGE_SHIFT;
  }

  /** Walks as a hart does: the host-physical address, or -1 for a guest page fault. */
  long translate(long gpa, boolean write) {
    long table = root;
    for (int level = ROOT_LEVEL; level >= 0; level--) {
      long pte = memory.readLong(slotIn(table, level, gpa));
      if ((pte & V) == 0) {
        return -1;
      }
      if ((pte & RWX) != 0) {
        long inside = gpa & (entrySize(level) - 1);
        return write && (pte & W) == 0 ? -1 : address(pte) + inside;
      }
      table = address(pte);
    }
    return -1;
  }

  /**
   * Finds the leaf that maps an address, present or invalidated.
   *
   * @return where its entry lies, its level in the low three bits; or {@link #NONE} plus the level
   *     at which nothing is
   */
  long leaf(long gpa) {
    long table = root;
    for (int level = ROOT_LEVEL; level >= 0; level--) {
      long slot = slotIn(table, level, gpa);
      long pte = memory.readLong(slot);
      if (isLeaf(pte)) {
        return slot | level;
      }
      if (!isTable(pte)) {
        return NONE + level;
      }
      table = address(pte);
    }
    throw new IllegalStateException("a table hangs below the last level");
  }

  static boolean found(long leaf) {
    return leaf >= 0;
  }

  static int level(long leaf) {
    return (int) leaf & 7;
  }

  static int emptyLevel(long none) {
    return (int) (none - NONE);
  }

  private long read(long leaf) {
    return memory.readLong(leaf & -8);
  }

  private void write(long leaf, long pte) {
    memory.writeLong(leaf & -8, pte);
  }

  long frame(long leaf) {
    return address(read(leaf)) >>> PageLevel.PAGE_SHIFT;
  }

  boolean isShared(long leaf) {
    return (read(leaf) & SHARED) != 0;
  }

  boolean isPresent(long leaf) {
    return (read(leaf) & V) != 0;
  }

  /** Tells whether an invalidated leaf was invalidated at this version of the TVM's fences. */
  boolean invalidatedAt(long leaf, long version) {
    return read(leaf) >>> VERSION_SHIFT == (version & VERSION_MASK);
  }

  void invalidate(long leaf, long version) {
    write(leaf, (read(leaf) & ~V) | INVALIDATED | (version & VERSION_MASK) << VERSION_SHIFT);
  }

  void validate(long leaf) {
    write(leaf, (read(leaf) & ~(VERSION_MASK << VERSION_SHIFT | INVALIDATED)) | V);
  }

  void clear(long leaf) {
    write(leaf, 0);
  }

  /**
   * Finds the empty entry for a leaf of a level, making the tables on the way.
   *
   * @return where it lies, or {@link #NO_TABLE}, {@link #TAKEN}
   */
  long slot(long gpa, int at, Pool pool) {
    long table = root;
    for (int level = ROOT_LEVEL; level > at; level--) {
      long slot = slotIn(table, level, gpa);
      long pte = memory.readLong(slot);
      if (isLeaf(pte)) {
        return TAKEN;
      }
      if (!isTable(pte)) {
        long fresh = pool.take();
        if (fresh < 0) {
          return NO_TABLE;
        }
        memory.zero(fresh >>> PageLevel.PAGE_SHIFT, 1);
        pte = fresh >>> PageLevel.PAGE_SHIFT << PPN_SHIFT | V;
        memory.writeLong(slot, pte);
      }
      table = address(pte);
    }
    long slot = slotIn(table, at, gpa);
    return memory.readLong(slot) == 0 ? slot : TAKEN;
  }

  void map(long slot, long pfn, boolean shared) {
    memory.writeLong(
        slot, pfn << PPN_SHIFT | V | RWX | USER_ACCESSED_DIRTY | (shared ? SHARED : 0));
  }

  /** Makes a table of an invalidated leaf; its 512 leaves are invalidated as it was. */
  boolean demote(long leaf, Pool pool) {
    long table = pool.take();
    if (table < 0) {
      return false;
    }
    long pte = read(leaf);
    long step = entrySize(level(leaf) - 1) >>> PageLevel.PAGE_SHIFT << PPN_SHIFT;
    for (int i = 0; i < 512; i++) {
      memory.writeLong(table + 8L * i, pte + i * step);
    }
    write(leaf, table >>> PageLevel.PAGE_SHIFT << PPN_SHIFT | V);
    return true;
  }

  /** Makes one leaf of 512 contiguous ones, all invalidated; gives their table back. */
  boolean promote(long gpa, int level, Pool pool) {
    long first = leaf(gpa);
    if (!found(first) || level(first) != level - 1) {
      return false;
    }
    long table = first & -4096;
    long pte = read(first);
    long step = entrySize(level - 1) >>> PageLevel.PAGE_SHIFT << PPN_SHIFT;
    long flags = (1 << PPN_SHIFT) - 1;
    boolean aligned = (address(pte) & (entrySize(level) - 1)) == 0;
    for (int i = 0; aligned && i < 512; i++) {
      long each = memory.readLong(table + 8L * i);
      // Versions of invalidation may differ: all are fenced by now.
      aligned =
          isLeaf(each)
              && (each & flags) == (pte & flags)
              && address(each) == address(pte + i * step);
    }
    if (!aligned) {
      return false;
    }
    memory.writeLong(parentSlot(gpa, level), pte);
    pool.give(table);
    return true;
  }

  private long parentSlot(long gpa, int level) {
    long table = root;
    for (int l = ROOT_LEVEL; l > level; l--) {
      table = address(memory.readLong(slotIn(table, l, gpa)));
    }
    return slotIn(table, level, gpa);
  }

  /** Told of leaves one by one. */
  @FunctionalInterface
  interface Visitor {
    /** Sees a leaf; {@code gpa} is its first byte. */
    void leaf(long gpa, long leaf);
  }

  /** Visits every leaf in order, present or not. */
  void visit(Visitor visitor) {
    visit(visitor, root, ROOT_LEVEL, 0);
  }

  private void visit(Visitor visitor, long table, int level, long base) {
    int entries = level == ROOT_LEVEL ? 2048 : 512;
    for (int i = 0; i < entries; i++) {
      long pte = memory.readLong(table + 8L * i);
      long gpa = base + i * entrySize(level);
      if (isLeaf(pte)) {
        visitor.leaf(gpa, table + 8L * i | level);
      } else if (isTable(pte)) {
        visit(visitor, address(pte), level - 1, gpa);
      }
    }
  }
}
