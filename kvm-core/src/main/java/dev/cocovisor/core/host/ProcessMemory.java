package dev.cocovisor.core.host;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.PhysicalGuard.Verdict;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.gmem.GuestMemfd;
import dev.cocovisor.core.mm.AddressSpace;
import dev.cocovisor.core.mm.MappableFile;
import dev.cocovisor.core.mm.MappingCalls;
import dev.cocovisor.core.mm.MemFd;
import dev.cocovisor.core.vm.UserCopy;
import org.jspecify.annotations.Nullable;

/** mmap's arguments and the process's own loads and stores. */
final class ProcessMemory {
  private static final int PROT_EXEC = 4;
  private static final int MAP_SHARED = 1;
  private static final int MAP_PRIVATE = 2;
  private static final int MAP_SHARED_VALIDATE = 3;
  private static final int MAP_TYPE = 0xf;
  private static final int MAP_FIXED = 0x10;
  private static final int MAP_ANONYMOUS = 0x20;
  private static final int MAP_LOCKED = 0x2000;
  private static final int MAP_NORESERVE = 0x4000;
  private static final int MAP_POPULATE = 0x8000;
  private static final int MAP_HUGETLB = 0x40000;
  private static final long HUGE_PAGE = 2L << 20;
  private static final int MAP_FIXED_NOREPLACE = 0x100000;
  private static final int MAP_HUGE_SHIFT = 26;

  /** What every file understood before flags were validated; the model's huge sizes included. */
  private static final int LEGACY_MAP_MASK =
      0x1 | 0x2 | 0x10 | 0x20 | 0x40 | 0x80 | 0x100 | 0x800 | 0x1000 | 0x7e000 | 0x3f << 26;

  private static final long MAX_LFS_FILESIZE = Long.MAX_VALUE;

  private static final int[] ARM64_PROGRAMS = {0x39000001, 0x39400001, 0xd4000002};

  private static final int[] X86_PROGRAMS = {0x00f40388, 0x00f4038a, 0xf4d9010f};

  private final Kvm kvm;
  private final AddressSpace space;
  private final MappingCalls mappings;

  ProcessMemory(Kvm kvm, AddressSpace space) {
    this.kvm = kvm;
    this.space = space;
    this.mappings = new MappingCalls(space);
  }

  private static long ret(Errno e) {
    return -e.number();
  }

  /**
   * The checks in the kernel's order: offset, descriptor, length, place, what is there already,
   * then what kind of mapping the file allows, which is asked last, when the mapping is prepared.
   * Sources: {@code mm/mmap.c}, ksys_mmap_pgoff, do_mmap and __get_unmapped_area; {@code
   * virt/kvm/guest_memfd.c}, kvm_gmem_mmap.
   */
  long mmap(long addr, long len, int prot, int flags, @Nullable Object file, long off) {
    boolean anonymous = (flags & MAP_ANONYMOUS) != 0;
    boolean huge = (flags & MAP_HUGETLB) != 0;
    if ((off & 4095) != 0) {
      return ret(Errno.EINVAL);
    }
    if (!anonymous && (file == null || huge)) {
      return ret(file == null ? Errno.EBADF : Errno.EINVAL);
    }
    Errno size = anonymous && huge ? hugeSize(flags) : Errno.OK;
    if (len == 0 || !size.ok()) {
      return ret(len == 0 ? Errno.EINVAL : size);
    }
    if (len < 0 || len > MAX_LFS_FILESIZE - 4095) {
      return ret(Errno.ENOMEM);
    }
    boolean noReplace = (flags & MAP_FIXED_NOREPLACE) != 0;
    boolean fixed = noReplace || (flags & MAP_FIXED) != 0;
    if (fixed && (addr & 4095) != 0) {
      return ret(Errno.EINVAL);
    }
    if (fixed && !space.accessOk(addr, len)) {
      return ret(Errno.ENOMEM);
    }
    if (noReplace && !space.isFree(addr, len)) {
      return ret(Errno.EEXIST);
    }
    Errno may = anonymous ? anonymousType(flags) : fileType(file, prot, flags, len, off);
    if (!may.ok()) {
      return ret(may);
    }
    Errno refused =
        !anonymous && file instanceof MappableFile f ? mayMap(f, prot, flags, len, off) : Errno.OK;
    if (!refused.ok()) {
      if (fixed) {
        mappings.undone(addr, len);
      }
      return ret(refused);
    }
    boolean shared = (flags & MAP_TYPE) != MAP_PRIVATE;
    MappableFile backing = backing(anonymous, shared, huge, file, len);
    if (backing instanceof MemFd m && m.isHugetlb() && !anonymous && (off & (HUGE_PAGE - 1)) != 0) {
      return ret(Errno.EINVAL);
    }
    boolean pool = backing == null ? huge : backing.isHugetlb();
    var wish =
        new MappingCalls.Wish(
            addr,
            len,
            prot,
            fixed,
            noReplace,
            (flags & MAP_NORESERVE) != 0,
            (flags & MAP_LOCKED) != 0);
    long at = mappings.map(wish, pool, shared, backing, off >>> PageLevel.PAGE_SHIFT);
    if (anonymous && backing instanceof MemFd own) {
      // The mapping keeps the memory; there is no descriptor.
      own.release();
    }
    if (at >= 0 && (flags & (MAP_POPULATE | MAP_LOCKED)) != 0) {
      // Whether pages could be had is not told.
      var _ = mappings.populate(at, at + ((len + 4095) & -4096L));
    }
    return at;
  }

  private static Errno mayMap(MappableFile f, int prot, int flags, long len, long off) {
    boolean shared = (flags & MAP_TYPE & MAP_SHARED) != 0;
    Errno r = f.mayMap(shared, (prot & 2) != 0);
    return r.ok()
        ? f.mayMapPages(
            off >>> PageLevel.PAGE_SHIFT,
            (len + 4095) >>> PageLevel.PAGE_SHIFT,
            shared,
            (prot & PROT_EXEC) != 0)
        : r;
  }

  /** What is mapped: a file, memory of a file without a name where it is shared, or nothing. */
  private @Nullable MappableFile backing(
      boolean anonymous, boolean shared, boolean huge, @Nullable Object file, long len) {
    if (!anonymous) {
      return file instanceof MappableFile f ? f : null;
    }
    return shared ? new MemFd(kvm.physicalMemory(), len, huge) : null;
  }

  /** The page size asked for behind MAP_HUGE_SHIFT: the host has pages of 2 MiB set aside. */
  private static Errno hugeSize(int flags) {
    return switch (flags >>> MAP_HUGE_SHIFT) {
      case 0, 21 -> Errno.OK;
      case 30 -> Errno.ENOMEM;
      default -> Errno.EINVAL;
    };
  }

  private static Errno anonymousType(int flags) {
    int type = flags & MAP_TYPE;
    return type == MAP_SHARED || type == MAP_PRIVATE ? Errno.OK : Errno.EINVAL;
  }

  private static Errno fileType(@Nullable Object file, int prot, int flags, long len, long off) {
    if (Long.compareUnsigned(
            off >>> PageLevel.PAGE_SHIFT, (MAX_LFS_FILESIZE - len) >>> PageLevel.PAGE_SHIFT)
        > 0) {
      return Errno.EOVERFLOW;
    }
    int type = flags & MAP_TYPE;
    if (type == 0 || type > MAP_SHARED_VALIDATE) {
      return Errno.EINVAL;
    }
    if (type == MAP_SHARED_VALIDATE && (flags & ~LEGACY_MAP_MASK) != 0) {
      return Errno.EOPNOTSUPP;
    }
    // guest_memfd's file system is mounted so that nothing in it can be executed.
    if (file instanceof GuestMemfd && (prot & PROT_EXEC) != 0) {
      return Errno.EPERM;
    }
    return file instanceof MappableFile ? Errno.OK : Errno.ENODEV;
  }

  private static long signal(long pte) {
    return pte == AddressSpace.SEGV ? KvmProcess.SIGSEGV : KvmProcess.SIGBUS;
  }

  /** A guard refused: an RMP fault is SIGBUS, a stage 2 abort of the host is SIGSEGV. */
  private long guardSignal() {
    return kvm.architecture().equals(Architecture.ARM64) ? KvmProcess.SIGSEGV : KvmProcess.SIGBUS;
  }

  private static long hpa(long addr, long pte) {
    return (AddressSpace.frameOf(pte) << PageLevel.PAGE_SHIFT) + (addr & 4095);
  }

  long read(long addr) {
    long pte = space.access(addr, false);
    if (pte < 0) {
      return signal(pte);
    }
    int b = kvm.physicalMemory().readByte(Accessor.HOST_USER, hpa(addr, pte));
    return b < 0 ? guardSignal() : b;
  }

  long write(long addr, int value) {
    long pte = space.access(addr, true);
    if (pte < 0) {
      return signal(pte);
    }
    boolean done = kvm.physicalMemory().writeByte(Accessor.HOST_USER, hpa(addr, pte), value & 0xff);
    return done ? 0 : guardSignal();
  }

  /** Copies whole pages that nobody keeps from the process at once, and others byte by byte. */
  long copy(long to, long from, long len) {
    long done = 0;
    while (done < len) {
      boolean page = ((to | from) + done & 4095) == 0 && len - done >= 4096;
      long r = page ? copyPage(to + done, from + done) : copyByte(to + done, from + done);
      if (r < 0) {
        return r;
      }
      done += page ? 4096 : 1;
    }
    return 0;
  }

  private long copyByte(long to, long from) {
    long b = read(from);
    return b <= 0 ? b : write(to, (int) b);
  }

  private long copyPage(long to, long from) {
    long source = space.access(from, false);
    if (source < 0) {
      return signal(source);
    }
    long pfn = AddressSpace.frameOf(source);
    if (!plain(pfn, false)) {
      return copyBytes(to, from);
    }
    if (kvm.physicalMemory().raw().isZero(pfn)) {
      return 0;
    }
    long target = space.access(to, true);
    if (target < 0) {
      return signal(target);
    }
    if (!plain(AddressSpace.frameOf(target), true)) {
      return copyBytes(to, from);
    }
    kvm.physicalMemory().raw().copyFrame(AddressSpace.frameOf(target), pfn);
    return 0;
  }

  private boolean plain(long pfn, boolean write) {
    return kvm.physicalMemory().check(Accessor.HOST_USER, pfn, write) == Verdict.ALLOW;
  }

  private long copyBytes(long to, long from) {
    long r = 0;
    for (int i = 0; r >= 0 && i < 4096; i++) {
      r = copyByte(to + i, from + i);
    }
    return r;
  }

  /**
   * Three little programs: store a byte, load a byte, make a hypercall. A guest or its VMM can read
   * the code page and finds the instructions: {@code mov [ebx], al}, {@code mov al, [ebx]} and
   * {@code vmmcall} with a {@code hlt} behind each, or {@code strb w1, [x0]}, {@code ldrb w1, [x0]}
   * and {@code hvc #0}.
   */
  long installStub(long addr) {
    boolean arm = kvm.architecture().equals(Architecture.ARM64);
    int[] programs = arm ? ARM64_PROGRAMS : X86_PROGRAMS;
    for (int program = 0; program < programs.length; program++) {
      for (int i = 0; i < 4; i++) {
        long r = write(addr + program * 16L + i, programs[program] >>> (8 * i));
        if (r < 0) {
          return r;
        }
      }
    }
    return 0;
  }

  /** read(2) from a pipe: the kernel copies to user memory, all or EFAULT. */
  long kernelWrite(long addr, byte[] bytes) {
    Errno r = UserCopy.write(kvm.physicalMemory(), space, addr, bytes, 0, bytes.length);
    return r.ok() ? bytes.length : ret(r);
  }

  /**
   * Reads as another process does through /proc/self/mem, or as a reader of a pipe that pages were
   * spliced into: the kernel finds the page and reads it through its own mapping. Source: {@code
   * mm/memory.c}, __access_remote_vm.
   *
   * @return 0 to 255, or EIO where there is no page
   */
  long readThroughKernel(long addr) {
    long hpa = found(addr, false);
    return hpa < 0 ? hpa : kvm.physicalMemory().raw().readByte(hpa);
  }

  /** Writes so; as {@link #readThroughKernel}. */
  long writeThroughKernel(long addr, int value) {
    long hpa = found(addr, true);
    if (hpa >= 0) {
      kvm.physicalMemory().raw().writeByte(hpa, value & 0xff);
    }
    return Math.min(hpa, 0);
  }

  private long found(long addr, boolean write) {
    long pte = space.access(addr, write);
    if (pte < 0 || !kvm.physicalMemory().reach(AddressSpace.frameOf(pte), write)) {
      return ret(Errno.EIO);
    }
    return hpa(addr, pte);
  }

  long kernelRead(long addr, long len) {
    byte[] sink = new byte[4096];
    for (long done = 0; done < len; ) {
      // A buffer of the pipe takes a page's worth of bytes, from wherever they begin: all or none.
      int n = (int) Math.min(4096, len - done);
      if (!UserCopy.read(kvm.physicalMemory(), space, addr + done, sink, 0, n).ok()) {
        return done == 0 ? ret(Errno.EFAULT) : done;
      }
      done += n;
    }
    return len;
  }
}
