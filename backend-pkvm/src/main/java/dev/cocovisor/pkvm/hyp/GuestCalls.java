package dev.cocovisor.pkvm.hyp;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;

/**
 * Hypercalls by guests that EL2 answers itself, most of them protected guests' only; everything
 * else goes to the host.
 *
 * <p>Source: {@code nvhe/pkvm.c}, kvm_handle_pvm_hvc64; {@code
 * Documentation/virt/kvm/arm/hypercalls.rst}.
 */
final class GuestCalls {
  /** Vendor hypervisor FEATURES. */
  static final long FEATURES = 0x8600_0000L;

  /** The granule of sharing. */
  static final long HYP_MEMINFO = 0xC600_0002L;

  /** Lets the host into a page. */
  static final long MEM_SHARE = 0xC600_0003L;

  /** Takes a shared page back. */
  static final long MEM_UNSHARE = 0xC600_0004L;

  /**
   * ARM_SMCCC_ARCH_WORKAROUND_1, _2 and _3: EL2's vectors return at once, for any guest ({@code
   * hyp/hyp-entry.S}, el1_sync).
   */
  private static final long WORKAROUND_1 = 0x8000_8000L;

  private static final long WORKAROUND_2 = 0x8000_7fffL;
  private static final long WORKAROUND_3 = 0x8000_3fffL;

  /** SMCCC: done. */
  static final long SUCCESS = 0;

  /** SMCCC: bad argument; pKVM's answer to every refusal. */
  static final long INVALID_PARAMETER = -3;

  // Bits 0 (FEATURES), 2 (HYP_MEMINFO), 3 (MEM_SHARE) and 4 (MEM_UNSHARE).
  private static final long FEATURE_BITS = 1 | 1 << 2 | 1 << 3 | 1 << 4;

  private final GuestTransitions transitions;

  GuestCalls(GuestTransitions transitions) {
    this.transitions = transitions;
  }

  /** Handles a call by the vCPU loaded on {@code cpu}; the answer is in {@link HypCpu#guestX0}. */
  HvcOutcome call(HypCpu cpu, HypVcpu vcpu, long fn, long a0, long a1, long a2) {
    vcpu.exitIsTranslationAbort = false;
    // The function id is a 32-bit value; callers may leave the upper half of x0 set.
    long id = fn & 0xffff_ffffL;
    if (id == WORKAROUND_1 || id == WORKAROUND_2 || id == WORKAROUND_3) {
      cpu.guestX0 = SUCCESS;
      return HvcOutcome.DONE;
    }
    if (!vcpu.vm.isProtected) {
      return HvcOutcome.TO_HOST;
    }
    if (id == FEATURES) {
      cpu.guestX0 = FEATURE_BITS;
      return HvcOutcome.DONE;
    }
    if (id == HYP_MEMINFO) {
      cpu.guestX0 = (a0 | a1 | a2) == 0 ? PageLevel.PAGE_SIZE : INVALID_PARAMETER;
      return HvcOutcome.DONE;
    }
    if (id != MEM_SHARE && id != MEM_UNSHARE) {
      return HvcOutcome.TO_HOST;
    }
    if ((a1 | a2) != 0 || (a0 & (PageLevel.PAGE_SIZE - 1)) != 0) {
      cpu.guestX0 = INVALID_PARAMETER;
      return HvcOutcome.DONE;
    }
    long gfn = a0 >>> PageLevel.PAGE_SHIFT;
    Errno e =
        id == MEM_SHARE
            ? transitions.guestShareHost(vcpu.vm, gfn)
            : transitions.guestUnshareHost(vcpu.vm, gfn);
    if (e == Errno.ENOENT && id == MEM_SHARE) {
      // pkvm_memshare_call: the host sees a write abort at the address and the guest issues the
      // call once more when the page is there.
      vcpu.exitIsTranslationAbort = true;
      vcpu.faultIpa = a0;
      return HvcOutcome.FAULT;
    }
    cpu.guestX0 = e.ok() ? SUCCESS : INVALID_PARAMETER;
    return HvcOutcome.DONE;
  }
}
