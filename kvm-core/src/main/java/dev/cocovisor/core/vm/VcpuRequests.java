package dev.cocovisor.core.vm;

import dev.cocovisor.api.sched.Choice;
import dev.cocovisor.api.sched.Mode;
import dev.cocovisor.api.sched.Place;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;

/**
 * What others want of a vCPU, and whether it is in the guest (vcpu->requests, vcpu->mode).
 *
 * <p>Whoever makes a request says so first and then looks where the vCPU is; the vCPU says first
 * that it enters the guest and then looks for requests: one of the two sees the other. A requester
 * that must be sure waits until the vCPU is out of the guest; inside, a vCPU takes no lock, so it
 * comes out. Source: {@code virt/kvm/kvm_main.c}, kvm_make_vcpu_request; {@code
 * arch/x86/kvm/x86.c}, vcpu_enter_guest; {@code Documentation/virt/kvm/vcpu-requests.rst}.
 */
final class VcpuRequests implements Place {
  private final int vcpu;
  private volatile boolean inGuest;
  private volatile boolean flush;
  private volatile boolean exit;
  private volatile boolean signal;

  VcpuRequests(int vcpu) {
    this.vcpu = vcpu;
  }

  /** Enters the guest, unless something is wanted of the vCPU before. */
  boolean enter() {
    inGuest = true;
    SchedulePoint.write(PointKind.REQUEST, this, 0);
    if (flush || exit || signal) {
      leave();
      return false;
    }
    return true;
  }

  /** Leaves the guest. */
  void leave() {
    inGuest = false;
    SchedulePoint.reach(PointKind.UNLOCK, this, 0, Mode.WRITE);
  }

  /** KVM_REQ_TLB_FLUSH: translations are dropped before the next entry. */
  void requestFlush() {
    SchedulePoint.write(PointKind.REQUEST, this, 0);
    flush = true;
  }

  /** KVM_REQ_OUTSIDE_GUEST_MODE: what was looked up before is looked up again at the next entry. */
  void requestExit() {
    SchedulePoint.write(PointKind.REQUEST, this, 0);
    exit = true;
  }

  /** Takes the requests to be outside and to flush; tells whether to flush. */
  boolean take() {
    if (exit) {
      exit = false;
    }
    if (!flush) {
      return false;
    }
    SchedulePoint.write(PointKind.FLUSH, this, 0);
    flush = false;
    return true;
  }

  boolean flushPending() {
    return flush;
  }

  /** Waits until the vCPU is outside the guest (a kick with KVM_REQUEST_WAIT). */
  void awaitOutside() {
    long spins = 0;
    while (inGuest) {
      spins = SchedulePoint.await(this, 0, spins);
    }
  }

  /** A signal for the thread that runs the vCPU. */
  void signal() {
    SchedulePoint.write(PointKind.REQUEST, this, 0);
    signal = true;
  }

  /** Takes a pending signal; the call it interrupts answers EINTR. */
  boolean takeSignal() {
    if (signal || SchedulePoint.choose(Choice.SIGNAL, this, 2) != 0) {
      signal = false;
      return true;
    }
    return false;
  }

  @Override
  public String placeName(long index) {
    return "vcpu " + vcpu + " requests";
  }
}
