package dev.cocovisor.tdx.module;

import org.jspecify.annotations.Nullable;

/** Guest-side leaves, by their numbers (TDX module 1.5.01, {@code tdx_td_api_handlers.h}). */
public enum TdCall {
  /** Asks the host for something. */
  VP_VMCALL("TDG.VP.VMCALL", 0),
  /** Accepts a pending page. */
  MEM_PAGE_ACCEPT("TDG.MEM.PAGE.ACCEPT", 6),
  /** Reads a page's attributes. */
  MEM_PAGE_ATTR_RD("TDG.MEM.PAGE.ATTR.RD", 23),
  /** Writes a page's attributes. */
  MEM_PAGE_ATTR_WR("TDG.MEM.PAGE.ATTR.WR", 24);

  private final String callName;
  private final int leaf;

  TdCall(String callName, int leaf) {
    this.callName = callName;
    this.leaf = leaf;
  }

  /** Returns Intel's name, as {@code TDG.MEM.PAGE.ACCEPT}. */
  public String callName() {
    return callName;
  }

  /** Returns the leaf number, RAX bits 15:0. */
  public int leaf() {
    return leaf;
  }

  /** Returns the leaf of a number, or null. */
  public static @Nullable TdCall of(int leaf) {
    for (TdCall c : values()) {
      if (c.leaf == leaf) {
        return c;
      }
    }
    return null;
  }

  /** Returns the leaf of a name, or null. */
  public static @Nullable TdCall named(String callName) {
    for (TdCall c : values()) {
      if (c.callName.equals(callName)) {
        return c;
      }
    }
    return null;
  }
}
