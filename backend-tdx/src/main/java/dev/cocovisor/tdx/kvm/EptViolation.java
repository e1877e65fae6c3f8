package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.guest.Exit;

/**
 * What KVM makes of an EPT violation at a private address.
 *
 * <p>It is a write fault whatever the guest did, at the address the TD exit names, which the
 * zero-step guard may have chosen; and it is tried again before the guest is entered until it is
 * done, so that the guard stays quiet, but not in a slot that is being deleted. Source: Linux 7.3,
 * {@code arch/x86/kvm/vmx/tdx.c}, tdx_handle_ept_violation,
 * tdx_is_sept_violation_unexpected_pending; "KVM: TDX huge page support for private memory",
 * versions of 2025-04-24 (patches 11, 12, 20, 21) and 2026-01-06 (tdx_handle_mismatched_accept),
 * for what the accept level does.
 */
final class EptViolation {
  private static final int TYPE = 0xf;
  private static final int ACCEPT = 1;
  private static final int PENDING = 6;

  private final TdxVm td;

  EptViolation(TdxVm td) {
    this.td = td;
  }

  /**
   * Handles the violation a vCPU left with.
   *
   * @return OK to let the guest try again, or how the run ends; an exit is set on the vCPU
   */
  Errno handle(VcpuContext vcpu, TdxVcpu v) {
    long gpa = v.violation;
    int type = (int) v.extendedQualification & TYPE;
    v.hintLevel = null;
    if (type == PENDING) {
      return td.bug(
          "guest access before accepting 0x" + Long.toHexString(gpa) + " on vCPU " + vcpu.id());
    }
    if (type == ACCEPT) {
      Errno r = acceptLevel(v, gpa >>> PageLevel.PAGE_SHIFT);
      if (!r.ok()) {
        return r;
      }
    }
    Errno filled = td.platform().topUpPamt();
    if (!filled.ok()) {
      return td.refuse(filled, "no pages for the PAMT");
    }
    v.inViolation = true;
    Errno mapped = td.vm().mapPage(vcpu, gpa, true);
    v.inViolation = false;
    if (mapped == Errno.EINTR) {
      vcpu.setExit(new Exit.Interrupted());
    }
    // The slot is going: only a vCPU that leaves its SRCU section lets it go.
    return mapped == Errno.EAGAIN ? Errno.OK : mapped;
  }

  /** The level the guest wants to accept at is a hint, or a reason to split. */
  private Errno acceptLevel(TdxVcpu v, long gfn) {
    PageLevel level = PageLevel.of(((int) (v.extendedQualification >>> 32) & 7) + 1);
    if (td.policy() == PagePolicy.RFC_V1) {
      v.hintGfn = gfn;
      v.hintLevel = level;
    } else if (td.policy() == PagePolicy.V3) {
      return splitForAccept(gfn, level);
    }
    return Errno.OK;
  }

  /** v3: what is mapped larger than the guest accepts is split, and stays small for good. */
  private Errno splitForAccept(long gfn, PageLevel level) {
    if (level != PageLevel.PG_4K || td.inhibited().contains(gfn)) {
      return Errno.OK;
    }
    td.vm().mmuLock().lock();
    try {
      Errno e = td.vm().splitTo(gfn, level);
      if (e.ok()) {
        td.inhibited().add(gfn);
      }
      return e;
    } finally {
      td.vm().mmuLock().unlock();
    }
  }
}
