package dev.cocovisor.core.host;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.ops.CpuState;
import dev.cocovisor.core.vm.Vcpu;
import org.jspecify.annotations.Nullable;

/**
 * Which x86 ioctls read or set what a trusted side may keep from KVM: they are EINVAL where it
 * does, before anything is copied.
 *
 * <p>Sources (7.3): {@code arch/x86/kvm/regs.c}, kvm_arch_vcpu_ioctl_get_regs, .._set_regs,
 * .._get_sregs, .._set_sregs, kvm_vcpu_ioctl_x86_get_debugregs, .._set_debugregs; {@code x86.c},
 * kvm_arch_vcpu_ioctl (KVM_GET_SREGS2, KVM_SET_SREGS2, KVM_SET_TSC_KHZ, KVM_SET_VAPIC_ADDR),
 * kvm_vcpu_ioctl_x86_get_xsave2, .._set_xsave, .._get_xcrs, .._set_xcrs,
 * kvm_arch_vcpu_ioctl_get_fpu, .._set_fpu, .._set_guest_debug, kvm_vcpu_ioctl_get_lapic,
 * .._set_lapic.
 */
final class CpuStates {
  private CpuStates() {}

  /** Says whether an ioctl is refused for what it wants; OK where it is not. */
  static Errno refusal(Vcpu vcpu, String ioctl) {
    CpuState wants = wants(ioctl);
    if (wants == null || !vcpu.machine().ops().keeps(vcpu, wants)) {
      return Errno.OK;
    }
    return vcpu.machine()
        .refuse(
            Errno.EINVAL,
            switch (wants) {
              case REGISTERS -> "the guest's registers are kept from KVM";
              case APIC -> "the local APIC's page is kept from KVM";
              case TSC -> "the time stamp counter is not KVM's to set";
            });
  }

  private static @Nullable CpuState wants(String ioctl) {
    return switch (ioctl) {
      case "KVM_GET_REGS",
          "KVM_SET_REGS",
          "KVM_GET_SREGS",
          "KVM_SET_SREGS",
          "KVM_GET_SREGS2",
          "KVM_SET_SREGS2",
          "KVM_GET_FPU",
          "KVM_SET_FPU",
          "KVM_GET_XSAVE",
          "KVM_GET_XSAVE2",
          "KVM_SET_XSAVE",
          "KVM_GET_XCRS",
          "KVM_SET_XCRS",
          "KVM_GET_DEBUGREGS",
          "KVM_SET_DEBUGREGS",
          "KVM_SET_GUEST_DEBUG" ->
          CpuState.REGISTERS;
      case "KVM_GET_LAPIC", "KVM_SET_LAPIC" -> CpuState.APIC;
      case "KVM_SET_TSC_KHZ" -> CpuState.TSC;
      default -> null;
    };
  }
}
