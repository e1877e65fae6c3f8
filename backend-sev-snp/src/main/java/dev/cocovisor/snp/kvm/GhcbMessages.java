package dev.cocovisor.snp.kvm;

import static dev.cocovisor.api.PageLevel.PAGE_SHIFT;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.RunResult;

/**
 * The MSR protocol: what a guest asks by the value of its GHCB MSR alone.
 *
 * <p>What is not understood is left as it is, and the guest resumes. A guest that is no SNP guest
 * and makes a request of theirs ends, as one that asks for its end. Source: {@code
 * arch/x86/kvm/svm/sev.c}, sev_handle_vmgexit_msr_protocol (7.3); values: {@code
 * arch/x86/include/asm/sev-common.h}.
 */
final class GhcbMessages {
  /** The low bits of the MSR that say what is asked; with none of them it is a GHCB's address. */
  static final long INFO = 0xfff;

  /** KVM_SYSTEM_EVENT_SEV_TERM. */
  private static final int SYSTEM_EVENT_TERM = 6;

  private static final int INFO_REQUEST = 0x002;
  private static final int CPUID_REQUEST = 0x004;
  private static final int RESET_HOLD_REQUEST = 0x006;
  private static final int PREFERRED_REQUEST = 0x010;
  static final int REGISTER_REQUEST = 0x012;
  private static final int STATE_REQUEST = 0x014;
  private static final int TERMINATE = 0x100;
  private static final int EXIT_SYSTEM_EVENT = 24;
  private static final int FEATURES_REQUEST = 0x080;

  /** A page state request's frame, and the bit from which on it says what is asked. */
  private static final long GFN = (1L << 40) - 1;

  private static final int OPERATION = 40;
  private static final long NONE_PREFERRED = 0xf_ffff_ffff_ffffL;

  /** GHCB_HV_FT_SNP and GHCB_HV_FT_SNP_AP_CREATION. */
  static final long FEATURES = 3;

  private static final long VERSION_MIN = 1;
  private static final long C_BIT = 51;

  private final SevVm sev;
  private final PageStateRequests states;

  GhcbMessages(SevVm sev, PageStateRequests states) {
    this.sev = sev;
    this.states = states;
  }

  RunResult message(SevVcpu state, long msr) {
    long data = msr >>> PAGE_SHIFT;
    return switch ((int) (msr & INFO)) {
      case INFO_REQUEST -> answer(information(sev));
      // Nobody gave the vCPU a CPUID, so each register is 0; leaf and info are replaced.
      case CPUID_REQUEST -> answer((msr & 0xffff_f000L) | (CPUID_REQUEST + 1));
      case FEATURES_REQUEST -> answer(FEATURES << PAGE_SHIFT | FEATURES_REQUEST + 1);
      case RESET_HOLD_REQUEST -> Vmgexit.resetHold(sev, state);
      case PREFERRED_REQUEST ->
          sev.isSnp()
              ? answer(NONE_PREFERRED << PAGE_SHIFT | PREFERRED_REQUEST + 1)
              : terminate(msr);
      case REGISTER_REQUEST -> sev.isSnp() ? register(state, data) : terminate(msr);
      case STATE_REQUEST ->
          sev.isSnp()
              ? states.message(state, data & GFN, (int) (data >>> OPERATION) & 0xf)
              : terminate(msr);
      case TERMINATE -> terminate(msr);
      default -> answer(msr);
    };
  }

  private static RunResult register(SevVcpu state, long gfn) {
    state.ghcbGfn = gfn;
    return answer(gfn << PAGE_SHIFT | REGISTER_REQUEST + 1);
  }

  /** The message by which a guest asks for one page's change. */
  static long stateRequest(long gfn, int operation) {
    return ((long) operation << OPERATION | (gfn & GFN)) << PAGE_SHIFT | STATE_REQUEST;
  }

  /** What the MSR holds after a reset: versions and where the C-bit is. */
  static long information(SevVm sev) {
    return (long) sev.info().ghcbVersion << 48 | VERSION_MIN << 32 | C_BIT << 24 | 1;
  }

  /**
   * KVM_SYSTEM_EVENT_SEV_TERM.
   *
   * @param msr what the GHCB MSR held: a message, or the address of the GHCB
   */
  static RunResult terminate(long msr) {
    Fields event = new Fields().put("type", SYSTEM_EVENT_TERM).put("ndata", 1).put("data[0]", msr);
    return RunResult.ok(new Exit.Vendor(EXIT_SYSTEM_EVENT, "KVM_EXIT_SYSTEM_EVENT", event));
  }

  private static RunResult answer(long msr) {
    return RunResult.ok(new Exit.Vendor(5, "KVM_EXIT_HLT", new Fields().put("ghcb_msr", msr)));
  }
}
