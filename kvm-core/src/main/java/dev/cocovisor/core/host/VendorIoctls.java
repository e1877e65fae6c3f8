package dev.cocovisor.core.host;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.mm.AddressSpace;
import dev.cocovisor.core.vm.Vm;

/**
 * The ioctls that only a VM's vendor knows, on its descriptor or a vCPU's, whose mutex is held for
 * them.
 */
final class VendorIoctls {
  private final Kvm kvm;
  private final Descriptors fds;
  private final DeviceAttributes attributes;

  VendorIoctls(Kvm kvm, Descriptors fds, AddressSpace space) {
    this.kvm = kvm;
    this.fds = fds;
    this.attributes = new DeviceAttributes(kvm, space);
  }

  /** Any ioctl but KVM_MEMORY_ENCRYPT_OP. */
  long call(int fd, VendorCommand command) {
    Object o = fds.get(fd);
    if (o instanceof Vm vm && !vm.isDead()) {
      return known(fd, vm.ops().vmIoctl(command), command);
    }
    if (o instanceof VcpuFile f && !f.vcpu().machine().isDead()) {
      VmOps ops = f.vcpu().machine().ops();
      return known(fd, f.vcpu().locked(() -> ops.vcpuIoctl(f.vcpu(), command)), command);
    }
    if (o == Descriptors.DEV_KVM && attributes.knows(command.name())) {
      return attributes.answer(command);
    }
    return o == Descriptors.DEV_KVM ? known(fd, -Errno.ENOTTY.number(), command) : fds.unknown(fd);
  }

  /**
   * A command that the vendor does not know may be one that every KVM has; if not, the answer is
   * the architecture's last case.
   */
  private long known(int fd, long ret, VendorCommand command) {
    if (ret != -Errno.ENOTTY.number()) {
      return ret;
    }
    long answer = MachineIoctls.answer(kvm, fds.get(fd), command);
    return answer == MachineIoctls.UNKNOWN ? fds.unknown(fd) : answer;
  }

  /** KVM_MEMORY_ENCRYPT_OP. */
  long encryptionCall(int fd, VendorCommand command) {
    Object o = fds.get(fd);
    if (o instanceof Vm vm && !vm.isDead()) {
      return vm.ops().memEncIoctl(command);
    }
    if (o instanceof VcpuFile f && !f.vcpu().machine().isDead()) {
      VmOps ops = f.vcpu().machine().ops();
      return f.vcpu().locked(() -> ops.vcpuMemEncIoctl(f.vcpu(), command));
    }
    return fds.unknown(fd);
  }
}
