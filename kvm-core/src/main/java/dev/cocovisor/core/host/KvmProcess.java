package dev.cocovisor.core.host;

import dev.cocovisor.api.Capability;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.vmm.VmmCalls;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.gmem.BackingStore;
import dev.cocovisor.core.gmem.GuestMemfd;
import dev.cocovisor.core.gmem.MemfileStore;
import dev.cocovisor.core.mem.AddressSpace;
import dev.cocovisor.core.mem.MemFd;
import dev.cocovisor.core.vm.Vcpu;
import dev.cocovisor.core.vm.Vm;
import org.jspecify.annotations.Nullable;

/**
 * A host process: descriptors, user mappings, and the system calls a VMM makes.
 *
 * <p>Every call returns {@code >= 0} or {@code -errno}. Descriptors are given out as the kernel
 * does, the lowest free number first, from 3. Calls on memory are {@link ProcessMemory}'s.
 */
public final class KvmProcess implements VmmCalls {
  /** A load or store ended in SIGBUS. */
  public static final long SIGBUS = -7;

  /** A load or store ended in SIGSEGV. */
  public static final long SIGSEGV = -11;

  private static final int KEEP_SIZE = 1;
  private static final int PUNCH_HOLE = 2;

  /** Every operation bit of fallocate besides KEEP_SIZE (FALLOC_FL_MODE_MASK). */
  private static final int MODE_MASK = 0x2 | 0x8 | 0x10 | 0x20 | 0x40 | 0x80;

  private final Kvm kvm;
  private final Descriptors fds = new Descriptors();
  private final AddressSpace space;
  private final ProcessMemory memory;

  /** A vCPU's descriptor: the vCPU and its kvm_run page. */
  private record VcpuFile(Vcpu vcpu, KvmRun run) {}

  /** Creates a process with no open file; use {@link Kvm#newProcess}. */
  public KvmProcess(Kvm kvm) {
    this.kvm = kvm;
    this.space = new AddressSpace(kvm.physicalMemory());
    this.memory = new ProcessMemory(kvm, space);
  }

  /** Returns the host. */
  public Kvm kvm() {
    return kvm;
  }

  /** Returns the process's mappings. */
  public AddressSpace space() {
    return space;
  }

  private static long ret(Errno e) {
    return -e.number();
  }

  /** EBADF for a closed descriptor, else what an ioctl of another object answers. */
  private long wrong(long fd, Errno otherwise) {
    return ret(fds.get(fd) == null ? Errno.EBADF : otherwise);
  }

  /** Returns the VM a descriptor names, or null. */
  public @Nullable Vm vm(long fd) {
    return fds.get(fd) instanceof Vm vm ? vm : null;
  }

  /** Returns the vCPU a descriptor names, or null. */
  public @Nullable Vcpu vcpu(long fd) {
    return fds.get(fd) instanceof VcpuFile f ? f.vcpu : null;
  }

  /** Returns the guest_memfd a descriptor names, or null. */
  public @Nullable GuestMemfd guestMemfd(long fd) {
    return fds.get(fd) instanceof GuestMemfd f ? f : null;
  }

  /** Opens a descriptor for a guest_memfd made elsewhere, taking over its reference. */
  public int install(GuestMemfd file) {
    return fds.install(file);
  }

  // Opening and closing.

  @Override
  public long openDevKvm() {
    return fds.install(Descriptors.DEV_KVM);
  }

  /**
   * memfd_create and ftruncate in one.
   *
   * @return a descriptor
   */
  public long memfdCreate(long size) {
    return size < 0 ? ret(Errno.EINVAL) : fds.install(new MemFd(kvm.physicalMemory(), size));
  }

  /**
   * memfd_create with MFD_INACCESSIBLE, of the 2022 fd-based series: memory no process can map, for
   * slots of any VM.
   *
   * @param huge whether it is hugetlbfs-like, in 2 MiB pages
   * @param autoAllocate whether a guest's fault allocates; false as with F_SEAL_AUTO_ALLOCATE
   * @return a descriptor
   */
  public long memfdCreateInaccessible(long size, boolean huge, boolean autoAllocate) {
    long page = huge ? 2L << 20 : PageLevel.PAGE_SIZE;
    if (size <= 0 || (size & (page - 1)) != 0) {
      return ret(Errno.EINVAL);
    }
    return fds.install(
        new MemfileStore(kvm.physicalMemory(), kvm.newInode(), size, huge, autoAllocate));
  }

  /** Returns the inaccessible memfd a descriptor names, or null. */
  public @Nullable MemfileStore memfile(long fd) {
    return fds.get(fd) instanceof MemfileStore m ? m : null;
  }

  @Override
  public long close(int fd) {
    Object was = fds.remove(fd);
    switch (was) {
      case null -> {
        return ret(Errno.EBADF);
      }
      case Vm vm -> vm.put();
      case VcpuFile f -> f.vcpu.machine().put();
      case GuestMemfd f -> f.release();
      case MemFd f -> f.release();
      case MemfileStore f -> f.close();
      default -> {}
    }
    return 0;
  }

  /** Ends the process: its descriptors are closed in order, its mappings go. */
  public void exit() {
    for (int fd : fds.all()) {
      var _ = close(fd);
    }
    space.clear();
  }

  // Memory.

  @Override
  public long mmap(long addr, long len, int prot, int flags, int fd, long off) {
    return memory.mmap(addr, len, prot, flags, fds.get(fd), off);
  }

  @Override
  public long munmap(long addr, long len) {
    return ret(space.unmap(addr, len));
  }

  @Override
  public long madvise(long addr, long len, int advice) {
    return ret(memory.madvise(addr, len, advice));
  }

  @Override
  public long hostRead(long addr) {
    return memory.read(addr);
  }

  @Override
  public long hostWrite(long addr, int value) {
    return memory.write(addr, value);
  }

  /**
   * Writes the guest's code page.
   *
   * @return 0, {@link #SIGBUS} or {@link #SIGSEGV}
   */
  public long hostInstallStub(long addr) {
    return memory.installStub(addr);
  }

  /**
   * Lets the kernel read the process's memory, as write(2) to a pipe does.
   *
   * @return the number of bytes, or EFAULT
   */
  @Override
  public long kernelRead(long addr, long len) {
    return memory.kernelRead(addr, len);
  }

  // /dev/kvm.

  /**
   * KVM_CREATE_VM.
   *
   * @param type a VM type's number on the host's architecture
   */
  @Override
  public long createVm(int devFd, long type) {
    if (fds.get(devFd) != Descriptors.DEV_KVM) {
      return wrong(devFd, Errno.ENOTTY);
    }
    VmType t = kvm.vmType(type);
    if (t == null) {
      return ret(Errno.EINVAL);
    }
    Vm vm = kvm.createVm(t, space);
    Errno r = vm.init();
    return r.ok() ? fds.install(vm) : ret(r);
  }

  /** KVM_CHECK_EXTENSION on /dev/kvm or a VM. */
  public long checkExtension(int fd, long cap) {
    Object o = fds.get(fd);
    if (o instanceof Vm vm) {
      return Extensions.check(kvm, vm, cap);
    }
    return o == Descriptors.DEV_KVM ? Extensions.check(kvm, null, cap) : wrong(fd, Errno.ENOTTY);
  }

  // VMs.

  @Override
  public long createVcpu(int vmFd, long id) {
    Vm vm = vm(vmFd);
    if (vm == null) {
      return wrong(vmFd, Errno.ENOTTY);
    }
    Errno r = vm.createVcpu((int) Math.min(id & 0xffffffffL, Integer.MAX_VALUE));
    Vcpu v = r.ok() ? vm.vcpu((int) id) : null;
    if (v == null) {
      return ret(r);
    }
    vm.get();
    return fds.install(new VcpuFile(v, new KvmRun()));
  }

  /** KVM_CREATE_GUEST_MEMFD. Source: {@code guest_memfd.c}, kvm_gmem_create: flags, then size. */
  @Override
  public long createGuestMemfd(int vmFd, long size, long flags) {
    Vm vm = vm(vmFd);
    if (vm == null) {
      return wrong(vmFd, Errno.ENOTTY);
    }
    if (vm.isDead()) {
      return ret(Errno.EIO);
    }
    if ((flags & ~Extensions.gmemFlags(vm)) != 0
        || size <= 0
        || (size & (PageLevel.PAGE_SIZE - 1)) != 0) {
      return ret(Errno.EINVAL);
    }
    return fds.install(
        kvm.parts()
            .guestMemfd()
            .create(
                kvm.physicalMemory(),
                vm.privateFiles(),
                kvm.newInode(),
                size,
                flags,
                kvm.gmemOrder()));
  }

  @Override
  public long setUserMemoryRegion2(
      int vmFd,
      long slot,
      long flags,
      long guestPhysAddr,
      long memorySize,
      long userspaceAddr,
      long guestMemfdOffset,
      int guestMemfd) {
    Vm vm = vm(vmFd);
    if (vm == null) {
      return wrong(vmFd, Errno.ENOTTY);
    }
    Object file = fds.get(guestMemfd);
    BackingStore store =
        switch (file) {
          case BackingStore b -> b;
          case MemfileStore m -> m.viewFor(vm.privateFiles());
          case null, default -> null;
        };
    return ret(
        vm.setMemoryRegion(
            false,
            slot,
            flags,
            guestPhysAddr,
            memorySize,
            userspaceAddr,
            guestMemfdOffset,
            file != null,
            store));
  }

  @Override
  public long setUserMemoryRegion(
      int vmFd, long slot, long flags, long guestPhysAddr, long memorySize, long userspaceAddr) {
    Vm vm = vm(vmFd);
    return vm == null
        ? wrong(vmFd, Errno.ENOTTY)
        : ret(
            vm.setMemoryRegion(
                true, slot, flags, guestPhysAddr, memorySize, userspaceAddr, 0, false, null));
  }

  @Override
  public long setMemoryAttributes(int vmFd, long address, long size, long attributes, long flags) {
    Vm vm = vm(vmFd);
    return vm == null
        ? wrong(vmFd, Errno.ENOTTY)
        : ret(vm.setMemoryAttributes(address, size, attributes, flags));
  }

  @Override
  public long enableCap(int vmFd, long cap, long flags, long arg0) {
    Vm vm = vm(vmFd);
    boolean copy = cap == Capability.KVM_CAP_VM_COPY_ENC_CONTEXT_FROM.number();
    boolean move = cap == Capability.KVM_CAP_VM_MOVE_ENC_CONTEXT_FROM.number();
    if (vm != null && (copy || move) && flags == 0 && offered((int) cap)) {
      return ret(encContextFrom(vm, arg0, copy));
    }
    return vm == null ? wrong(vmFd, Errno.ENOTTY) : ret(vm.enableCap((int) cap, flags, arg0));
  }

  private boolean offered(int cap) {
    return kvm.backends().stream().anyMatch(b -> b.info().capabilities().containsKey(cap));
  }

  /** Source: {@code arch/x86/kvm/x86.c}, kvm_vm_ioctl_enable_cap. */
  private Errno encContextFrom(Vm vm, long sourceFd, boolean copy) {
    if (vm.isDead()) {
      return Errno.EIO;
    }
    Vm source = vm(sourceFd);
    if (source == null) {
      return Errno.EBADF;
    }
    return copy
        ? vm.ops().vmCopyEncContextFrom(source.ops())
        : vm.ops().vmMoveEncContextFrom(source.ops());
  }

  /** Returns a VM's page counters, or null if the descriptor is not a VM. */
  public @Nullable PageStats stats(int vmFd) {
    Vm vm = vm(vmFd);
    if (vm == null) {
      return null;
    }
    var c = vm.stage().counters();
    return new PageStats(c.get(1), c.get(2), c.get(3));
  }

  // vCPUs.

  @Override
  public long preFaultMemory(int vcpuFd, long flags, long[] range) {
    Vcpu v = vcpu(vcpuFd);
    return v == null ? wrong(vcpuFd, Errno.ENOTTY) : v.prefault(flags, range, false);
  }

  /** KVM_MAP_MEMORY, second revision; as {@link #preFaultMemory}. */
  public long mapMemory(int vcpuFd, long flags, long[] range) {
    Vcpu v = vcpu(vcpuFd);
    return v == null ? wrong(vcpuFd, Errno.ENOTTY) : v.prefault(flags, range, true);
  }

  /**
   * One KVM_RUN in which the guest does {@code action}. An access without a code page fetches
   * nothing. A descriptor that is no vCPU answers EBADF or ENOTTY.
   */
  @Override
  public RunResult guestRun(int vcpuFd, GuestAction action) {
    if (!(fds.get(vcpuFd) instanceof VcpuFile f)) {
      return new RunResult(
          fds.get(vcpuFd) == null ? Errno.EBADF : Errno.ENOTTY, new Exit.Unknown());
    }
    RunResult r = f.vcpu.run(action);
    f.run.set(r.exit());
    return r;
  }

  /**
   * One KVM_RUN in which the guest fetches an instruction at {@code code + 16}, reads a byte at
   * {@code gpa} and halts. A pending MMIO exit is completed first, reads with 0xff.
   *
   * @return 0 or -errno; the exit is in {@link #run}
   */
  public long guestRead(int vcpuFd, long code, long gpa) {
    return ret(guestRun(vcpuFd, new GuestAction.Read(gpa, code, true)).errno());
  }

  /** As {@link #guestRead}, fetching at {@code code} and writing a byte. */
  public long guestWrite(int vcpuFd, long code, long gpa, int value) {
    return ret(guestRun(vcpuFd, new GuestAction.Write(gpa, value, code, true)).errno());
  }

  /** As {@link #guestRead}, fetching at {@code code + 32} and issuing a hypercall. */
  public long guestHypercall(int vcpuFd, long code, long nr, long a0, long a1, long a2) {
    GuestAction call = new GuestAction.Hypercall(nr, new long[] {a0, a1, a2}, code);
    return ret(guestRun(vcpuFd, call).errno());
  }

  /** Answers a KVM_EXIT_HYPERCALL with {@code answer} and runs on. */
  public long guestResume(int vcpuFd, long answer) {
    return ret(guestRun(vcpuFd, new GuestAction.Resume(answer)).errno());
  }

  /** Returns how the last run of a vCPU ended, or null if the descriptor is not a vCPU. */
  public @Nullable KvmRun run(int vcpuFd) {
    return fds.get(vcpuFd) instanceof VcpuFile f ? f.run : null;
  }

  // What only a vendor knows.

  @Override
  public long vendorIoctl(int fd, VendorCommand command) {
    Object o = fds.get(fd);
    if (o instanceof Vm vm) {
      return vm.isDead() ? ret(Errno.EIO) : vm.ops().vmIoctl(command);
    }
    if (o instanceof VcpuFile f) {
      Vm vm = f.vcpu.machine();
      return vm.isDead()
          ? ret(Errno.EIO)
          : f.vcpu.locked(() -> vm.ops().vcpuIoctl(f.vcpu, command));
    }
    return wrong(fd, Errno.ENOTTY);
  }

  @Override
  public long memoryEncryptOp(int fd, VendorCommand command) {
    Object o = fds.get(fd);
    if (o instanceof Vm vm) {
      return vm.isDead() ? ret(Errno.EIO) : vm.ops().memEncIoctl(command);
    }
    if (o instanceof VcpuFile f) {
      Vm vm = f.vcpu.machine();
      return vm.isDead()
          ? ret(Errno.EIO)
          : f.vcpu.locked(() -> vm.ops().vcpuMemEncIoctl(f.vcpu, command));
    }
    return wrong(fd, Errno.ENOTTY);
  }

  @Override
  public long memoryEncryptRegion(int vmFd, boolean register, long addr, long size) {
    Vm vm = vm(vmFd);
    if (vm == null) {
      return wrong(vmFd, Errno.ENOTTY);
    }
    return ret(
        register
            ? vm.ops().memEncRegisterRegion(addr, size)
            : vm.ops().memEncUnregisterRegion(addr, size));
  }

  // Files.

  /**
   * fallocate: the VFS's checks, then the file's. Source: {@code fs/open.c}, vfs_fallocate: offset
   * and length, known mode bits, which bits go together, the kind of file, overflow.
   */
  @Override
  public long fallocate(int fd, int mode, long off, long len) {
    Object o = fds.get(fd);
    if (o == null) {
      return ret(Errno.EBADF);
    }
    if (off < 0 || len <= 0) {
      return ret(Errno.EINVAL);
    }
    int op = mode & MODE_MASK;
    boolean keep = (mode & KEEP_SIZE) != 0;
    boolean known = (mode & ~(MODE_MASK | KEEP_SIZE)) == 0;
    boolean fits =
        switch (op) {
          case 0, 0x10, 0x40 -> true;
          case PUNCH_HOLE -> keep;
          case 0x8, 0x20, 0x80 -> !keep;
          default -> false;
        };
    if (!known || !fits) {
      return ret(Errno.EOPNOTSUPP);
    }
    if (!(o instanceof GuestMemfd || o instanceof MemFd || o instanceof MemfileStore)) {
      return ret(Errno.ENODEV);
    }
    if (off + len < 0) {
      return ret(Errno.EFBIG);
    }
    return switch (o) {
      case GuestMemfd f -> ret(f.fallocate(mode, off, len));
      case MemfileStore f -> ret(f.fallocate(mode, off, len));
      default -> ret(Errno.EOPNOTSUPP);
    };
  }

  /** fstat. A guest_memfd never counts blocks. */
  public long fstat(int fd, FileStat into) {
    Object o = fds.get(fd);
    if (o == null) {
      return ret(Errno.EBADF);
    }
    GuestMemfd f = o instanceof GuestMemfd g ? g : null;
    into.size = f != null ? f.size() : o instanceof MemFd m ? m.size() : 0;
    into.inode = f != null ? f.inodeNumber() : 0;
    into.blksize = PageLevel.PAGE_SIZE;
    into.blocks = 0;
    return 0;
  }

  /** ftruncate: a guest_memfd's size is fixed, and nothing else here is a regular file. */
  public long ftruncate(int fd, long length) {
    return ret(length < 0 || fds.get(fd) != null ? Errno.EINVAL : Errno.EBADF);
  }

  /** read: none of these files can be read so. */
  public long read(int fd, long count) {
    return wrong(fd, Errno.EINVAL);
  }

  /** write: none of these files can be written so. */
  public long write(int fd, long count) {
    return wrong(fd, Errno.EINVAL);
  }

  /** pread64: a guest_memfd has no position to read at. */
  public long pread(int fd, long count, long off) {
    return off < 0 ? ret(Errno.EINVAL) : wrong(fd, Errno.ESPIPE);
  }

  /** pwrite64; as {@link #pread}. */
  public long pwrite(int fd, long count, long off) {
    return off < 0 ? ret(Errno.EINVAL) : wrong(fd, Errno.ESPIPE);
  }
}
