package dev.cocovisor.api.ops;

import org.apiguardian.api.API;

/**
 * A part of a vCPU's state that the trusted side may keep from KVM: reading and setting it is
 * EINVAL then.
 *
 * @since 0.3
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.3")
public enum CpuState {
  /**
   * Registers ({@code guest_state_protected}). Source: {@code regs.c},
   * kvm_arch_vcpu_ioctl_get_regs.
   */
  REGISTERS,

  /**
   * The registers that XSAVE keeps ({@code fpstate_set_confidential}). Source: {@code x86.c},
   * kvm_vcpu_ioctl_x86_get_xsave2.
   */
  FPU,

  /**
   * The local APIC's page ({@code guest_apic_protected}). Source: {@code x86.c},
   * kvm_vcpu_ioctl_get_lapic.
   */
  APIC,

  /**
   * The time stamp counter ({@code guest_tsc_protected}): KVM_SET_TSC_KHZ on the vCPU. Source:
   * {@code x86.c}, kvm_arch_vcpu_ioctl.
   */
  TSC
}
