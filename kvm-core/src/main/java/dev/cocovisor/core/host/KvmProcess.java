package dev.cocovisor.core.host;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.vmm.VmmCalls;
import dev.cocovisor.core.CoreSettings;
import dev.cocovisor.core.HostProcess;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.gmem.GuestMemfd;
import dev.cocovisor.core.gmem.MemfileStore;
import dev.cocovisor.core.mm.AddressSpace;
import dev.cocovisor.core.mm.Advice;
import dev.cocovisor.core.mm.Fork;
import dev.cocovisor.core.mm.MappingCalls;
import dev.cocovisor.core.mm.MemFd;
import dev.cocovisor.core.mm.Remap;
import dev.cocovisor.core.vm.ArchRules;
import dev.cocovisor.core.vm.DirtyLog;
import dev.cocovisor.core.vm.Vcpu;
import dev.cocovisor.core.vm.Vm;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A host process: descriptors, user mappings, and the system calls a VMM makes.
 *
 * <p>Every call returns {@code >= 0} or {@code -errno}. Descriptors are given out as the kernel
 * does, the lowest free number first, from 3. Calls on memory are {@link ProcessMemory}'s.
 */
public final class KvmProcess implements VmmCalls, HostProcess {
  /** A load or store ended in SIGBUS. */
  public static final long SIGBUS = -7;

  /** A load or store ended in SIGSEGV. */
  public static final long SIGSEGV = -11;

  private final Kvm kvm;
  private final CapabilityAnswers capabilities;
  private final Descriptors fds = new Descriptors();
  private final RootFiles root;
  private final AddressSpace space;
  private final ProcessMemory memory;
  private final PipePages pipe;
  private final VmIoctls vms;
  private final VcpuIoctls vcpus;
  private final VendorIoctls vendors;
  private final FileCalls files;
  private final NumaCalls numa;
  private final MappingCalls mapping;
  private final MemoryFiles memoryFiles;

  /**
   * Starts a process on a host: an empty address space and no open file.
   *
   * @throws IllegalStateException if the host was closed
   */
  public KvmProcess(Kvm kvm) {
    this.kvm = kvm;
    this.capabilities = new CapabilityAnswers(kvm.setting(CoreSettings.CAPABILITIES));
    this.space = new AddressSpace(kvm.physicalMemory(), kvm.addressLimits());
    this.memory = new ProcessMemory(kvm, space);
    this.root = new RootFiles(kvm.physicalMemory());
    this.pipe = new PipePages(kvm.physicalMemory(), space);
    this.vms = new VmIoctls(kvm, fds, space);
    this.vcpus = new VcpuIoctls(kvm, fds);
    this.vendors = new VendorIoctls(kvm, fds, space);
    this.files = new FileCalls(fds);
    this.numa = new NumaCalls(kvm, space);
    this.mapping = new MappingCalls(space);
    this.memoryFiles = new MemoryFiles(kvm, fds, space);
    kvm.began(this);
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

  /** Returns the VM a descriptor names, or null. */
  public @Nullable Vm vm(long fd) {
    return fds.vm(fd);
  }

  /** Returns the vCPU a descriptor names, or null. */
  public @Nullable Vcpu vcpu(long fd) {
    VcpuFile f = fds.vcpu(fd);
    return f == null ? null : f.vcpu();
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
   * dup.
   *
   * @return a descriptor for the same open file
   */
  public long dup(int fd) {
    return fds.dup(fd, 0);
  }

  /** Returns the calls on memory that have files of their own: memfds, brk, userfaultfd. */
  public MemoryFiles memoryFiles() {
    return memoryFiles;
  }

  /**
   * memfd_create.
   *
   * @param huge whether it is MFD_HUGETLB, of pages of 2 MiB
   * @return a descriptor of an empty file
   */
  public long memfdCreate(boolean huge) {
    return fds.install(new MemFd(kvm.physicalMemory(), 0, huge));
  }

  /**
   * Opens a device file of a vendor's ({@link Kvm#deviceFiles}), or a file of the root; there are
   * no directories.
   *
   * @param path absolute
   * @param create O_CREAT: an empty file is made where there is none
   * @return a descriptor, or ENOENT
   */
  public long openFile(String path, boolean create) {
    if (kvm.deviceFiles().contains(path)) {
      return fds.install(new Descriptors.DeviceFile(path));
    }
    MemFd file = root.open(path, create);
    return file == null ? ret(Errno.ENOENT) : fds.install(file);
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
    Descriptors.letGo(was);
    return was == null ? ret(Errno.EBADF) : 0;
  }

  /** Makes a call on a descriptor whose file is kept until the call ends. */
  private long on(int fd, LongSupplier call) {
    Object held = fds.hold(fd);
    try {
      return call.getAsLong();
    } finally {
      Descriptors.letGo(held);
    }
  }

  /** Ends the process: its descriptors are closed in order, its mappings go. */
  public void exit() {
    for (int fd : fds.all()) {
      var _ = close(fd);
    }
    pipe.close();
    space.clear();
    kvm.ended(this);
  }

  @Override
  public void close() {
    exit();
  }

  // Memory.

  @Override
  public long mmap(long addr, long len, int prot, int flags, int fd, long off) {
    return memory.mmap(addr, len, prot, flags, fds.get(fd), off);
  }

  @Override
  public long munmap(long addr, long len) {
    return ret(mapping.munmap(addr, len));
  }

  /** mremap; {@code flags} are MREMAP_*. Returns the new address. */
  public long mremap(long addr, long oldLen, long newLen, int flags, long newAddr) {
    return mremap(addr, oldLen, newLen, flags, newAddr, 0);
  }

  /**
   * As {@link #mremap(long, long, long, int, long)}.
   *
   * @param chosen where memory goes that may go anywhere, if it is free; 0 for no wish
   */
  public long mremap(long addr, long oldLen, long newLen, int flags, long newAddr, long chosen) {
    return new Remap(space, chosen).mremap(addr, oldLen, newLen, flags, newAddr);
  }

  /** mprotect. */
  public long mprotect(long addr, long len, int prot) {
    return ret(mapping.mprotect(addr, len, prot));
  }

  /** mlock. */
  public long mlock(long addr, long len) {
    return ret(mapping.lock(addr, len, true));
  }

  /** munlock. */
  public long munlock(long addr, long len) {
    return ret(mapping.lock(addr, len, false));
  }

  /**
   * fork, of a child that does nothing and lives until its memory is given back: the mappings are
   * shared, the descriptors are not copied.
   *
   * @return the child's memory
   */
  public AddressSpace fork() {
    return Fork.of(space);
  }

  /**
   * fork, of a child that loads one byte and ends.
   *
   * @return what the child found: 0 to 255, {@link #SIGBUS} or {@link #SIGSEGV}
   */
  public long forkAndRead(long addr) {
    AddressSpace child = fork();
    try {
      return new ProcessMemory(kvm, child).read(addr);
    } finally {
      child.clear();
    }
  }

  @Override
  public long madvise(long addr, long len, int advice) {
    return ret(new Advice(space).madvise(addr, len, advice));
  }

  /**
   * mbind.
   *
   * @param mode MPOL_*, with the mode flags
   * @param nodes the node mask, of which the first {@code maxnode - 1} bits count
   * @param flags MPOL_MF_*
   */
  public long mbind(long addr, long len, int mode, long nodes, long maxnode, int flags) {
    return ret(numa.mbind(addr, len, mode, nodes, maxnode, flags));
  }

  /** get_mempolicy; {@code flags} are MPOL_F_*. */
  public long getMempolicy(MempolicyAnswer into, long maxnode, long addr, int flags) {
    return numa.getMempolicy(addr, maxnode, flags, into);
  }

  @Override
  public long hostRead(long addr) {
    return memory.read(addr);
  }

  @Override
  public long hostWrite(long addr, int value) {
    return memory.write(addr, value);
  }

  @Override
  public long hostCopy(long to, long from, long len) {
    return memory.copy(to, from, len);
  }

  /**
   * Writes the guest's code page.
   *
   * @return 0, {@link #SIGBUS} or {@link #SIGSEGV}
   */
  public long hostInstallStub(long addr) {
    return memory.installStub(addr);
  }

  /** read(2) from a pipe into user memory: {@code bytes.length}, or -EFAULT. */
  public long kernelWrite(long addr, byte[] bytes) {
    return memory.kernelWrite(addr, bytes);
  }

  /**
   * Reads a byte of the process's memory through the kernel's own mapping, as /proc/self/mem and
   * vmsplice do: 0 to 255, or -EIO.
   */
  public long readThroughKernel(long addr) {
    return memory.readThroughKernel(addr);
  }

  /** Writes a byte so: 0 or -EIO. */
  public long writeThroughKernel(long addr, int value) {
    return memory.writeThroughKernel(addr, value);
  }

  /** setrlimit(RLIMIT_MEMLOCK), in bytes; negative for RLIM_INFINITY. */
  public long setMemlockLimit(long bytes) {
    space.setMemlockLimit(bytes);
    return 0;
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
      return fds.unknown(devFd);
    }
    VmType t = kvm.vmType(type & ArchRules.of(kvm.architecture()).vmTypeMask());
    if (t == null) {
      return ret(
          kvm.trace().refuse(Errno.EINVAL, () -> "VM type %d: the host has none".formatted(type)));
    }
    Vm vm = kvm.createVm(t, space);
    vm.setDeviceFiles(fds::device);
    Errno r = vm.init();
    return r.ok() ? fds.install(vm) : ret(r);
  }

  @Override
  public long checkExtension(int fd, long cap) {
    Object o = fds.get(fd);
    boolean onVm = o instanceof Vm vm && !vm.isDead();
    if (!onVm && o != Descriptors.DEV_KVM) {
      return fds.unknown(fd);
    }
    return capabilities.has(cap)
        ? capabilities.of(cap, onVm)
        : Extensions.check(kvm, onVm ? (Vm) o : null, cap);
  }

  // VMs: VmIoctls.

  @Override
  public long createVcpu(int vmFd, long id) {
    return on(vmFd, () -> vms.createVcpu(vmFd, id));
  }

  @Override
  public long createGuestMemfd(int vmFd, long size, long flags) {
    return on(vmFd, () -> vms.createGuestMemfd(vmFd, size, flags));
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
    return on(
        vmFd,
        () ->
            on(
                guestMemfd,
                () ->
                    vms.setUserMemoryRegion2(
                        vmFd,
                        slot,
                        flags,
                        guestPhysAddr,
                        memorySize,
                        userspaceAddr,
                        guestMemfdOffset,
                        guestMemfd)));
  }

  @Override
  public long setUserMemoryRegion(
      int vmFd, long slot, long flags, long guestPhysAddr, long memorySize, long userspaceAddr) {
    return on(
        vmFd,
        () -> vms.setUserMemoryRegion(vmFd, slot, flags, guestPhysAddr, memorySize, userspaceAddr));
  }

  @Override
  public long setMemoryAttributes(int vmFd, long address, long size, long attributes, long flags) {
    return on(vmFd, () -> vms.setMemoryAttributes(vmFd, address, size, attributes, flags));
  }

  /** As {@link VmmCalls}; {@code flags} are or'ed with every reserved field. */
  @Override
  public long setMemoryAttributes2(
      int fd, long offset, long size, long attributes, long flags, long[] errorOffset) {
    return on(fd, () -> files.setAttributes(kvm, fd, offset, size, attributes, flags, errorOffset));
  }

  /** KVM_SET_MEMORY_ATTRIBUTES2 with an address where there is no structure to read. */
  public long setMemoryAttributes2Unreadable(int fd) {
    return on(fd, () -> files.converts(kvm, fd) ? ret(Errno.EFAULT) : fds.unknown(fd));
  }

  @Override
  public long spliceIntoPipe(long addr, long len) {
    return pipe.take(addr, len);
  }

  @Override
  public long closePipe() {
    pipe.close();
    return 0;
  }

  @Override
  public long enableCap(int vmFd, long cap, long flags, long arg0) {
    return on(vmFd, () -> vms.enableCap(vmFd, cap, flags, arg0));
  }

  /** KVM_SET_NR_MMU_PAGES. */
  public long setNrMmuPages(int vmFd, long pages) {
    return vms.setNrMmuPages(vmFd, pages);
  }

  /**
   * KVM_GET_DIRTY_LOG.
   *
   * @param bitmap the user address that takes one bit for each page of the slot, in whole words
   */
  public long getDirtyLog(int vmFd, long slot, long bitmap) {
    return on(vmFd, () -> vms.getDirtyLog(vmFd, slot, vms.userTakes(bitmap)));
  }

  /** As {@link #getDirtyLog(int, long, long)}, to somebody else than user memory. */
  public long getDirtyLog(int vmFd, long slot, DirtyLog.Taker to) {
    return on(vmFd, () -> vms.getDirtyLog(vmFd, slot, to));
  }

  /**
   * KVM_CLEAR_DIRTY_LOG.
   *
   * @param bitmap the user address of the bits to clear, whose first stands for {@code firstPage}
   */
  public long clearDirtyLog(int vmFd, long slot, long firstPage, long numPages, long bitmap) {
    return on(
        vmFd, () -> vms.clearDirtyLog(vmFd, slot, firstPage, numPages, vms.userGives(bitmap)));
  }

  /** As {@link #clearDirtyLog(int, long, long, long, long)}, from somewhere else. */
  public long clearDirtyLog(
      int vmFd, long slot, long firstPage, long numPages, DirtyLog.Giver from) {
    return on(vmFd, () -> vms.clearDirtyLog(vmFd, slot, firstPage, numPages, from));
  }

  /** Returns a VM's page counters, or null if the descriptor is neither a VM nor its statistics. */
  public @Nullable PageStats stats(int vmFd) {
    Vm vm = fds.get(vmFd) instanceof StatsFile f ? f.vm() : vm(vmFd);
    if (vm == null) {
      return null;
    }
    return new PageStats(vm.mappedPages(1), vm.mappedPages(2), vm.mappedPages(3));
  }

  // vCPUs.

  @Override
  public long preFaultMemory(int vcpuFd, long flags, long[] range) {
    return vcpus.prefault(vcpuFd, flags, range, false);
  }

  @Override
  public boolean preFaultNeverReturned(int vcpuFd) {
    VcpuFile f = fds.vcpu(vcpuFd);
    return f != null && f.vcpu().prefaultNeverReturned();
  }

  /** KVM_MAP_MEMORY, second revision; as {@link #preFaultMemory}. */
  public long mapMemory(int vcpuFd, long flags, long[] range) {
    return vcpus.prefault(vcpuFd, flags, range, true);
  }

  /**
   * One KVM_RUN in which the guest does {@code action}. An access without a code page fetches
   * nothing. A descriptor that is no vCPU answers as to any ioctl it does not know.
   */
  @Override
  public RunResult guestRun(int vcpuFd, GuestAction action) {
    return vcpus.run(vcpuFd, action);
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
    VcpuFile f = fds.vcpu(vcpuFd);
    return f == null ? null : f.run();
  }

  /**
   * KVM_GET_STATS_FD on a VM or a vCPU. What the file holds of a VM is {@link #stats}; the file
   * keeps the VM, as every descriptor does.
   *
   * @return a descriptor
   */
  public long getStatsFd(int fd) {
    return on(fd, () -> vms.getStatsFd(fd));
  }

  // What only a vendor knows.

  @Override
  public long vendorIoctl(int fd, VendorCommand command) {
    return on(fd, () -> vendors.call(fd, command));
  }

  @Override
  public long memoryEncryptOp(int fd, VendorCommand command) {
    return on(fd, () -> vendors.encryptionCall(fd, command));
  }

  @Override
  public long memoryEncryptRegion(int vmFd, boolean register, long addr, long size) {
    return on(vmFd, () -> vms.memoryEncryptRegion(vmFd, register, addr, size));
  }

  // Files: FileCalls.

  @Override
  public long fallocate(int fd, int mode, long off, long len) {
    return on(fd, () -> files.fallocate(fd, mode, off, len));
  }

  /** fstat. */
  public long fstat(int fd, FileStat into) {
    return files.fstat(fd, into);
  }

  /** ftruncate. */
  public long ftruncate(int fd, long length) {
    return files.ftruncate(fd, length);
  }

  /**
   * read.
   *
   * @param into takes what was read
   */
  public long read(int fd, long count, Consumer<byte[]> into) {
    return files.read(fd, count, into);
  }

  /**
   * Page ageing asks a range of user memory whether a guest used it ({@link AddressSpace#young}).
   *
   * @param addr first byte
   * @param len bytes
   * @param clear whether to make its pages old
   * @return 1 or 0; EINVAL for addresses that no process has
   */
  public long young(long addr, long len, boolean clear) {
    return !space.accessOk(addr, len)
        ? -Errno.EINVAL.number()
        : space.young(addr, addr + len, clear) ? 1 : 0;
  }

  /** write. */
  public long write(int fd, long count) {
    return files.write(fd);
  }

  /** pread64; as {@link #read}. */
  public long pread(int fd, long count, long off, Consumer<byte[]> into) {
    return files.pread(fd, count, off, into);
  }

  /** pwrite64. */
  public long pwrite(int fd, long count, long off) {
    return files.positioned(fd, off);
  }
}
