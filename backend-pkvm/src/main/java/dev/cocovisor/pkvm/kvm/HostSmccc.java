package dev.cocovisor.pkvm.kvm;

import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.pkvm.guest.Hvc;

/**
 * Hypercalls that EL2 leaves to the host: the calling convention's own, KVM's vendor services,
 * random numbers, stolen time, and power states ({@link Psci}).
 *
 * <p>What the recorded host says of itself: its processor is taken to be vulnerable to every
 * speculation that has a workaround, so that KVM offers none. Source: {@code
 * arch/arm64/kvm/hypercalls.c}, kvm_smccc_call_handler; {@code trng.c}, kvm_trng_call; {@code
 * pvtime.c}, kvm_hypercall_pv_features.
 */
final class HostSmccc {
  private static final long SMCCC_VERSION = 0x8000_0000L;
  private static final long ARCH_FEATURES = 0x8000_0001L;
  private static final long PV_TIME_FEATURES = 0xc500_0020L;
  private static final long PV_TIME_ST = 0xc500_0021L;
  private static final long VENDOR_UID = 0x8600_ff01L;
  private static final long PTP = 0x8600_0001L;
  private static final long TRNG_VERSION = 0x8400_0050L;
  private static final long TRNG_FEATURES = 0x8400_0051L;
  private static final long TRNG_GET_UUID = 0x8400_0052L;
  private static final long TRNG_RND32 = 0x8400_0053L;
  private static final long TRNG_RND64 = 0xc400_0053L;

  private static final long SUCCESS = 0;
  private static final long NOT_SUPPORTED = -1;
  private static final long TRNG_INVALID_PARAMETER = -2;
  private static final long SMCCC_1_1 = 0x1_0001;
  private static final long TRNG_1_0 = 0x1_0000;

  /** First words of KVM's vendor id, and of the id of its source of random numbers. */
  private static final long VENDOR_UID_0 = 0xb66f_b428L;

  private static final long TRNG_UUID_0 = 0x00e0_210dL;

  /** The host offers the bitmap itself and PTP. */
  private static final long FEATURE_BITS = 1 | 1 << 1;

  private final Psci psci;

  HostSmccc(Psci psci) {
    this.psci = psci;
  }

  RunResult call(PkvmVcpu v, Hvc hvc) {
    long fn = hvc.fn() & 0xffff_ffffL;
    long feature = hvc.a0() & 0xffff_ffffL;
    if (fn == SMCCC_VERSION) {
      return answer(SMCCC_1_1);
    }
    if (fn == ARCH_FEATURES) {
      return answer(feature == PV_TIME_FEATURES ? SUCCESS : NOT_SUPPORTED);
    }
    if (fn == Hvc.FEATURES) {
      return answer(FEATURE_BITS);
    }
    if (fn == VENDOR_UID) {
      return answer(VENDOR_UID_0);
    }
    // No VMM set an address for stolen time, and the clock of the recorded host is no counter.
    if (fn == PV_TIME_FEATURES || fn == PV_TIME_ST || fn == PTP) {
      return answer(NOT_SUPPORTED);
    }
    return isTrng(fn) ? answer(trng(fn, feature)) : psci.call(v, hvc);
  }

  private static boolean isTrng(long fn) {
    return (fn >= TRNG_VERSION && fn <= TRNG_RND32) || fn == TRNG_RND64;
  }

  private static long trng(long fn, long argument) {
    if (fn == TRNG_VERSION) {
      return TRNG_1_0;
    }
    if (fn == TRNG_FEATURES) {
      return isTrng(argument) ? SUCCESS : NOT_SUPPORTED;
    }
    if (fn == TRNG_GET_UUID) {
      return TRNG_UUID_0;
    }
    int size = fn == TRNG_RND32 ? 32 : 64;
    return argument > 3L * size ? TRNG_INVALID_PARAMETER : SUCCESS;
  }

  private static RunResult answer(long x0) {
    return RunResult.ok(new Exit.Done(x0));
  }
}
