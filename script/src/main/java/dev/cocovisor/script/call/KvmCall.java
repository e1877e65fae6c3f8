package dev.cocovisor.script.call;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.guest.GuestAction;
import java.util.List;

/**
 * A call with its arguments as numbers: what a line means, whatever way it was spelled. Descriptors
 * are those of the log; {@link CallRunner} knows the model's. Argument names are the kernel's.
 */
public sealed interface KvmCall {
  /** Instead of a user address, which it cannot be: the line holds the memory itself. */
  long NO_ADDRESS = Long.MIN_VALUE;

  record HostSetup(Fields fields) implements KvmCall {}

  record Open(String path, boolean create) implements KvmCall {}

  record Close(long fd) implements KvmCall {}

  record Mmap(long addr, long len, int prot, int flags, long fd, long off) implements KvmCall {}

  record Munmap(long addr, long len) implements KvmCall {}

  record Mremap(long addr, long oldLen, long newLen, int flags, long newAddr) implements KvmCall {}

  record Mprotect(long addr, long len, int prot) implements KvmCall {}

  /** mlock, or munlock unless {@code lock}. */
  record Mlock(long addr, long len, boolean lock) implements KvmCall {}

  record MemfdCreate(String name, long flags) implements KvmCall {}

  record Dup(long fd) implements KvmCall {}

  /** {@code fork_and_read(ADDR)}: a child reads one byte and ends. */
  record ForkAndRead(long addr) implements KvmCall {}

  /** {@code child host_read(ADDR)}: a child loads one byte and ends. */
  record ChildRead(long addr) implements KvmCall {}

  record Madvise(long addr, long len, int advice) implements KvmCall {}

  record CreateVm(long fd, long type) implements KvmCall {}

  record CreateVcpu(long fd, long id) implements KvmCall {}

  /** KVM_GET_STATS_FD, of a VM or a vCPU. */
  record GetStatsFd(long fd) implements KvmCall {}

  record CheckExtension(long fd, long cap) implements KvmCall {}

  record EnableCap(long fd, long cap, long flags, long arg0) implements KvmCall {}

  record CreateGuestMemfd(long fd, long size, long flags) implements KvmCall {}

  /** KVM_SET_USER_MEMORY_REGION, or …REGION2 if {@code v2}. */
  record SetRegion(
      long fd,
      boolean v2,
      long slot,
      long flags,
      long guestPhysAddr,
      long memorySize,
      long userspaceAddr,
      long guestMemfdOffset,
      long guestMemfd)
      implements KvmCall {}

  record SetAttributes(long fd, long address, long size, long attributes, long flags)
      implements KvmCall {}

  /**
   * KVM_SET_MEMORY_ATTRIBUTES2; {@code flags} are or'ed with the reserved fields, and {@code
   * readable} is false where the line gives an address instead of the structure.
   */
  record SetAttributes2(
      long fd, long offset, long size, long attributes, long flags, boolean readable)
      implements KvmCall {}

  /** KVM_PRE_FAULT_MEMORY, or KVM_MAP_MEMORY of the second revision if {@code map}. */
  record PreFault(long fd, boolean map, long gpa, long size, long flags) implements KvmCall {}

  /** KVM_GET_DIRTY_LOG; {@code bitmap} is a user address, or NO_ADDRESS. */
  record GetDirtyLog(long fd, long slot, long bitmap) implements KvmCall {}

  /** KVM_CLEAR_DIRTY_LOG; the bits are in {@code words} unless {@code bitmap} is a user address. */
  record ClearDirtyLog(long fd, long slot, long firstPage, long numPages, long bitmap, long[] words)
      implements KvmCall {}

  record SetNrMmuPages(long fd, long pages) implements KvmCall {}

  record Fallocate(long fd, int mode, long off, long len) implements KvmCall {}

  record Fstat(long fd) implements KvmCall {}

  record Ftruncate(long fd, long length) implements KvmCall {}

  record Read(long fd, long count) implements KvmCall {}

  record Write(long fd, long count) implements KvmCall {}

  record Pread(long fd, long count, long off) implements KvmCall {}

  record Pwrite(long fd, long count, long off) implements KvmCall {}

  /** {@code write(pipe, ADDR, LEN)}: the kernel reads the process's memory. */
  record KernelRead(long addr, long len) implements KvmCall {}

  record HostRead(long addr) implements KvmCall {}

  record HostWrite(long addr, int value) implements KvmCall {}

  record HostInstallStub(long addr) implements KvmCall {}

  /** One KVM_RUN; {@code what} is the action's name in the log. */
  record GuestRun(long fd, String what, GuestAction action) implements KvmCall {}

  record MemoryEncryptOp(long fd, VendorCommand command) implements KvmCall {}

  record MemoryEncryptRegion(long fd, boolean register, long addr, long size) implements KvmCall {}

  /** Any ioctl that the core does not know. */
  record VendorIoctl(long fd, VendorCommand command) implements KvmCall {}

  record Stats(long fd) implements KvmCall {}

  /** A process's own memory and files: heap, seals, userfaultfd. */
  sealed interface OfProcess extends KvmCall {}

  /** {@code brk(ADDR)}. */
  record Brk(long addr) implements OfProcess {}

  /** {@code fcntl(fd, CMD, ARG)}. */
  record Fcntl(long fd, int cmd, long arg) implements OfProcess {}

  /** {@code userfaultfd(FLAGS)}. */
  record OpenUserfault(long flags) implements OfProcess {}

  /**
   * An ioctl of a userfaultfd, by its name.
   *
   * @param first the start of a range or the destination; UFFDIO_API's version
   * @param src where UFFDIO_COPY copies from
   */
  record Userfault(long fd, String request, long first, long src, long len, long mode)
      implements OfProcess {}

  /** The kernel touches the process's memory, or tells what it counts. */
  sealed interface OfKernel extends KvmCall {}

  /** A read of /proc/self/mem. */
  record ReadMemory(long addr, long count) implements OfKernel {}

  /** A write of /proc/self/mem. */
  record WriteMemory(long addr, List<Long> bytes) implements OfKernel {
    public WriteMemory {
      bytes = List.copyOf(bytes);
    }
  }

  /** vmsplice into a pipe, and a read from it: the page itself goes, not a copy. */
  record Splice(long addr, long len) implements OfKernel {}

  /** vmsplice into a pipe that holds the pages until it is closed. */
  record HoldByPipe(long addr, long len) implements OfKernel {}

  /** The pipe of {@link HoldByPipe} is closed. */
  record ClosePipe() implements OfKernel {}

  /** A read from a pipe into user memory. */
  record KernelWrite(long addr, long len) implements OfKernel {}

  /** setrlimit(RLIMIT_MEMLOCK); negative for RLIM_INFINITY. */
  record SetMemlock(long bytes) implements OfKernel {}

  /** What the host counts for all its VMs. */
  record Counters() implements OfKernel {}

  /**
   * {@code host_young(ADDR, LEN)} and {@code host_age(ADDR, LEN)}, which makes old: page ageing.
   */
  record Young(long addr, long len, boolean clear) implements OfKernel {}
}
