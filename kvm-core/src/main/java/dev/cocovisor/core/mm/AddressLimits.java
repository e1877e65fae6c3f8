package dev.cocovisor.core.mm;

/**
 * What a host's user address spaces are like.
 *
 * @param top the address behind the last one a program can use (TASK_SIZE_MAX)
 * @param thp when anonymous memory is faulted in by huge pages
 * @param swap whether the kernel can swap (CONFIG_SWAP), so that advice about it means something
 * @param ksm whether pages of equal content can be merged (CONFIG_KSM)
 * @param vvar where the kernel's data page of each process lies ([vvar]); 0: nowhere
 * @param refusesPartialCollapse whether MADV_COLLAPSE refuses a range inside a block, as before 7.3
 */
public record AddressLimits(
    long top, ThpMode thp, boolean swap, boolean ksm, long vvar, boolean refusesPartialCollapse) {
  private static final long RECORDED_VVAR = 0x7fff_f7fb_c000L;

  /** The x86 host of the recordings: five-level page tables, THP always, no swap, no KSM. */
  public static final AddressLimits RECORDED =
      new AddressLimits(x86Top(57), ThpMode.ALWAYS, false, false, RECORDED_VVAR, false);

  /** Where the kernel begins to look for a free place; leaves room for the biggest guests. */
  private static final long MMAP_BASE = 0x4000_0000_0000L;

  /** Above this a mapping is made only where the address asks for it (DEFAULT_MAP_WINDOW). */
  private static final long DEFAULT_WINDOW = 0x7fff_ffff_f000L;

  /**
   * Returns TASK_SIZE_MAX of x86: half of the addresses are the kernel's, and the last page is left
   * out. Source: {@code arch/x86/include/asm/page_64_types.h}.
   *
   * @param bits 47 for four levels of page tables, 57 for five
   */
  public static long x86Top(int bits) {
    return (1L << (bits == 57 ? 56 : bits)) - 4096;
  }

  long mmapBase() {
    return MMAP_BASE;
  }

  long window() {
    return Math.min(DEFAULT_WINDOW, top);
  }

  /** Tells whether [addr, addr + size) are addresses a program can use (access_ok). */
  public boolean accessOk(long addr, long size) {
    return size >= 0 && addr >= 0 && size <= top && addr <= top - size;
  }
}
