package dev.cocovisor.bugs.tdx;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.tdx.kvm.RegionCheck;
import org.jspecify.annotations.Nullable;

/**
 * The number of pages of KVM_TDX_INIT_MEM_REGION is turned into bytes without a look at the
 * overflow, so the check of the range sees a small one.
 */
public final class M8 extends Bug {
  /** Creates the bug. */
  public M8() {
    super(
        "M8",
        Area.TDX,
        "tdx",
        "7c9a2e3a4564",
        "The number of pages of KVM_TDX_INIT_MEM_REGION is turned into bytes without a look at the"
            + " overflow, so the check of the range sees a small one.");
  }

  /** Linux 7.3.4 has the bug, and so has the model; here it is mended. */
  @Override
  protected CoreParts surroundings(CoreParts parts) {
    return parts.with(RegionCheck.class, new Mended());
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.with(RegionCheck.class, new RegionCheck());
  }

  private static final class Mended extends RegionCheck {
    @Override
    public @Nullable String wrong(long gpa, long pages, long sharedGfnMask) {
      return pages >>> (Long.SIZE - PageLevel.PAGE_SHIFT) != 0
          ? "nr_pages is more than there are bytes"
          : super.wrong(gpa, pages, sharedGfnMask);
    }
  }
}
