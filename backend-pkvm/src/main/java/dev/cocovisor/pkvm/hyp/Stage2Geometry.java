package dev.cocovisor.pkvm.hyp;

/**
 * The shape of stage-2 tables with 4 KiB granule for an input address size: where the walk starts,
 * and how many root pages lie side by side.
 *
 * <p>A root may be a concatenation of up to sixteen tables, which saves a level. All VMs of a host
 * under pKVM have the host's size. Source: {@code asm/stage2_pgtable.h}, stage2_pgtable_levels;
 * {@code asm/pgtable-hwdef.h}, ARM64_HW_PGTABLE_LEVELS; {@code nvhe/mem_protect.c},
 * prepare_host_vtcr.
 *
 * @param addressBits input address size, 32 to 48
 */
public record Stage2Geometry(int addressBits) {
  private static final int PAGE_BITS = 12;
  private static final int INDEX_BITS = 9;
  private static final int CONCATENATION_BITS = 4;

  /** Checks the range. */
  public Stage2Geometry {
    if (addressBits < 32 || addressBits > 48) {
      throw new IllegalArgumentException("address sizes of 32 to 48 bits are modelled");
    }
  }

  /** Returns the number of levels. */
  public int levels() {
    return (addressBits - CONCATENATION_BITS - 4) / INDEX_BITS;
  }

  /** Returns the level of the root: 3 are pages. */
  public int startLevel() {
    return HypPageTable.PAGE_LEVEL + 1 - levels();
  }

  /** Returns the number of pages of the root. */
  public int rootPages() {
    int indexBits = addressBits - PAGE_BITS - HypPageTable.shift(startLevel());
    return 1 << Math.max(0, indexBits - INDEX_BITS);
  }

  /** Returns how many pages a memcache must hold before a mapping is tried. */
  public int minCachePages() {
    return levels() - 1;
  }

  /** Returns the number of guest pages that can be addressed. */
  public long pages() {
    return 1L << (addressBits - PAGE_BITS);
  }
}
