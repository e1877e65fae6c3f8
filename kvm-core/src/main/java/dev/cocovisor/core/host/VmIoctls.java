package dev.cocovisor.core.host;

import dev.cocovisor.api.Capability;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.core.CoreSettings;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.gmem.BackingStore;
import dev.cocovisor.core.gmem.GuestMemfd;
import dev.cocovisor.core.gmem.MemfileStore;
import dev.cocovisor.core.kernel.KernelRules;
import dev.cocovisor.core.mm.AddressSpace;
import dev.cocovisor.core.vm.ArchRules;
import dev.cocovisor.core.vm.DirtyLog;
import dev.cocovisor.core.vm.UserCopy;
import dev.cocovisor.core.vm.Vcpu;
import dev.cocovisor.core.vm.Vm;

/**
 * The ioctls of a VM's descriptor, as far as they deal with descriptors and user memory; the rest
 * is the {@link Vm}'s. What the descriptor is comes first, then whether the VM is dead (EIO), then
 * the arguments. Source: {@code virt/kvm/kvm_main.c}, kvm_vm_ioctl.
 */
final class VmIoctls {
  /** KVM_MIN_ALLOC_MMU_PAGES. */
  private static final int MIN_MMU_PAGES = 64;

  private final Kvm kvm;
  private final Descriptors fds;
  private final AddressSpace space;

  VmIoctls(Kvm kvm, Descriptors fds, AddressSpace space) {
    this.kvm = kvm;
    this.fds = fds;
    this.space = space;
  }

  private static long ret(Errno e) {
    return -e.number();
  }

  /** Tells whether an ioctl ends before its arguments are looked at. */
  private boolean refused(int fd) {
    Vm vm = fds.vm(fd);
    return vm == null || vm.isDead();
  }

  /** The VM of a descriptor that was not {@link #refused}. */
  private Vm vm(int fd) {
    return java.util.Objects.requireNonNull(fds.vm(fd));
  }

  /** KVM_CREATE_VCPU: the id is 64 bits wide and judged before it is cut. */
  long createVcpu(int vmFd, long id) {
    if (refused(vmFd)) {
      return fds.unknown(vmFd);
    }
    long mostIds = kvm.number(CoreSettings.MAX_VCPU_IDS);
    if (Long.compareUnsigned(id, mostIds) >= 0) {
      return ret(
          kvm.trace()
              .refuse(Errno.EINVAL, () -> "vCPU id 0x%x: ids go to %d".formatted(id, mostIds - 1)));
    }
    Vm vm = vm(vmFd);
    Errno r = vm.createVcpu((int) id);
    Vcpu v = r.ok() ? vm.vcpu((int) id) : null;
    if (v == null) {
      return ret(r);
    }
    vm.get();
    return fds.install(new VcpuFile(v, new KvmRun()));
  }

  /** KVM_CREATE_GUEST_MEMFD. Source: {@code guest_memfd.c}, kvm_gmem_create: flags, then size. */
  long createGuestMemfd(int vmFd, long size, long flags) {
    if (refused(vmFd)) {
      return fds.unknown(vmFd);
    }
    Vm vm = vm(vmFd);
    if ((flags & ~Extensions.gmemFlags(kvm, vm)) != 0) {
      return ret(
          kvm.trace()
              .refuse(
                  Errno.EINVAL,
                  () ->
                      "flags 0x%x: the VM's files know 0x%x"
                          .formatted(flags, Extensions.gmemFlags(kvm, vm))));
    }
    if (size <= 0 || (size & (PageLevel.PAGE_SIZE - 1)) != 0) {
      return ret(kvm.trace().refuse(Errno.EINVAL, "size is not whole pages, at least one"));
    }
    return fds.install(
        kvm.parts()
            .guestMemfd()
            .create(
                new GuestMemfd.Request(
                    kvm.physicalMemory(),
                    vm.privateFiles(),
                    kvm.newInode(),
                    size,
                    flags,
                    kvm.gmemOrder())));
  }

  /** KVM_SET_USER_MEMORY_REGION2; the descriptor of a guest_memfd is looked up whatever it is. */
  long setUserMemoryRegion2(
      int vmFd, long slot, long flags, long gpa, long size, long uaddr, long offset, int memfd) {
    if (refused(vmFd)) {
      return fds.unknown(vmFd);
    }
    Vm vm = vm(vmFd);
    Object file = fds.get(memfd);
    BackingStore store =
        switch (file) {
          case BackingStore b -> b;
          case MemfileStore m -> m.viewFor(vm.privateFiles());
          case null, default -> null;
        };
    return ret(
        vm.setMemoryRegion(false, slot, flags, gpa, size, uaddr, offset, file != null, store));
  }

  /** KVM_SET_USER_MEMORY_REGION. */
  long setUserMemoryRegion(int vmFd, long slot, long flags, long gpa, long size, long uaddr) {
    return refused(vmFd)
        ? fds.unknown(vmFd)
        : ret(vm(vmFd).setMemoryRegion(true, slot, flags, gpa, size, uaddr, 0, false, null));
  }

  /** KVM_SET_MEMORY_ATTRIBUTES. */
  long setMemoryAttributes(int vmFd, long address, long size, long attributes, long flags) {
    if (refused(vmFd)) {
      return fds.unknown(vmFd);
    }
    Vm vm = vm(vmFd);
    return ArchRules.of(kvm.architecture()).hasMemoryAttributes(vm.traits())
            && kvm.kernel().on(KernelRules.VM_ATTRIBUTES)
        ? ret(vm.setMemoryAttributes(address, size, attributes, flags))
        : fds.unknown(vmFd);
  }

  /** KVM_ENABLE_CAP; the capability's number has 32 bits. */
  long enableCap(int vmFd, long number, long flags, long arg0) {
    if (refused(vmFd)) {
      return fds.unknown(vmFd);
    }
    int cap = (int) number;
    boolean copy = cap == Capability.KVM_CAP_VM_COPY_ENC_CONTEXT_FROM.number();
    boolean move = cap == Capability.KVM_CAP_VM_MOVE_ENC_CONTEXT_FROM.number();
    if ((flags & 0xffffffffL) == 0 && (copy || move) && offered(cap)) {
      return ret(encContextFrom(vm(vmFd), arg0, copy));
    }
    return ret(vm(vmFd).enableCap(cap, flags & 0xffffffffL, arg0));
  }

  private boolean offered(int cap) {
    return kvm.backends().stream().anyMatch(b -> b.info().capabilities().containsKey(cap));
  }

  /** Source: {@code arch/x86/kvm/x86.c}, kvm_vm_ioctl_enable_cap. */
  private Errno encContextFrom(Vm vm, long sourceFd, boolean copy) {
    Vm source = fds.vm(sourceFd);
    if (source == null) {
      return kvm.trace().refuse(Errno.EBADF, "the source descriptor is no VM");
    }
    return copy
        ? vm.ops().vmCopyEncContextFrom(source.ops())
        : vm.ops().vmMoveEncContextFrom(source.ops());
  }

  /**
   * KVM_SET_NR_MMU_PAGES: a limit of the shadow MMU's tables, which the model does not count.
   * Source: {@code arch/x86/kvm/x86.c}, kvm_vm_ioctl_set_nr_mmu_pages.
   */
  long setNrMmuPages(int vmFd, long pages) {
    if (refused(vmFd)) {
      return fds.unknown(vmFd);
    }
    if (Long.compareUnsigned(pages, MIN_MMU_PAGES) < 0) {
      return ret(Errno.EINVAL);
    }
    vm(vmFd).allowMmuPages();
    return 0;
  }

  /** KVM_GET_DIRTY_LOG into user memory, or to whoever takes the words. */
  long getDirtyLog(int vmFd, long slot, DirtyLog.Taker to) {
    return refused(vmFd) ? fds.unknown(vmFd) : ret(vm(vmFd).dirtyLog().get(slot, to));
  }

  /** KVM_CLEAR_DIRTY_LOG from user memory, or from whoever gives the words. */
  long clearDirtyLog(int vmFd, long slot, long first, long pages, DirtyLog.Giver from) {
    return refused(vmFd)
        ? fds.unknown(vmFd)
        : ret(vm(vmFd).dirtyLog().clear(slot, first, pages, from));
  }

  /** KVM_GET_STATS_FD, on a vCPU, too: the file keeps the VM, as every descriptor does. */
  long getStatsFd(int fd) {
    Object o = fds.get(fd);
    Vcpu vcpu = o instanceof VcpuFile f ? f.vcpu() : null;
    Vm vm = vcpu != null ? vcpu.machine() : o instanceof Vm v ? v : null;
    if (vm == null || vm.isDead()) {
      return fds.unknown(fd);
    }
    vm.get();
    return fds.install(new StatsFile(vm, vcpu, space.limits()));
  }

  /** A bitmap at an address of the process, to be written. */
  DirtyLog.Taker userTakes(long addr) {
    return words -> {
      byte[] bytes = new byte[words.length * 8];
      java.nio.ByteBuffer.wrap(bytes)
          .order(java.nio.ByteOrder.LITTLE_ENDIAN)
          .asLongBuffer()
          .put(words);
      return UserCopy.write(kvm.physicalMemory(), space, addr, bytes, 0, bytes.length);
    };
  }

  /** A bitmap at an address of the process, to be read. */
  DirtyLog.Giver userGives(long addr) {
    return words -> {
      byte[] bytes = new byte[words.length * 8];
      Errno r = UserCopy.read(kvm.physicalMemory(), space, addr, bytes, 0, bytes.length);
      java.nio.ByteBuffer.wrap(bytes)
          .order(java.nio.ByteOrder.LITTLE_ENDIAN)
          .asLongBuffer()
          .get(words);
      return r;
    };
  }

  /** KVM_MEMORY_ENCRYPT_REG_REGION and ..UNREG_REGION. */
  long memoryEncryptRegion(int vmFd, boolean register, long addr, long size) {
    if (refused(vmFd)) {
      return fds.unknown(vmFd);
    }
    return ret(
        register
            ? vm(vmFd).ops().memEncRegisterRegion(addr, size)
            : vm(vmFd).ops().memEncUnregisterRegion(addr, size));
  }
}
