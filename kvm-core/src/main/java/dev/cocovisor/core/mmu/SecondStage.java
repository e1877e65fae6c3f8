package dev.cocovisor.core.mmu;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.ops.StageShape;
import dev.cocovisor.core.slot.MemSlot;

/** The second stage of a VM: the core's own tables, or a registry of what a trusted half maps. */
public interface SecondStage {
  /** Root choice: shared and unprotected private memory. */
  int DIRECT = 1;

  /** Root choice: private memory that a mirror or a trusted half keeps apart. */
  int PRIVATE_ROOT = 2;

  /** Both roots. */
  int BOTH = DIRECT | PRIVATE_ROOT;

  /** Makes the second stage of a VM. */
  @FunctionalInterface
  interface Factory {
    /**
     * Returns an empty second stage, {@link SecondStage#standard} or one around it.
     *
     * @param host the VM it belongs to, whose hooks may be called from here on
     * @param shape how the VM's type keeps private memory
     */
    SecondStage create(MmuHost host, StageShape shape);
  }

  /** Tells how large a leaf at a gfn of a slot may be. */
  @FunctionalInterface
  interface LevelRule {
    /** Returns the largest level, kernel numbering. */
    int maxLevel(MemSlot slot, long gfn);
  }

  /** Returns the second stage that VMs have unless they are given another. */
  static SecondStage standard(MmuHost host, StageShape shape) {
    return shape == StageShape.DELEGATED
        ? new DelegatedStage(host)
        : new TdpMmu(host, shape == StageShape.MIRRORED);
  }

  /**
   * A vCPU that pre-populates takes the present root (kvm_mmu_reload). The tables built in have one
   * root for all vCPUs, which is never obsolete.
   */
  default void reload(VcpuContext vcpu) {}

  /** Maps what a fault found; mmu_lock is held shared. Returns a {@link RetPf} value or -errno. */
  int map(PageFault fault, VcpuContext vcpu);

  /**
   * Hears that initial contents of private memory were given to the trusted half, which mapped them
   * itself; mmu_lock is held shared. Where the core has tables of its own, a fault maps them later.
   *
   * @param gfn first page
   * @param pfn its frame
   * @param order log2 of the pages, contiguous
   */
  default void populated(long gfn, long pfn, int order) {}

  /**
   * Takes away the leaves that overlap a range; mmu_lock is held exclusive.
   *
   * @param notifier whether an MMU notifier asks, which may not take every page
   * @return whether translations must be flushed
   */
  boolean zapLeafs(long start, long end, int roots, boolean notifier);

  /** Drops all shared and unprotected mappings at once (kvm_mmu_zap_all_fast). */
  void zapAllDirect();

  /** Splits huge private leaves that cross an end of a range; mmu_lock is held exclusive. */
  Errno splitBoundaryLeafs(long start, long end);

  /** Splits the leaf over a gfn down to a level; mmu_lock is held exclusive. */
  Errno splitTo(long gfn, int level, boolean isPrivate);

  /**
   * Takes write access to shared memory away, so that the next write is seen; mmu_lock is held
   * exclusive.
   *
   * @param from the smallest leaves it is taken from, kernel numbering
   * @param to the largest
   * @return whether translations must be flushed
   */
  boolean protectWrites(long start, long end, int from, int to);

  /** Splits every leaf of a range to 4 KiB, for dirty logging; mmu_lock is held exclusive. */
  void splitAll(long start, long end);

  /** Makes leaves of a slot huge again where {@code rule} allows; mmu_lock is held exclusive. */
  void recoverHuge(MemSlot slot, LevelRule rule);

  /**
   * Walks as the hardware does.
   *
   * @return the {@link Spte} number the walk ends at, with {@link Spte#level}
   */
  long walk(long gfn, boolean isPrivate);

  /**
   * The hardware used the leaf that {@link #walk} ended at, which was old ({@link Spte#OLD}); no
   * lock is held.
   */
  default void accessed(long gfn, boolean isPrivate) {}

  /**
   * Tells whether a guest used a leaf over a range of user memory since it was last made old; no
   * lock is held. No translation is flushed, so that an access by a cached one is not seen. Trusted
   * halves that walk tables of their own tell nothing, and what they map is never young. Source:
   * {@code arch/x86/kvm/mmu/mmu.c}, kvm_age_gfn; {@code arch/arm64/kvm/mmu.c} (7.3), the same,
   * false for protected VMs.
   *
   * @param clear whether to make what is young old
   */
  default boolean age(long start, long end, boolean clear) {
    return false;
  }

  /** Visits the leaves of a root. */
  void visitLeafs(boolean privateRoot, LeafVisitor visitor);

  /** Returns the leaf counters. */
  PageCounters counters();

  /** Returns how many pages the core's own tables take, those of a mirror included. */
  long tablePages();

  /** Returns how many pages the core handed to a trusted half as tables. */
  long externalTablePages();

  /** Tears everything down; mmu_lock is held exclusive. */
  void destroy();

  /** Tells whether private memory has a root of its own. */
  boolean hasPrivateRoot();
}
