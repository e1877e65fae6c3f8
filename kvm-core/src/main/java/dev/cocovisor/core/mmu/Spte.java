package dev.cocovisor.core.mmu;

import dev.cocovisor.api.PageLevel;

/**
 * Entries of the second stage as numbers.
 *
 * <p>{@code frame << 12} with flags below. A cached MMIO entry is not present: it holds the
 * generation of the slots it was made under instead of a frame, so that it dies with them. FROZEN
 * stands while a hook runs for the entry. Source: {@code arch/x86/kvm/mmu/spte.h}.
 */
public final class Spte {
  /** Nothing. */
  public static final long NONE = 0;

  static final long PRESENT = 1;
  static final long WRITABLE = 2;
  static final long LEAF = 4;
  static final long PRIVATE = 8;
  static final long MMIO = 16;

  /** Somebody is changing the entry and will be done soon. */
  static final long FROZEN = 32;

  /**
   * The guest has not used the leaf since the host last asked, or ever if it was mapped ahead: the
   * accessed bit, turned round, for most leaves are made by an access.
   */
  static final long OLD = 1 << 9;

  /** What {@link SecondStage#walk} adds; tables hold no level. */
  private static final int LEVEL_SHIFT = 6;

  private static final long LEVEL_MASK = 7L << LEVEL_SHIFT;

  private Spte() {}

  /** Returns an entry with the level it stands at. */
  static long atLevel(long spte, int level) {
    return (spte & ~LEVEL_MASK) | (long) level << LEVEL_SHIFT;
  }

  /** Returns an entry without level. */
  static long bare(long spte) {
    return spte & ~LEVEL_MASK;
  }

  /** Returns the level of an entry that a walk ended at, kernel numbering. */
  public static int level(long spte) {
    return (int) ((spte & LEVEL_MASK) >>> LEVEL_SHIFT);
  }

  static long readOnly(long spte) {
    return spte & ~WRITABLE;
  }

  static long leaf(long pfn, boolean writable, boolean isPrivate) {
    return pfn << PageLevel.PAGE_SHIFT
        | PRESENT
        | LEAF
        | (writable ? WRITABLE : 0)
        | (isPrivate ? PRIVATE : 0);
  }

  /** Returns a leaf of another frame or size that allows what a leaf allows, and is as old. */
  static long like(long leaf, long pfn) {
    return (leaf & (PRESENT | LEAF | WRITABLE | PRIVATE | OLD)) | pfn << PageLevel.PAGE_SHIFT;
  }

  static long table(long externalPfn) {
    return externalPfn << PageLevel.PAGE_SHIFT | PRESENT;
  }

  static long mmio(long generation) {
    return generation << 12 | MMIO;
  }

  /** Tells whether the entry translates or leads to a table. */
  public static boolean isPresent(long spte) {
    return (spte & PRESENT) != 0;
  }

  /** Tells whether the entry is a present leaf. */
  public static boolean isLeaf(long spte) {
    return (spte & (PRESENT | LEAF)) == (PRESENT | LEAF);
  }

  /** Tells whether the entry leads to a table. */
  public static boolean isTable(long spte) {
    return (spte & (PRESENT | LEAF)) == PRESENT;
  }

  /** Tells whether the guest may write through a leaf. */
  public static boolean isWritable(long spte) {
    return (spte & WRITABLE) != 0;
  }

  /** Tells whether a leaf waits for its first access, or its next one. */
  public static boolean isOld(long spte) {
    return (spte & OLD) != 0;
  }

  /** Tells whether a leaf maps private memory. */
  public static boolean isPrivate(long spte) {
    return (spte & PRIVATE) != 0;
  }

  /** Tells whether the entry caches that no slot is there. */
  public static boolean isMmio(long spte) {
    return (spte & MMIO) != 0;
  }

  /** Returns the first frame of a leaf, or the external frame of a mirror's table. */
  public static long pfn(long spte) {
    return spte >>> PageLevel.PAGE_SHIFT;
  }

  static long generation(long spte) {
    return spte >>> PageLevel.PAGE_SHIFT;
  }
}
