package dev.cocovisor.pkvm.hyp;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.trusted.Interposer;
import dev.cocovisor.api.trusted.TrustedCall;
import dev.cocovisor.api.trusted.TrustedFault;

/**
 * How EL2's calls say that they failed, for fault plans.
 *
 * <p>EL2 spins on its locks, so that busy is only what a pin or a reference of another CPU makes
 * it; it never stops half way for an interrupt. Calls without a result (loading and putting a vCPU)
 * and those that only flush never fail.
 */
public final class HypFailures {
  private HypFailures() {}

  /** Returns x1 of a call that fails so, {@link Interposer#PROCEED} where it never does. */
  public static long answer(TrustedCall call, TrustedFault.How how) {
    return call instanceof Hypercall h
        ? switch (how) {
          case BUSY -> busy(h);
          case INTERRUPTED -> Interposer.PROCEED;
          case REFUSED -> refused(h);
        }
        : Interposer.PROCEED;
  }

  private static long busy(Hypercall call) {
    return switch (call) {
      // The page is pinned, or EL2's structure is.
      case HOST_UNSHARE_HYP, INIT_VCPU -> -Errno.EBUSY.number();
      // The page changed hands in between.
      case FORCE_RECLAIM_GUEST_PAGE -> -Errno.EAGAIN.number();
      default -> Interposer.PROCEED;
    };
  }

  private static long refused(Hypercall call) {
    return switch (call) {
      case RESERVE_VM, INIT_VM -> -Errno.ENOMEM.number();
      case INIT_VCPU,
          VCPU_RUN,
          HOST_RELAX_PERMS_GUEST,
          HOST_WRPROTECT_GUEST,
          START_TEARDOWN_VM,
          FINALIZE_TEARDOWN_VM ->
          -Errno.EINVAL.number();
      case HOST_SHARE_HYP,
          HOST_UNSHARE_HYP,
          HOST_DONATE_GUEST,
          HOST_SHARE_GUEST,
          HOST_UNSHARE_GUEST,
          FORCE_RECLAIM_GUEST_PAGE,
          RECLAIM_DYING_GUEST_PAGE ->
          -Errno.EPERM.number();
      default -> Interposer.PROCEED;
    };
  }
}
