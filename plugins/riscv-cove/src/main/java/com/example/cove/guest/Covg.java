package com.example.cove.guest;

import com.example.cove.tsm.GuestCall;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.guest.GuestAction;
import java.util.Locale;

/** Guest actions that are ECALLs of the CoVE guest extension. */
public final class Covg {
  /** The action's name. */
  public static final String ACTION = "covg";

  private Covg() {}

  /** sbi_covg_share_memory_region. */
  public static GuestAction share(long gpa, long length) {
    return call(GuestCall.SHARE_MEMORY_REGION, gpa, length);
  }

  /** sbi_covg_unshare_memory_region. */
  public static GuestAction unshare(long gpa, long length) {
    return call(GuestCall.UNSHARE_MEMORY_REGION, gpa, length);
  }

  /** sbi_covg_add_mmio_region. */
  public static GuestAction addMmio(long gpa, long length) {
    return call(GuestCall.ADD_MMIO_REGION, gpa, length);
  }

  /** sbi_covg_remove_mmio_region. */
  public static GuestAction removeMmio(long gpa, long length) {
    return call(GuestCall.REMOVE_MMIO_REGION, gpa, length);
  }

  private static GuestAction call(GuestCall call, long gpa, long length) {
    return new GuestAction.Vendor(
        ACTION,
        new Fields()
            .put("fn", call.name().toLowerCase(Locale.ROOT))
            .put("gpa", gpa)
            .put("len", length));
  }
}
