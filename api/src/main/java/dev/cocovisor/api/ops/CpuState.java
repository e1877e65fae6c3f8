package dev.cocovisor.api.ops;

import org.apiguardian.api.API;

/**
 * Parts of a vCPU's state that a vendor's trusted side may keep from KVM, so that user space can
 * neither read nor set them.
 *
 * @since 0.2
 */
@API(status = API.Status.MAINTAINED, since = "0.2")
public enum CpuState {
  /**
   * Registers of every kind: general, control, segments, FPU, debug ({@code guest_state_protected}
   * and a confidential FPU state of a VM with {@code has_protected_state}).
   */
  REGISTERS,
  /** The local APIC's page ({@code guest_apic_protected}). */
  APIC,
  /** The time stamp counter's frequency and offset ({@code guest_tsc_protected}). */
  TSC
}
