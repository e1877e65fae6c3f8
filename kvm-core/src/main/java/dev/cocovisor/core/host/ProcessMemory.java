package dev.cocovisor.core.host;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.mem.AddressSpace;
import dev.cocovisor.core.mem.MappableFile;
import dev.cocovisor.core.mem.MemFd;
import dev.cocovisor.core.mem.Vma;
import dev.cocovisor.core.vm.UserCopy;
import org.jspecify.annotations.Nullable;

/**
 * mmap, madvise and the process's own loads and stores. Sources: {@code mm/mmap.c}, do_mmap and
 * ksys_mmap_pgoff; {@code mm/madvise.c}.
 */
final class ProcessMemory {
  private static final int PROT_READ = 1;
  private static final int PROT_WRITE = 2;
  private static final int MAP_SHARED = 1;
  private static final int MAP_TYPE = 0xf;
  private static final int MAP_FIXED = 0x10;
  private static final int MAP_ANONYMOUS = 0x20;
  private static final int MAP_HUGETLB = 0x40000;
  private static final int MAP_FIXED_NOREPLACE = 0x100000;

  private static final int MADV_NORMAL = 0;
  private static final int MADV_DONTNEED = 4;
  private static final int MADV_HUGEPAGE = 14;
  private static final int MADV_NOHUGEPAGE = 15;
  private static final int MADV_COLLAPSE = 25;

  private static final int[] ARM64_PROGRAMS = {0x39000001, 0x39400001, 0xd4000002};

  private final Kvm kvm;
  private final AddressSpace space;

  ProcessMemory(Kvm kvm, AddressSpace space) {
    this.kvm = kvm;
    this.space = space;
  }

  private static long ret(Errno e) {
    return -e.number();
  }

  long mmap(long addr, long len, int prot, int flags, @Nullable Object file, long off) {
    boolean anonymous = (flags & MAP_ANONYMOUS) != 0;
    if ((off & 4095) != 0) {
      return ret(Errno.EINVAL);
    }
    if (!anonymous && file == null) {
      return ret(Errno.EBADF);
    }
    int type = flags & MAP_TYPE;
    if (len == 0 || type == 0 || type > 3) {
      return ret(Errno.EINVAL);
    }
    boolean shared = (type & MAP_SHARED) != 0;
    boolean noReplace = (flags & MAP_FIXED_NOREPLACE) != 0;
    boolean fixed = noReplace || (flags & MAP_FIXED) != 0;
    boolean read = (prot & (PROT_READ | PROT_WRITE)) != 0;
    boolean write = (prot & PROT_WRITE) != 0;
    if (anonymous && !shared) {
      Vma.Kind kind = (flags & MAP_HUGETLB) != 0 ? Vma.Kind.HUGETLB : Vma.Kind.ANONYMOUS;
      return space.map(kind, addr, len, read, write, fixed, noReplace, null, 0);
    }
    if (noReplace && !space.isFree(addr, len)) {
      return ret(Errno.EEXIST);
    }
    MappableFile backing;
    if (anonymous) {
      backing = new MemFd(kvm.physicalMemory(), len);
    } else if (file instanceof MappableFile f) {
      backing = f;
    } else {
      return ret(Errno.ENODEV);
    }
    Errno may = backing.mayMap(shared);
    if (!may.ok()) {
      return ret(may);
    }
    long at =
        space.map(Vma.Kind.FILE, addr, len, read, write, fixed, noReplace, backing, off >>> 12);
    if (anonymous && backing instanceof MemFd own) {
      // The mapping keeps the memory; there is no descriptor.
      own.release();
    }
    return at;
  }

  Errno madvise(long addr, long len, int advice) {
    switch (advice) {
      case MADV_NORMAL, MADV_DONTNEED, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_COLLAPSE -> {}
      default -> {
        return Errno.EINVAL;
      }
    }
    if ((addr & 4095) != 0 || len < 0 || addr + len < addr) {
      return Errno.EINVAL;
    }
    if (len == 0) {
      return Errno.OK;
    }
    if (advice == MADV_DONTNEED) {
      return space.dontNeed(addr, len);
    }
    Errno mapped = space.checkMapped(addr, (len + 4095) & -4096L);
    // Neither hugetlb nor guest_memfd collapses; small anonymous memory would, and then look the
    // same here.
    return mapped.ok() && advice == MADV_COLLAPSE && !isAnonymous(addr) ? Errno.EINVAL : mapped;
  }

  private boolean isAnonymous(long addr) {
    Vma v = space.find(addr);
    return v != null && v.kind() == Vma.Kind.ANONYMOUS;
  }

  private static long signal(long pte) {
    return pte == AddressSpace.SEGV ? KvmProcess.SIGSEGV : KvmProcess.SIGBUS;
  }

  /** A guard refused: an RMP fault is SIGBUS, a stage 2 abort of the host is SIGSEGV. */
  private long guardSignal() {
    return kvm.architecture() == Architecture.ARM64 ? KvmProcess.SIGSEGV : KvmProcess.SIGBUS;
  }

  private long hpa(long addr, long pte) {
    return (space.frameOf(addr, pte) << 12) + (addr & 4095);
  }

  long read(long addr) {
    long pte = space.fault(addr, false);
    if (pte < 0) {
      return signal(pte);
    }
    int b = kvm.physicalMemory().readByte(Accessor.HOST_USER, hpa(addr, pte));
    return b < 0 ? guardSignal() : b;
  }

  long write(long addr, int value) {
    long pte = space.fault(addr, true);
    if (pte < 0) {
      return signal(pte);
    }
    boolean done = kvm.physicalMemory().writeByte(Accessor.HOST_USER, hpa(addr, pte), value & 0xff);
    return done ? 0 : guardSignal();
  }

  /**
   * Three little programs: store a byte, load a byte, make a hypercall. On x86 the bytes are
   * opaque: what matters is that the page is written and not zero. An arm64 guest can read its code
   * page and finds the instructions {@code strb w1, [x0]}, {@code ldrb w1, [x0]} and {@code hvc
   * #0}.
   */
  long installStub(long addr) {
    if (kvm.architecture() != Architecture.ARM64) {
      for (int program = 0; program < 3; program++) {
        long r = write(addr + program * 16L, 0x8a + program);
        if (r < 0) {
          return r;
        }
      }
      return 0;
    }
    for (int program = 0; program < ARM64_PROGRAMS.length; program++) {
      for (int i = 0; i < 4; i++) {
        long r = write(addr + program * 16L + i, ARM64_PROGRAMS[program] >>> (8 * i));
        if (r < 0) {
          return r;
        }
      }
    }
    return 0;
  }

  long kernelRead(long addr, long len) {
    byte[] sink = new byte[4096];
    for (long done = 0; done < len; ) {
      int n = (int) Math.min(4096 - ((addr + done) & 4095), len - done);
      if (!UserCopy.read(kvm.physicalMemory(), space, addr + done, sink, 0, n).ok()) {
        return done == 0 ? ret(Errno.EFAULT) : done;
      }
      done += n;
    }
    return len;
  }
}
