package dev.cocovisor.api;

import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import org.apiguardian.api.API;
import org.jspecify.annotations.Nullable;

/**
 * What the core tells and offers about one vCPU. Used only under the vCPU's mutex.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public interface VcpuContext {
  /** Returns the id given to KVM_CREATE_VCPU. */
  int id();

  /** Returns its VM. */
  VmContext vm();

  /** Returns the logical processor it is loaded on. */
  int cpu();

  /** Tells whether it runs a nested guest (L2) right now. */
  boolean inGuestMode();

  /** Returns what the vendor half keeps for this vCPU. */
  @Nullable Object vendorState();

  /** Keeps an object for the vendor half. */
  void setVendorState(@Nullable Object state);

  /**
   * Sets the exit that the current run ends with, for hooks whose answer is {@link
   * dev.cocovisor.api.guest.AccessOutcome#EXIT}.
   */
  void setExit(Exit exit);

  /** Returns the exit that was set for the current run, by a hook or by the core; null for none. */
  default @Nullable Exit exit() {
    return null;
  }

  /**
   * Returns what the guest does in the current run, as KVM_RUN was told; outside a run what it did
   * in the last one, null before the first.
   *
   * @since 0.3
   */
  default @Nullable GuestAction action() {
    return null;
  }

  /**
   * Returns how the run before the current one ended, for a guest that goes on where it left off;
   * null before there was one.
   *
   * @since 0.3
   */
  default @Nullable RunResult lastRun() {
    return null;
  }

  /** Drops this vCPU's cached translations (a request, served before it enters the guest again). */
  void requestTlbFlush();

  /**
   * Makes the vCPU leave the guest, and look up again what it enters with; returns once it is
   * outside. Whoever wants something of the vCPU says so first, where it looks before it enters
   * (kvm_make_request_and_kick with KVM_REQUEST_WAIT).
   *
   * @since 0.2
   */
  default void kick() {}

  /**
   * Enters the guest for one of the vendor's own actions, until {@link #leaveGuest}: what waits for
   * vCPUs to be outside waits for this one. Whatever the action goes on with is looked up before.
   * Between the two no lock is taken that somebody holds who waits. Source: {@code
   * arch/x86/kvm/x86.c}, vcpu_enter_guest.
   *
   * @return OK; EAGAIN, outside, where something was wanted of the vCPU, so that all has to be
   *     looked up again; EINTR, outside, for a signal, with the exit set
   * @since 0.2
   */
  default Errno enterGuest() {
    return Errno.OK;
  }

  /**
   * Ends what an {@link #enterGuest} that answered OK began.
   *
   * @since 0.2
   */
  default void leaveGuest() {}

  /**
   * Goes round once more in a run: the guest left, what it needs is not there yet, and it is to be
   * entered again. On the way slot updates and other vCPUs go on, and signals and requests are
   * looked at. Whoever goes round without it waits for ever for a slot that is being deleted, which
   * waits for this vCPU. Source: {@code arch/x86/kvm/x86.c}, vcpu_run, vcpu_enter_guest; {@code
   * arch/arm64/kvm/arm.c}, kvm_arch_vcpu_ioctl_run.
   *
   * @param gfn what the guest waits for
   * @param tries how often the run went round before, from 1
   * @return OK to enter; EINTR for a signal, with the exit set; EIO where the VM is dead; another
   *     where it went round too often
   * @since 0.3
   */
  default Errno goRound(long gfn, long tries) {
    return Errno.OK;
  }

  /**
   * Asserts that the caller holds the vCPU's mutex (lockdep_assert_held of {@code vcpu->mutex}): so
   * whoever changes the vCPU's state while it does not run says that nobody runs it meanwhile.
   *
   * @throws IllegalStateException if it does not
   */
  default void assertLocked() {}
}
