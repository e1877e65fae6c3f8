package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.PageLevel;
import org.jspecify.annotations.Nullable;

/**
 * What KVM_TDX_INIT_MEM_REGION asks of the range it is given, as Linux 7.3.4 does: the number of
 * bytes is not looked at before it is computed, so a number of pages above 2^52 counts from 0
 * again. Later kernels refuse it ("Reject INIT_MEM_REGION if number of bytes would overflow a
 * u64"). Source: {@code arch/x86/kvm/vmx/tdx.c}, tdx_vcpu_init_mem_region.
 */
public class RegionCheck {
  /** Creates the check. */
  public RegionCheck() {}

  /**
   * Says what is wrong with a range; null for nothing.
   *
   * @param gpa first byte, aligned to a page
   * @param pages as the caller gave it
   * @param sharedGfnMask the bit of a gfn that makes it shared
   */
  public @Nullable String wrong(long gpa, long pages, long sharedGfnMask) {
    long end = gpa + (pages << PageLevel.PAGE_SHIFT);
    if (pages == 0 || Long.compareUnsigned(end, gpa) <= 0) {
      return "nr_pages is 0 or leads out of the address space";
    }
    boolean shared = isShared(gpa, sharedGfnMask) || isShared(end - 1, sharedGfnMask);
    return shared ? "the region has the shared bit" : null;
  }

  private static boolean isShared(long gpa, long sharedGfnMask) {
    return ((gpa >>> PageLevel.PAGE_SHIFT) & sharedGfnMask) != 0;
  }
}
