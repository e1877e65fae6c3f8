package dev.cocovisor.snp.vmm;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.vmm.GuestAnswer;
import dev.cocovisor.snp.guest.SnpActions;
import dev.cocovisor.snp.guest.Validation;
import dev.cocovisor.snp.rmp.RmpCode;

/**
 * What an SNP guest's registers and GHCB say after its action: RAX and the carry flag of an RMP
 * instruction, the GHCB MSR, SW_EXITINFO1 and SW_EXITINFO2.
 *
 * <p>Source: APM volume 3 (PVALIDATE, RMPADJUST, RMPQUERY); GHCB specification, version 2, sections
 * 2.3 and 4.1.
 */
final class SnpAnswers {
  /** GHCBData of an MSR protocol answer, 63:12; the answer's code is below. */
  private static final int MSR_DATA = 12;

  private static final long MSR_CODE = 0xfff;
  private static final long PAGE_STATE_RESPONSE = 0x15;
  private static final long REGISTER_RESPONSE = 0x13;
  private static final int INFO_RESPONSE = 0x1;
  private static final int PREFERRED_RESPONSE = 0x11;
  private static final int FEATURES_RESPONSE = 0x81;
  private static final long NO_GFN = -1L >>> MSR_DATA;

  private SnpAnswers() {}

  static GuestAnswer of(GuestAction action, RunResult result, Exit.Vendor told) {
    Fields f = told.fields();
    if (!told.name().equals("KVM_EXIT_HLT") || f.has("fault")) {
      return new GuestAnswer.Stopped(result.errno(), told);
    }
    if (f.has("rax")) {
      return instruction(f.number("rax"), f.number("cf", 0) != 0);
    }
    if (f.has("ghcb_msr")) {
      return message(f.number("ghcb_msr"));
    }
    long info1 = f.number("exitinfo1", 0);
    long info2 = f.number("exitinfo2", 0);
    if (info1 != 0) {
      return new GuestAnswer.Refused(
          info1, "SW_EXITINFO1 " + hex(info1) + ", SW_EXITINFO2 " + hex(info2));
    }
    if (carriesData(action)) {
      return new GuestAnswer.Done(info2);
    }
    return info2 == 0
        ? new GuestAnswer.Done(0)
        : new GuestAnswer.Refused(info2, "SW_EXITINFO2 " + hex(info2));
  }

  /** Events whose SW_EXITINFO2 is what was asked for, no status. */
  private static boolean carriesData(GuestAction action) {
    if (!(action instanceof GuestAction.Vendor v) || !v.name().equals("vmgexit")) {
      return false;
    }
    long code = v.fields().number("exit_code", 0);
    return code == SnpActions.HV_FEATURES || code == SnpActions.AP_JUMP_TABLE;
  }

  private static GuestAnswer instruction(long rax, boolean carry) {
    if (rax == 0) {
      return carry ? unchanged() : new GuestAnswer.Done(0);
    }
    return rax == Validation.NO_UPDATE
        ? unchanged()
        : new GuestAnswer.Refused(rax, RmpCode.name((int) rax));
  }

  private static GuestAnswer unchanged() {
    return new GuestAnswer.Refused(Validation.NO_UPDATE, "carry flag: the page had that state");
  }

  private static GuestAnswer message(long msr) {
    boolean good =
        switch ((int) (msr & MSR_CODE)) {
          case (int) PAGE_STATE_RESPONSE -> msr >>> MSR_DATA == 0;
          case (int) REGISTER_RESPONSE -> msr >>> MSR_DATA != NO_GFN;
          case INFO_RESPONSE, PREFERRED_RESPONSE, FEATURES_RESPONSE -> true;
          default -> false;
        };
    return good ? new GuestAnswer.Done(0) : new GuestAnswer.Refused(msr, "GHCB MSR " + hex(msr));
  }

  private static String hex(long value) {
    return "0x" + Long.toHexString(value);
  }
}
