package dev.cocovisor.api.vmm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import org.apiguardian.api.API;

/**
 * The system calls of a VMM's process. Each returns {@code >= 0} or {@code -errno}; numbers of
 * flags are Linux's, addresses and sizes are bytes.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public interface VmmCalls {
  /** Opens /dev/kvm; returns a descriptor. */
  long openDevKvm();

  /** mmap; an {@code addr} of 0 lets the kernel choose. Returns the address. */
  long mmap(long addr, long len, int prot, int flags, int fd, long off);

  /** munmap. */
  long munmap(long addr, long len);

  /** madvise. */
  long madvise(long addr, long len, int advice);

  /** KVM_CREATE_VM; returns a descriptor. */
  long createVm(int devFd, long type);

  /** KVM_CREATE_VCPU; returns a descriptor. */
  long createVcpu(int vmFd, long id);

  /** KVM_CREATE_GUEST_MEMFD; returns a descriptor. */
  long createGuestMemfd(int vmFd, long size, long flags);

  /** KVM_SET_USER_MEMORY_REGION2. */
  long setUserMemoryRegion2(
      int vmFd,
      long slot,
      long flags,
      long guestPhysAddr,
      long memorySize,
      long userspaceAddr,
      long guestMemfdOffset,
      int guestMemfd);

  /** KVM_SET_USER_MEMORY_REGION. */
  long setUserMemoryRegion(
      int vmFd, long slot, long flags, long guestPhysAddr, long memorySize, long userspaceAddr);

  /** KVM_SET_MEMORY_ATTRIBUTES. */
  long setMemoryAttributes(int vmFd, long address, long size, long attributes, long flags);

  /** KVM_CHECK_EXTENSION on /dev/kvm or a VM; 0 for what is not there. */
  default long checkExtension(int fd, long cap) {
    return 0;
  }

  /**
   * KVM_SET_MEMORY_ATTRIBUTES2 on a guest_memfd.
   *
   * @param errorOffset takes the offset in the file that an error is about, where there is one
   */
  default long setMemoryAttributes2(
      int guestMemfd, long offset, long size, long attributes, long flags, long[] errorOffset) {
    return -Errno.ENOTTY.number();
  }

  /** vmsplice into a pipe, which holds each page until {@link #closePipe}: bytes, or EFAULT. */
  default long spliceIntoPipe(long addr, long len) {
    return -Errno.EOPNOTSUPP.number();
  }

  /** Closes that pipe. */
  default long closePipe() {
    return -Errno.EOPNOTSUPP.number();
  }

  /**
   * KVM_PRE_FAULT_MEMORY.
   *
   * @param range in: gpa and size; out: what is left
   */
  long preFaultMemory(int vcpuFd, long flags, long[] range);

  /**
   * Tells whether the last KVM_PRE_FAULT_MEMORY of a vCPU would never have returned, as on kernels
   * that keep a stale root: the model ends it with EINTR, as a signal would.
   */
  default boolean preFaultNeverReturned(int vcpuFd) {
    return false;
  }

  /** KVM_ENABLE_CAP on a VM. */
  long enableCap(int vmFd, long cap, long flags, long arg0);

  /** fallocate. */
  long fallocate(int fd, int mode, long off, long len);

  /** close. */
  long close(int fd);

  /** A load by the process: 0 to 255, -7 for SIGBUS, -11 for SIGSEGV. */
  long hostRead(long addr);

  /** A store by the process: 0, -7 for SIGBUS, -11 for SIGSEGV. */
  long hostWrite(long addr, int value);

  /**
   * Copies memory of the process, as loads and stores of its own would; a byte of 0 is not stored
   * where the whole rest of its page is 0 too.
   *
   * @param len bytes
   * @return 0, or as {@link #hostRead} and {@link #hostWrite} for the first byte that fails
   */
  default long hostCopy(long to, long from, long len) {
    for (long at = 0; at < len; at++) {
      long b = hostRead(from + at);
      long r = b <= 0 ? b : hostWrite(to + at, (int) b);
      if (r < 0) {
        return r;
      }
    }
    return 0;
  }

  /** Lets the kernel read the process's memory, as write(2) to a pipe does. */
  long kernelRead(long addr, long len);

  /** One KVM_RUN in which the guest does {@code action}. */
  RunResult guestRun(int vcpuFd, GuestAction action);

  /** An ioctl on a VM or vCPU that only its vendor knows. */
  long vendorIoctl(int fd, VendorCommand command);

  /** KVM_MEMORY_ENCRYPT_OP on a VM or vCPU. */
  long memoryEncryptOp(int fd, VendorCommand command);

  /** KVM_MEMORY_ENCRYPT_REG_REGION, or KVM_MEMORY_ENCRYPT_UNREG_REGION. */
  long memoryEncryptRegion(int vmFd, boolean register, long addr, long size);
}
