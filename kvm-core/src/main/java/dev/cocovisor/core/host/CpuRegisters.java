package dev.cocovisor.core.host;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.ops.CpuState;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.core.vm.Vcpu;

/**
 * The ioctls on the registers of an x86 vCPU that KVM may not see: EINVAL once they are hidden; and
 * those on a local APIC that is not KVM's.
 *
 * <p>A VM whose type does not say so in advance, as KVM_SEV_ES_INIT makes one, gets no error; but
 * for KVM_SET_GUEST_DEBUG, which asks the vCPU alone. Sources (7.3): {@code arch/x86/kvm/regs.c},
 * kvm_arch_vcpu_ioctl_get_regs, kvm_vcpu_ioctl_x86_get_debugregs; {@code x86.c},
 * kvm_vcpu_ioctl_x86_get_xsave2, kvm_vcpu_ioctl_x86_get_xcrs, kvm_arch_vcpu_ioctl_get_fpu,
 * kvm_arch_vcpu_ioctl_set_guest_debug, kvm_vcpu_ioctl_get_lapic, kvm_arch_vcpu_ioctl
 * (KVM_SET_TSC_KHZ).
 */
final class CpuRegisters {
  private CpuRegisters() {}

  /** Tells whether the call is refused, for which the caller holds the vCPU's mutex. */
  static boolean refuses(Vcpu vcpu, VendorCommand command) {
    VmOps ops = vcpu.machine().ops();
    boolean bound = vcpu.machine().traits().protectedState();
    boolean hidden =
        switch (command.name()) {
          case "KVM_GET_REGS",
              "KVM_SET_REGS",
              "KVM_GET_SREGS",
              "KVM_SET_SREGS",
              "KVM_GET_SREGS2",
              "KVM_SET_SREGS2",
              "KVM_GET_DEBUGREGS",
              "KVM_SET_DEBUGREGS",
              "KVM_GET_XCRS",
              "KVM_SET_XCRS" ->
              bound && ops.hides(vcpu, CpuState.REGISTERS);
          case "KVM_GET_FPU", "KVM_SET_FPU", "KVM_GET_XSAVE", "KVM_GET_XSAVE2", "KVM_SET_XSAVE" ->
              bound && ops.hides(vcpu, CpuState.FPU);
          case "KVM_SET_GUEST_DEBUG" -> ops.hides(vcpu, CpuState.REGISTERS);
          case "KVM_GET_LAPIC", "KVM_SET_LAPIC" ->
              !vcpu.machine().devices().hasIrqchip() || ops.hides(vcpu, CpuState.APIC);
          case "KVM_SET_TSC_KHZ" -> ops.hides(vcpu, CpuState.TSC);
          default -> false;
        };
    if (hidden) {
      var _ = vcpu.machine().host().trace().refuse(Errno.EINVAL, "the state is not KVM's to tell");
    }
    return hidden;
  }
}
