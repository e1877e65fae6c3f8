package dev.cocovisor.core.mmu;

import dev.cocovisor.core.slot.DirtyRing;
import dev.cocovisor.core.slot.MemSlot;
import org.jspecify.annotations.Nullable;

/**
 * One fault on its way (struct kvm_page_fault). One object a vCPU, reused: faults allocate nothing.
 */
public final class PageFault {
  /** Guest frame, without shared bit. */
  public long gfn;

  /** Whether a store caused it. */
  public boolean write;

  /** Whether this is pre-population. */
  public boolean prefetch;

  /** Whether private memory is wanted. */
  public boolean isPrivate;

  /** The slot; null where there is none. */
  public @Nullable MemSlot slot;

  /** Host frame of {@link #gfn}; of the leaf's start once the level is chosen. */
  public long pfn;

  /** Whether the leaf may be writable. */
  public boolean mapWritable;

  /** The largest level allowed, kernel numbering. */
  public int maxLevel;

  /** The level to map at; the mapped level afterwards. */
  public int goalLevel;

  /** The invalidation sequence number the pfn was looked up under. */
  public long mmuSeq;

  /** The slots' generation for a cached MMIO entry. */
  public long generation;

  /** Where the vCPU logs what it writes; null where the slots have bitmaps. */
  public @Nullable DirtyRing ring;

  private @Nullable PageTable near;
  private @Nullable PageTable nearRoot;
  private int nearCuts;

  /** Returns where to begin: the lowest table as long as it is the last fault's, else the root. */
  PageTable nearest(PageTable root, int cuts) {
    PageTable t = near;
    return t != null
            && goalLevel == 1
            && nearRoot == root
            && nearCuts == cuts
            && PageTable.covers(t, gfn)
        ? t
        : root;
  }

  /** Remembers the lowest table that this fault came to. */
  void reached(PageTable root, PageTable lowest, int cuts) {
    near = lowest;
    nearRoot = root;
    nearCuts = cuts;
  }

  /** CPU that faults: its counters and page cache are used. */
  public int cpu;
}
