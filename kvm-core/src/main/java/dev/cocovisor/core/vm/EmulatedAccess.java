package dev.cocovisor.core.vm;

import dev.cocovisor.api.guest.Access;
import dev.cocovisor.api.guest.Exit;

/**
 * A guest access by KVM's instruction emulator: the bytes are those at the slot's user address,
 * nothing is mapped for the guest, and what cannot be had there is MMIO. So do guests run on a host
 * without hardware virtualization (PVM) while their processor is not in a mode it can run. Source:
 * {@code arch/x86/kvm/x86.c} (6.18), emulator_read_write_onepage, kvm_fetch_guest_virt.
 */
final class EmulatedAccess implements AccessPath {
  private static final int KVM_INTERNAL_ERROR_EMULATION = 1;

  private final Vm vm;
  private final Vcpu vcpu;

  EmulatedAccess(Vm vm, Vcpu vcpu) {
    this.vm = vm;
    this.vcpu = vcpu;
  }

  @Override
  public long access(long gpa, Access access, int value, boolean encrypted) {
    boolean write = access == Access.WRITE;
    byte[] one = {(byte) value};
    boolean done =
        (write
                ? vm.kernelAccess().write(vcpu, gpa, one, 0, 1)
                : vm.kernelAccess().read(vcpu, gpa, one, 0, 1))
            .ok();
    if (done) {
      return write ? 0 : one[0] & 0xff;
    }
    vcpu.setExit(
        access == Access.FETCH
            ? new Exit.KvmInternalError(KVM_INTERNAL_ERROR_EMULATION)
            : new Exit.Mmio(gpa, 1, write));
    return GuestAccess.EXITED;
  }
}
