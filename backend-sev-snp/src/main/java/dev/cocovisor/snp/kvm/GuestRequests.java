package dev.cocovisor.snp.kvm;

import static dev.cocovisor.api.PageLevel.PAGE_SHIFT;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.snp.psp.FwStatus;

/**
 * Guest requests: a message to the firmware in shared pages, and with an extended one room for the
 * host's certificates.
 *
 * <p>KVM copies the message in and the answer out; what it cannot read or write ends KVM_RUN with
 * EIO, what the firmware refuses is the guest's to know. The message is not looked into but for its
 * type, and the firmware's answer is a page of zeros here. Source: {@code arch/x86/kvm/svm/sev.c},
 * snp_handle_guest_req, snp_handle_ext_guest_req, snp_complete_req_certs, snp_req_certs_err (7.3).
 */
final class GuestRequests {
  private static final int PAGE = 4096;

  /** struct snp_guest_msg_hdr: where the type is, and the type that asks for a report. */
  private static final int MSG_TYPE = 0x34;

  private static final int REPORT_REQUEST = 5;

  /** What ends a list of certificates, bytes. */
  private static final int END_OF_LIST = 24;

  private static final int EXIT_REQ_CERTS = 43;

  /** What the VMM's part of SW_EXITINFO2 says, above the firmware's. */
  private static final long INVALID_LEN = 1L << 32;

  private static final long BUSY = 2L << 32;
  private static final long GENERIC = 0xffff_ffffL << 32;

  private final SevVm sev;
  private final VmContext vm;

  GuestRequests(SevVm sev) {
    this.sev = sev;
    this.vm = sev.context();
  }

  /** A request that waits for user space to bring certificates. */
  record Waiting(long message, long answer, long pages, Exit exit) {}

  /** Carries out a request: two pages, and for an extended one RAX and RBX. */
  RunResult request(SevVcpu state, Fields f, boolean extended, long message, long answer) {
    if (((message | answer) & PAGE - 1) != 0 || message == answer) {
      return invalid("request and response are one page, or no pages");
    }
    if (!extended) {
      return issue(message, answer);
    }
    byte[] type = new byte[1];
    if (!vm.readGuest(message + MSG_TYPE, type, 0, 1).ok()) {
      return failed("the request cannot be read");
    }
    return type[0] == REPORT_REQUEST ? report(state, f, message, answer) : issue(message, answer);
  }

  private RunResult report(SevVcpu state, Fields f, long message, long answer) {
    if (!f.has("rax") || !f.has("rbx")) {
      return invalid("RAX and RBX, where certificates go, are not given");
    }
    long room = f.number("rax");
    long pages = f.number("rbx");
    if ((room & PAGE - 1) != 0) {
      return invalid("RAX is no page");
    }
    if (sev.info().certsEnabled) {
      Exit exit =
          new Exit.Vendor(
              EXIT_REQ_CERTS,
              "KVM_EXIT_SNP_REQ_CERTS",
              new Fields().put("gpa", room).put("npages", pages).put("ret", 0));
      state.request = new Waiting(message, answer, pages, exit);
      return RunResult.ok(exit);
    }
    if (pages != 0 && !vm.writeGuest(room, new byte[END_OF_LIST], 0, END_OF_LIST).ok()) {
      return failed("the empty list of certificates cannot be written");
    }
    return issue(message, answer);
  }

  /** User space answered KVM_EXIT_SNP_REQ_CERTS, with a positive errno. */
  RunResult answered(SevVcpu state, Waiting waiting, long ret) {
    state.request = null;
    if (ret == 0) {
      return issue(waiting.message(), waiting.answer());
    }
    if (ret == Errno.ENOSPC.number()) {
      // How much room there has to be.
      return Vmgexit.answer(
          new Fields()
              .put("exitinfo1", 0)
              .put("exitinfo2", INVALID_LEN)
              .put("rbx", waiting.pages()));
    }
    if (ret == Errno.EAGAIN.number()) {
      return Vmgexit.answer(0, BUSY);
    }
    if (ret == Errno.EIO.number()) {
      return Vmgexit.answer(0, GENERIC);
    }
    return new RunResult(
        sev.refuse(Errno.EINVAL, "user space may answer 0, ENOSPC, EAGAIN or EIO"), waiting.exit());
  }

  private RunResult issue(long message, long answer) {
    byte[] page = new byte[PAGE];
    if (!vm.readGuest(message, page, 0, PAGE).ok()) {
      return failed("the request cannot be read");
    }
    if (!sev.hasFirmwareFile()) {
      Errno noFile = sev.refuse(Errno.EBADF, "sev_fd of LAUNCH_START was closed");
      return new RunResult(noFile, new Exit.Unknown());
    }
    byte[] response = new byte[PAGE];
    FwStatus status =
        sev.platform().firmware().guestRequest(sev.info().gctx << PAGE_SHIFT, page, response);
    if (!vm.writeGuest(answer, response, 0, PAGE).ok()) {
      return failed("the response cannot be written");
    }
    return Vmgexit.answer(0, status.code() & 0xffff_ffffL);
  }

  private RunResult invalid(String why) {
    return Vmgexit.malformed(sev, Vmgexit.INVALID_INPUT, why);
  }

  private RunResult failed(String why) {
    return new RunResult(sev.refuse(Errno.EIO, why), new Exit.Unknown());
  }
}
