package dev.cocovisor.tdx.module.pamt;

/** Page types of the PAMT, by their numbers (TDX module 1.5.01, {@code pamt_manager.h}). */
public final class PageType {
  /** Not assigned: free. */
  public static final int NDA = 0;

  /** Reserved. */
  public static final int RSVD = 1;

  /** A page of a TD's memory. */
  public static final int REG = 3;

  /** A TD root. */
  public static final int TDR = 4;

  /** A control page of a TD or vCPU. */
  public static final int TDCX = 5;

  /** A vCPU root. */
  public static final int TDVPR = 6;

  /** A Secure-EPT page. */
  public static final int EPT = 8;

  private PageType() {}

  /** Returns a type's name as the module writes it. */
  public static String name(int type) {
    return switch (type) {
      case NDA -> "NDA";
      case RSVD -> "RSVD";
      case REG -> "REG";
      case TDR -> "TDR";
      case TDCX -> "TDCX";
      case TDVPR -> "TDVPR";
      case EPT -> "EPT";
      default -> "type " + type;
    };
  }
}
