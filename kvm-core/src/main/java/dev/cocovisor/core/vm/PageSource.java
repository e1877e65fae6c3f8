package dev.cocovisor.core.vm;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.core.mmu.PageFault;
import dev.cocovisor.core.slot.MemSlot;
import java.util.function.Consumer;

/**
 * Where the frames behind one kind of guest access come from: the bound file, the VMM's mapping, or
 * the VMM's mapping pinned. A VM has one for private memory and one for shared memory of each kind
 * of slot ({@link PageSources}), so that nobody asks the traits again.
 */
interface PageSource {
  /**
   * Finds the frame of a faulting page, allocating it.
   *
   * @param f the fault; its pfn, mapWritable and maxLevel are set
   * @return {@link dev.cocovisor.core.mmu.RetPf#CONTINUE}, or how the fault ends
   */
  int get(Vcpu vcpu, PageFault f, MemSlot slot);

  /** Gives back what {@link #get} took, of a page that was not mapped after all. */
  default void giveBack(PageFault f) {}

  /** Tells whether the slot lets a leaf of a level stand at a gfn. */
  boolean allowsLevel(MemSlot slot, long gfn, PageLevel level);

  /** Lowers a level to what is behind the page; kernel numbering. */
  int limit(MemSlot slot, long gfn, int level);

  /** Reports a mapped page whose frame is not the one that lies behind it. */
  void check(MemSlot slot, long gfn, long pfn, boolean writable, Consumer<String> violation);

  /** Tells whether the pages go when the VMM's mapping of them does. */
  boolean followsUserMapping();
}
