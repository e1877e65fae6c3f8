package dev.cocovisor.core.vm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.guest.Access;

/**
 * A guest access by KVM's instruction emulator, for guests that do not run on the processor: those
 * of PVM in protected mode without paging.
 *
 * <p>The emulator reads and writes through the slot's user address, as KVM's own accesses do, so no
 * page is ever mapped for the guest, and where the user address leads to nothing the access is
 * taken for a device's: an MMIO exit, not EFAULT. Sources: {@code arch/x86/kvm/x86.c} (7.3),
 * emulator_read_write_onepage, kvm_fetch_guest_virt; recorded on 6.18 with kvm_pvm.
 */
final class EmulatedAccess {
  private final Vm vm;
  private final Vcpu vcpu;
  private final byte[] one = new byte[1];

  EmulatedAccess(Vm vm, Vcpu vcpu) {
    this.vm = vm;
    this.vcpu = vcpu;
  }

  /** Returns 0 to 255, a negative errno, or {@link GuestAccess#EXITED}. */
  long access(long gpa, Access access, int value) {
    if (vm.isDead()) {
      return -Errno.EIO.number();
    }
    boolean write = access == Access.WRITE;
    one[0] = (byte) value;
    Errno r =
        write ? vm.kernelAccess().write(gpa, one, 0, 1) : vm.kernelAccess().read(gpa, one, 0, 1);
    if (r.ok()) {
      return write ? 0 : one[0] & 0xff;
    }
    vcpu.setExit(GuestAccess.noMemory(gpa, access));
    return GuestAccess.EXITED;
  }
}
