package dev.cocovisor.core.mmu;

/**
 * Translations that a vCPU keeps until it is told to drop them.
 *
 * <p>It knows nothing of the tables, so a flush that was forgotten is seen as an access through a
 * stale entry. It may forget an entry at any time, as hardware does, but never make one up. Used
 * under the vCPU's mutex; finding and filling must not allocate.
 */
public interface TlbModel {
  /** Returned by {@link #find} for a translation that is not there. */
  long MISS = -1;

  /** Makes the TLB of a vCPU. */
  @FunctionalInterface
  interface Factory {
    /**
     * Returns an empty TLB.
     *
     * @param vm the VM's number on its host
     * @param vcpu the vCPU's id
     */
    TlbModel create(int vm, int vcpu);
  }

  /** Sees one cached translation. */
  @FunctionalInterface
  interface Visitor {
    /** A page that is cached, with the frame of that very page. */
    void entry(long gfn, boolean isPrivate, long pfn, boolean writable);
  }

  /** Returns the TLB that vCPUs have unless they are given another: 256 entries, direct mapped. */
  static TlbModel directMapped() {
    return new DirectMappedTlb();
  }

  /** Packs a translation into the number that {@link #find} and {@link #fill} return. */
  static long pack(long pfn, int level, boolean writable) {
    return pfn << 4 | (long) level << 1 | (writable ? 1 : 0);
  }

  /** Returns the frame of a packed translation. */
  static long pfn(long packed) {
    return packed >>> 4;
  }

  /** Returns the level of a packed translation, 1 to 3. */
  static int level(long packed) {
    return (int) (packed >>> 1) & 7;
  }

  /** Tells whether a packed translation allows stores. */
  static boolean isWritable(long packed) {
    return (packed & 1) != 0;
  }

  /**
   * Finds a translation.
   *
   * @param write whether it has to allow stores
   * @return a packed translation, or {@link #MISS}
   */
  long find(long gfn, boolean isPrivate, boolean write);

  /**
   * Keeps a translation.
   *
   * @param pfn the frame of this very gfn
   * @param level the size of the leaf it comes from, 1 to 3
   * @return the packed translation
   */
  long fill(long gfn, boolean isPrivate, long pfn, int level, boolean writable);

  /** Drops everything. */
  void flush();

  /** Shows everything that is cached. */
  void visit(Visitor visitor);
}
