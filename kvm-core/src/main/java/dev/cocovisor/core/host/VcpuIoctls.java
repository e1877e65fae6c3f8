package dev.cocovisor.core.host;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.vm.ArchRules;
import dev.cocovisor.core.vm.Vcpu;

/**
 * The ioctls of a vCPU's descriptor, which is kept until the call ends; the rest is the {@link
 * Vcpu}'s. What is no vCPU answers as to any ioctl it does not know. Source: {@code
 * virt/kvm/kvm_main.c}, kvm_vcpu_ioctl.
 */
final class VcpuIoctls {
  private final boolean hasPreFault;
  private final Descriptors fds;

  VcpuIoctls(Kvm kvm, Descriptors fds) {
    this.hasPreFault = ArchRules.of(kvm.architecture()).hasPreFault();
    this.fds = fds;
  }

  /** KVM_RUN. */
  RunResult run(int fd, GuestAction action) {
    Object held = fds.hold(fd);
    try {
      if (!(held instanceof VcpuFile f)) {
        return new RunResult(Errno.of((int) -fds.unknown(fd)), new Exit.Unknown());
      }
      RunResult r = f.vcpu().run(action);
      f.run().set(r.exit());
      return r;
    } finally {
      Descriptors.letGo(held);
    }
  }

  /** KVM_PRE_FAULT_MEMORY, or KVM_MAP_MEMORY. */
  long prefault(int fd, long flags, long[] range, boolean map) {
    Object held = fds.hold(fd);
    try {
      Vcpu v = held instanceof VcpuFile f ? f.vcpu() : null;
      return v == null || v.machine().isDead() || !hasPreFault
          ? fds.unknown(fd)
          : v.prefault(flags, range, map);
    } finally {
      Descriptors.letGo(held);
    }
  }
}
