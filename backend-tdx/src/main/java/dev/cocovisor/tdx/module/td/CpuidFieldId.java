package dev.cocovisor.tdx.module.td;

/**
 * How MNG.RD names what a TD finds in CPUID: the leaf in bits 15:9 and 16, the sub-leaf in 7:1 or
 * bit 8 for none, the half of the registers in bit 0. Source: TDX module 1.5.01, {@code
 * tdx_api_defs.h}, md_field_id_t (cpuid_field_code); {@code metadata_generic.c},
 * md_cpuid_field_id_get_leaf_subleaf.
 */
public final class CpuidFieldId {
  /** CPUID_VALUES of the context TD: class and size of an element, everything else 0. */
  private static final long CLASS = 0x9410_0003L << 32;

  private static final long CODE = 0x1ffff;

  private CpuidFieldId() {}

  /**
   * Returns the field's name.
   *
   * @param leaf a leaf up to 0x7f, or that many above 0x80000000
   * @param subleaf a sub-leaf up to 0x7f, or {@link CpuidConfig#NO_SUBLEAF}
   * @param element 0 for EAX and EBX, 1 for ECX and EDX
   */
  public static long of(long leaf, long subleaf, int element) {
    long which = subleaf == CpuidConfig.NO_SUBLEAF ? 0x1fe : (subleaf & 0x7f) << 1;
    return CLASS | (leaf >>> 31) << 16 | (leaf & 0x7f) << 9 | which | element;
  }

  /** Tells whether a number names a leaf at all. */
  public static boolean isOne(long field) {
    return (field & ~CODE) == CLASS;
  }

  /** Returns the leaf of a field. */
  public static long leaf(long field) {
    return (field >>> 9 & 0x7f) | (field >>> 16 & 1) << 31;
  }

  /** Returns the sub-leaf of a field, or {@link CpuidConfig#NO_SUBLEAF}. */
  public static long subleaf(long field) {
    return (field >>> 8 & 1) != 0 ? CpuidConfig.NO_SUBLEAF : field >>> 1 & 0x7f;
  }

  /** Returns which half of the registers a field is. */
  public static int element(long field) {
    return (int) field & 1;
  }
}
