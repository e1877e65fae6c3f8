package dev.cocovisor.pkvm.kvm;

import dev.cocovisor.pkvm.guest.Hvc;

/**
 * Hypercalls that EL2 leaves to the host, for a vCPU initialised without PSCI 0.2.
 *
 * <p>Source: {@code arch/arm64/kvm/hypercalls.c}, kvm_smccc_call_handler; {@code psci.c},
 * kvm_psci_0_1_call.
 */
final class HostSmccc {
  private static final long NOT_SUPPORTED = -1;
  private static final long SMCCC_VERSION = 0x8000_0000L;
  private static final long SMCCC_1_1 = 0x1_0001;
  private static final long VENDOR_UID = 0x8600_ff01L;

  /** First word of KVM's vendor id. */
  private static final long VENDOR_UID_0 = 0xb66f_b428L;

  /** The host offers the bitmap itself and PTP. */
  private static final long FEATURE_BITS = 1 | 1 << 1;

  private static final long TRNG_VERSION = 0x8400_0050L;
  private static final long TRNG_1_0 = 0x1_0000;

  private HostSmccc() {}

  /** Returns x0. */
  static long call(Hvc hvc) {
    long fn = hvc.fn() & 0xffff_ffffL;
    if (fn == SMCCC_VERSION) {
      return SMCCC_1_1;
    }
    if (fn == Hvc.FEATURES) {
      return FEATURE_BITS;
    }
    if (fn == VENDOR_UID) {
      return VENDOR_UID_0;
    }
    return fn == TRNG_VERSION ? TRNG_1_0 : NOT_SUPPORTED;
  }
}
