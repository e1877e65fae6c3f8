package dev.cocovisor.snp.kvm;

import dev.cocovisor.api.guest.Exit;
import org.jspecify.annotations.Nullable;

/** What KVM keeps about the encryption of one vCPU; the vCPU mutex guards it. */
final class SevVcpu {
  /** Frame of the VM save area, or -1. */
  long vmsa = -1;

  /** Whether the VMSA was measured: KVM no longer sees the registers. */
  boolean protectedState;

  /** The VMPL the vCPU runs at. */
  int vmpl;

  /** A page state change that user space is answering, or null. */
  @Nullable PageStateChange pending;

  /** Registered GHCB frame, or -1 if the guest did not register one. */
  long ghcbGfn = -1;

  /** The exit that was set last, for actions that return it themselves. */
  @Nullable Exit exit;

  /** Faults in a row on one address that led nowhere. */
  int fruitless;

  long faultGpa = -1;
}
