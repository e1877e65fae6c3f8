package dev.cocovisor.tdx.module.call;

import dev.cocovisor.api.trusted.TrustedCall;
import dev.cocovisor.api.trusted.TrustedOperation;
import dev.cocovisor.tdx.module.abi.GuestOutcome;
import dev.cocovisor.tdx.module.abi.Registers;
import org.jspecify.annotations.Nullable;

/**
 * Guest-side leaves, one row each: name, number, operands, and what carries it out (TDX module
 * 1.5.01, {@code tdx_td_api_handlers.h}). A TDCALL is the guest's, so none is work the host asks
 * for.
 */
public enum TdCall implements TrustedCall {
  /** Asks the host for something. */
  VP_VMCALL("TDG.VP.VMCALL", 0, 1, GuestCalls::vmcall),
  /** Accepts a pending page. */
  MEM_PAGE_ACCEPT("TDG.MEM.PAGE.ACCEPT", 6, 1, GuestCalls::accept),
  /** Reads a page's attributes. */
  MEM_PAGE_ATTR_RD("TDG.MEM.PAGE.ATTR.RD", 23, 1, (g, lp, r) -> g.attributes.read(lp, r)),
  /** Writes a page's attributes. */
  MEM_PAGE_ATTR_WR("TDG.MEM.PAGE.ATTR.WR", 24, 3, (g, lp, r) -> g.attributes.write(lp, r));

  /** What a leaf does with the registers. */
  @FunctionalInterface
  private interface Handler {
    GuestOutcome handle(GuestCalls guest, Processor lp, Registers r);
  }

  private final String callName;
  private final int leaf;
  private final int arity;
  private final Handler handler;

  TdCall(String callName, int leaf, int arity, Handler handler) {
    this.callName = callName;
    this.leaf = leaf;
    this.arity = arity;
    this.handler = handler;
  }

  @Override
  public String callName() {
    return callName;
  }

  @Override
  public long number() {
    return leaf;
  }

  @Override
  public int arity() {
    return arity;
  }

  @Override
  public TrustedOperation operation() {
    return TrustedOperation.OTHER;
  }

  /** Returns the leaf number, RAX bits 15:0. */
  public int leaf() {
    return leaf;
  }

  /** Carries the call out. */
  GuestOutcome handle(GuestCalls guest, Processor lp, Registers r) {
    return handler.handle(guest, lp, r);
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
