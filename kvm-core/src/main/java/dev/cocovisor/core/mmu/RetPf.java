package dev.cocovisor.core.mmu;

/**
 * What became of a fault; negative values are errnos. Source: {@code
 * arch/x86/kvm/mmu/mmu_internal.h}, RET_PF_*.
 */
public final class RetPf {
  /** Go on with the next stage. */
  public static final int CONTINUE = 0;

  /** Let the guest try again. */
  public static final int RETRY = 1;

  /** The access is not for memory: emulate it. */
  public static final int EMULATE = 2;

  /** The cached MMIO entry is out of date: handle as an ordinary fault. */
  public static final int INVALID = 3;

  /** Mapped. */
  public static final int FIXED = 4;

  /** Was mapped already. */
  public static final int SPURIOUS = 5;

  /** A huge mirror leaf must be split under the exclusive lock before the fault can go on. */
  public static final int SPLIT = 6;

  /**
   * Pre-population only: the root is stale and nobody frees it, so that trying again is endless.
   */
  public static final int ENDLESS = 7;

  private RetPf() {}
}
