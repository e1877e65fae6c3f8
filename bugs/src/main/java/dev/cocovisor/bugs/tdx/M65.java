package dev.cocovisor.bugs.tdx;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.bugs.entry.Area;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.tdx.kvm.RegionCheck;
import org.jspecify.annotations.Nullable;

/**
 * The last byte of a region is taken for the one behind it, so the last page below the shared half
 * is refused.
 */
public final class M65 extends Bug {
  /** Creates the bug. */
  public M65() {
    super(
        "M65",
        Area.TDX,
        "tdx",
        "ea93efec4dda",
        "The last byte of a region is taken for the one behind it, so the last page below the"
            + " shared half is refused.");
  }

  @Override
  protected CoreParts core(CoreParts parts) {
    return parts.with(RegionCheck.class, new Faulty());
  }

  private static final class Faulty extends RegionCheck {
    @Override
    public @Nullable String wrong(long gpa, long pages, long sharedGfnMask) {
      long end = gpa + (pages << PageLevel.PAGE_SHIFT);
      boolean shared = ((end >>> PageLevel.PAGE_SHIFT) & sharedGfnMask) != 0;
      return shared ? "the region has the shared bit" : super.wrong(gpa, pages, sharedGfnMask);
    }
  }
}
