package dev.cocovisor.core.mm;

/**
 * When anonymous memory is faulted in by pages of 2 MiB ({@code
 * /sys/kernel/mm/transparent_hugepage/enabled}).
 */
public enum ThpMode {
  /** Wherever a block of 2 MiB fits. */
  ALWAYS,
  /** Only where madvise(MADV_HUGEPAGE) asked for it. */
  MADVISE,
  /** Nowhere, but for madvise(MADV_COLLAPSE). */
  NEVER;

  /** Tells whether a fault in a mapping may bring a huge page (thp_vma_allowable_order). */
  boolean allows(Vma v) {
    return v.isAnonymous()
        && !v.has(Vma.NOHUGEPAGE)
        && (this == ALWAYS || (this == MADVISE && v.has(Vma.HUGEPAGE)));
  }
}
