package dev.cocovisor.snp.kvm;

import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.api.sched.Place;
import dev.cocovisor.snp.psp.LaunchDigest;
import org.jspecify.annotations.Nullable;

/**
 * What KVM keeps about the encryption of one vCPU; the vCPU mutex guards it, but for what another
 * vCPU asks of this one, which {@link #vmsaLock} guards.
 */
final class SevVcpu implements Place {
  /** No page: neither a frame nor an address. */
  static final long NONE = -1;

  /** Frame of the VMCB. */
  long vmcb = NONE;

  /** Frame of the VM save area KVM allocated; it stays when the guest brings its own. */
  long vmsa = NONE;

  /** Frame of the save area VMRUN loads (vmcb.control.vmsa_pa), and where the guest sees it. */
  volatile long vmsaInUse = NONE;

  long vmsaGpa = LaunchDigest.VMSA_GPA;

  /** Whether the vCPU was made before the launch ended, so that it has to be measured. */
  boolean early;

  /** Whether the VMSA was measured: KVM no longer sees the registers. */
  boolean protectedState;

  /** Whether XSAVE's registers are out of KVM's sight too (fpstate_set_confidential). */
  boolean fpuHidden;

  /** User space debugs the guest (KVM_GUESTDBG_ENABLE). */
  boolean debugged;

  /** DR7 that user space set has more than the bit that is always 1. */
  boolean breakpoints;

  /** Bits of a guest-physical address, as its CPUID says; 36 without. */
  int addressBits = GuestCpuid.BITS_WITHOUT;

  /** KVM_MP_STATE_HALTED, after the guest destroyed the vCPU. */
  boolean halted;

  /** KVM_MP_STATE_AP_RESET_HOLD: the guest parked the vCPU until its next SIPI. */
  boolean resetHold;

  /** The VMPL the vCPU runs at. */
  int vmpl;

  /** A page state change that user space is answering, or null. */
  @Nullable PageStateChange pending;

  /** Data of a device that user space is asked for, or null. */
  @Nullable DeviceTransfer transfer;

  /** A hypercall through the GHCB that user space is answering. */
  boolean hypercall;

  /** A guest request that waits for certificates, or null. */
  GuestRequests.@Nullable Waiting request;

  /** A page state change that user space answered wrongly is still in flight. */
  boolean stateChangeStuck;

  /** Registered GHCB frame, or -1 if the guest did not register one. */
  long ghcbGfn = NONE;

  /** The exit that was set last, for actions that return it themselves. */
  @Nullable Exit exit;

  /** Faults in a row on one address that led nowhere. */
  int fruitless;

  long faultGpa = NONE;

  /** snp_vmsa_mutex. */
  final ModelLock vmsaLock = new ModelLock("snp_vmsa_mutex");

  /** A creation or destruction waits for the vCPU's reset (snp_ap_waiting_for_reset). */
  boolean waitingForReset;

  /**
   * The address of the guest's own save area, or NONE (snp_guest_vmsa_gpa); an invalidation reads
   * it under mmu_lock, with which it is set.
   */
  volatile long guestVmsaGpa = NONE;

  /** Look for the save area again before the next entry (KVM_REQ_VMSA_PAGE_RELOAD). */
  volatile boolean reloadRequested;

  /** The VMSA that reset will take, or NONE (snp_pending_vmsa_gpa). */
  long nextVmsaGpa = NONE;

  /** Reset at the next entry (KVM_REQ_UPDATE_PROTECTED_GUEST_STATE, or an INIT). */
  boolean resetRequested;

  @Override
  public String placeName(long index) {
    return "KVM_REQ_VMSA_PAGE_RELOAD";
  }
}
