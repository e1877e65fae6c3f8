package dev.cocovisor.core.host;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.vmm.VmmCalls;
import dev.cocovisor.core.Kvm;
import org.jspecify.annotations.Nullable;

/**
 * A host process: descriptors, user mappings, and the system calls a VMM makes.
 *
 * <p>Every call returns {@code >= 0} or {@code -errno}. Descriptors are given out as the kernel
 * does, the lowest free number first, from 3.
 */
public final class KvmProcess implements VmmCalls {
  /** A load or store ended in SIGBUS. */
  public static final long SIGBUS = -7;

  /** A load or store ended in SIGSEGV. */
  public static final long SIGSEGV = -11;

  private final Kvm kvm;

  /** Creates a process with no open file; use {@link Kvm#newProcess}. */
  public KvmProcess(Kvm kvm) {
    this.kvm = kvm;
  }

  /** Returns the host. */
  public Kvm kvm() {
    return kvm;
  }

  /**
   * Opens /dev/kvm.
   *
   * @return a descriptor
   */
  @Override
  public long openDevKvm() {
    return -Errno.ENOSYS.number();
  }

  /**
   * mmap. {@code prot} and {@code flags} are Linux numbers; an {@code addr} of 0 without MAP_FIXED
   * lets the kernel choose, else it is a hint that is taken when it is free.
   *
   * @return the address, or -errno
   */
  @Override
  public long mmap(long addr, long len, int prot, int flags, int fd, long off) {
    return -Errno.ENOSYS.number();
  }

  /** munmap. */
  @Override
  public long munmap(long addr, long len) {
    return -Errno.ENOSYS.number();
  }

  /** madvise: 4 DONTNEED, 14 HUGEPAGE, 15 NOHUGEPAGE, 25 COLLAPSE. */
  @Override
  public long madvise(long addr, long len, int advice) {
    return -Errno.ENOSYS.number();
  }

  /**
   * KVM_CREATE_VM.
   *
   * @param type a VM type number of x86 (0 default, 1 software protected, 2.. by backends)
   */
  @Override
  public long createVm(int devFd, long type) {
    return -Errno.ENOSYS.number();
  }

  /** KVM_CREATE_VCPU. */
  @Override
  public long createVcpu(int vmFd, long id) {
    return -Errno.ENOSYS.number();
  }

  /** KVM_CREATE_GUEST_MEMFD. */
  @Override
  public long createGuestMemfd(int vmFd, long size, long flags) {
    return -Errno.ENOSYS.number();
  }

  /** KVM_SET_USER_MEMORY_REGION2. */
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
    return -Errno.ENOSYS.number();
  }

  /** KVM_SET_USER_MEMORY_REGION. */
  @Override
  public long setUserMemoryRegion(
      int vmFd, long slot, long flags, long guestPhysAddr, long memorySize, long userspaceAddr) {
    return -Errno.ENOSYS.number();
  }

  /** KVM_SET_MEMORY_ATTRIBUTES. */
  @Override
  public long setMemoryAttributes(int vmFd, long address, long size, long attributes, long flags) {
    return -Errno.ENOSYS.number();
  }

  /**
   * KVM_PRE_FAULT_MEMORY.
   *
   * @param range in: gpa and size; out: what is left
   */
  @Override
  public long preFaultMemory(int vcpuFd, long flags, long[] range) {
    return -Errno.ENOSYS.number();
  }

  /** KVM_MAP_MEMORY, second revision; as {@link #preFaultMemory}. */
  public long mapMemory(int vcpuFd, long flags, long[] range) {
    return -Errno.ENOSYS.number();
  }

  /** KVM_CHECK_EXTENSION on /dev/kvm or a VM. */
  public long checkExtension(int fd, long cap) {
    return -Errno.ENOSYS.number();
  }

  /** KVM_ENABLE_CAP on a VM. */
  @Override
  public long enableCap(int vmFd, long cap, long flags, long arg0) {
    return -Errno.ENOSYS.number();
  }

  /** fallocate. */
  @Override
  public long fallocate(int fd, int mode, long off, long len) {
    return -Errno.ENOSYS.number();
  }

  /** fstat. */
  public long fstat(int fd, FileStat into) {
    return -Errno.ENOSYS.number();
  }

  /** ftruncate. */
  public long ftruncate(int fd, long length) {
    return -Errno.ENOSYS.number();
  }

  /** read. */
  public long read(int fd, long count) {
    return -Errno.ENOSYS.number();
  }

  /** write. */
  public long write(int fd, long count) {
    return -Errno.ENOSYS.number();
  }

  /** pread64. */
  public long pread(int fd, long count, long off) {
    return -Errno.ENOSYS.number();
  }

  /** pwrite64. */
  public long pwrite(int fd, long count, long off) {
    return -Errno.ENOSYS.number();
  }

  /** close. The last descriptor that keeps a VM alive destroys it. */
  @Override
  public long close(int fd) {
    return -Errno.ENOSYS.number();
  }

  /**
   * A load by the process itself.
   *
   * @return 0 to 255, {@link #SIGBUS} or {@link #SIGSEGV}
   */
  @Override
  public long hostRead(long addr) {
    return -Errno.ENOSYS.number();
  }

  /**
   * A store by the process itself.
   *
   * @return 0, {@link #SIGBUS} or {@link #SIGSEGV}
   */
  @Override
  public long hostWrite(long addr, int value) {
    return -Errno.ENOSYS.number();
  }

  /**
   * Writes the guest's code page.
   *
   * @return 0, {@link #SIGBUS} or {@link #SIGSEGV}
   */
  public long hostInstallStub(long addr) {
    return -Errno.ENOSYS.number();
  }

  /**
   * One KVM_RUN in which the guest fetches an instruction at {@code code + 16}, reads a byte at
   * {@code gpa} and halts. A pending MMIO exit is completed first, reads with 0xff.
   *
   * @return 0 or -errno; the exit is in {@link #run}
   */
  public long guestRead(int vcpuFd, long code, long gpa) {
    return -Errno.ENOSYS.number();
  }

  /**
   * One KVM_RUN in which the guest fetches at {@code code}, writes a byte and halts; as {@link
   * #guestRead}.
   */
  public long guestWrite(int vcpuFd, long code, long gpa, int value) {
    return -Errno.ENOSYS.number();
  }

  /**
   * One KVM_RUN in which the guest fetches at {@code code + 32}, issues a hypercall and halts; as
   * {@link #guestRead}.
   */
  public long guestHypercall(int vcpuFd, long code, long nr, long a0, long a1, long a2) {
    return -Errno.ENOSYS.number();
  }

  /** Answers a KVM_EXIT_HYPERCALL with {@code ret} and runs on. */
  public long guestResume(int vcpuFd, long ret) {
    return -Errno.ENOSYS.number();
  }

  /**
   * One KVM_RUN in which the guest does {@code action}: the general form of the three above, for
   * actions of a vendor and ends that {@link KvmRun} does not know. An access without a code page
   * fetches nothing. A descriptor that is no vCPU answers EBADF or ENOTTY.
   */
  @Override
  public RunResult guestRun(int vcpuFd, GuestAction action) {
    return new RunResult(Errno.ENOSYS, new Exit.Unknown());
  }

  /**
   * An ioctl on a VM or vCPU that only its vendor knows, such as KVM_ARM_VCPU_INIT.
   *
   * @return what the vendor answers, ENOTTY if nobody knows it
   */
  @Override
  public long vendorIoctl(int fd, VendorCommand command) {
    return -Errno.ENOSYS.number();
  }

  /** KVM_MEMORY_ENCRYPT_OP on a VM or vCPU. */
  @Override
  public long memoryEncryptOp(int fd, VendorCommand command) {
    return -Errno.ENOSYS.number();
  }

  /** KVM_MEMORY_ENCRYPT_REG_REGION, or KVM_MEMORY_ENCRYPT_UNREG_REGION. */
  @Override
  public long memoryEncryptRegion(int vmFd, boolean register, long addr, long size) {
    return -Errno.ENOSYS.number();
  }

  /**
   * Lets the kernel read the process's memory, as write(2) to a pipe does.
   *
   * @return the number of bytes, or EFAULT
   */
  @Override
  public long kernelRead(long addr, long len) {
    return -Errno.ENOSYS.number();
  }

  /** Returns how the last run of a vCPU ended, or null if the descriptor is not a vCPU. */
  public @Nullable KvmRun run(int vcpuFd) {
    return null;
  }

  /** Returns a VM's page counters, or null if the descriptor is not a VM. */
  public @Nullable PageStats stats(int vmFd) {
    return null;
  }
}
