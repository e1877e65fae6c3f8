package dev.cocovisor.tdx.guest;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.GuestAction;

/** TDCALLs as actions of a vCPU's run. Addresses and sizes are bytes. */
public final class TdCalls {
  private TdCalls() {}

  /** TDG.MEM.PAGE.ACCEPT of one page. */
  public static GuestAction.Vendor accept(long gpa, PageLevel level) {
    return new GuestAction.Vendor(
        "tdcall",
        new Fields()
            .put("leaf", "TDG.MEM.PAGE.ACCEPT")
            .put("gpa", gpa)
            .put("level", level.number() - 1));
  }

  /** TDG.VP.VMCALL MapGPA; the shared bit in {@code gpa} says what the range is to become. */
  public static GuestAction.Vendor mapGpa(long gpa, long size) {
    return new GuestAction.Vendor(
        "tdvmcall", new Fields().put("fn", "MapGPA").put("gpa", gpa).put("size", size));
  }
}
