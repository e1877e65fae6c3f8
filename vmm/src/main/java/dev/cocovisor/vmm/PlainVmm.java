package dev.cocovisor.vmm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.api.vmm.VmmMachine;

/** A VMM of ordinary x86 VMs: all memory is its own, and none can be private. */
final class PlainVmm implements VmmDriver {
  @Override
  public long vmType() {
    return VmType.X86_DEFAULT.number();
  }

  @Override
  public boolean guestMemfd() {
    return false;
  }

  @Override
  public long convert(VmmMachine vm, long gpa, long size, boolean toPrivate) {
    return toPrivate ? -Errno.EOPNOTSUPP.number() : 0;
  }
}
