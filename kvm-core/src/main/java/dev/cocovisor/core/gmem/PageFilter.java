package dev.cocovisor.core.gmem;

/** Which mappings of a range of pages go (enum kvm_gfn_range_filter). */
public enum PageFilter {
  /** Those by which guests see the pages as shared. */
  SHARED,

  /** Those by which guests see the pages as private. */
  PRIVATE,

  /** All. */
  BOTH
}
