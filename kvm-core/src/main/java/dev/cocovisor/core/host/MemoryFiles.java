package dev.cocovisor.core.host;

import dev.cocovisor.api.Errno;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.gmem.MemfileStore;
import dev.cocovisor.core.mm.AddressSpace;
import dev.cocovisor.core.mm.Brk;
import dev.cocovisor.core.mm.MemFd;
import dev.cocovisor.core.mm.Userfault;
import dev.cocovisor.core.vm.UserCopy;
import org.jspecify.annotations.Nullable;

/**
 * The system calls about memory that make or use files of their own kinds: memfd_create with seals,
 * fcntl, brk and userfaultfd. Sources (Linux 7.3): {@code mm/memfd.c}, memfd_create and
 * memfd_fcntl; {@code fs/fcntl.c}, do_fcntl; {@code mm/userfaultfd.c}, userfaultfd_ioctl.
 */
public final class MemoryFiles {
  private static final int MFD_CLOEXEC = 1;
  private static final int MFD_ALLOW_SEALING = 2;
  private static final int MFD_HUGETLB = 4;
  private static final int MFD_NOEXEC_SEAL = 8;
  private static final int MFD_EXEC = 16;
  private static final int MFD_ALL = 0x1f;
  private static final int MFD_HUGE_SHIFT = 26;
  private static final int F_DUPFD = 0;
  private static final int F_DUPFD_CLOEXEC = 1030;
  private static final int F_ADD_SEALS = 1033;
  private static final int F_GET_SEALS = 1034;
  private static final long MOST_FILES = 1024;

  /**
   * MFD_INACCESSIBLE and F_SEAL_AUTO_ALLOCATE of the fd-based series of 2022, whose bits have other
   * meanings today: out of the way of what a kernel can be asked.
   */
  private static final long OF_2022 = 1L << 32;

  /** O_CLOEXEC, O_NONBLOCK and UFFD_USER_MODE_ONLY. */
  private static final int UFFD_FLAGS = 0x80000 | 0x800 | 1;

  private static final int NAME_LENGTH = 249;

  /** An open userfaultfd; nothing is served before UFFDIO_API. */
  private static final class Uffd {
    private final Userfault registrations;
    private boolean ready;

    Uffd(Userfault registrations) {
      this.registrations = registrations;
    }
  }

  private final Kvm kvm;
  private final Descriptors fds;
  private final AddressSpace space;
  private final Brk heap;

  MemoryFiles(Kvm kvm, Descriptors fds, AddressSpace space) {
    this.kvm = kvm;
    this.fds = fds;
    this.space = space;
    this.heap = new Brk(space);
  }

  private static long ret(Errno e) {
    return -e.number();
  }

  /**
   * memfd_create.
   *
   * @param flags MFD_*
   * @return a descriptor of an empty file
   */
  public long memfdCreate(String name, long flags) {
    boolean huge = (flags & MFD_HUGETLB) != 0;
    if ((flags & OF_2022) != 0) {
      long others = flags & ~(OF_2022 | MFD_HUGETLB | MFD_CLOEXEC);
      return others != 0
          ? ret(Errno.EINVAL)
          : fds.install(new MemfileStore(kvm.physicalMemory(), kvm.newInode(), 0, huge, true));
    }
    long known = MFD_ALL | (huge ? 0x3fL << MFD_HUGE_SHIFT : 0);
    boolean both = (flags & (MFD_EXEC | MFD_NOEXEC_SEAL)) == (MFD_EXEC | MFD_NOEXEC_SEAL);
    if ((flags & ~known) != 0 || both || name.length() > NAME_LENGTH) {
      return ret(Errno.EINVAL);
    }
    long size = flags >>> MFD_HUGE_SHIFT;
    if (size != 0 && size != 21) {
      return ret(Errno.ENODEV);
    }
    var file = new MemFd(kvm.physicalMemory(), 0, huge);
    file.sealable((flags & MFD_ALLOW_SEALING) != 0, (flags & MFD_NOEXEC_SEAL) != 0);
    return fds.install(file);
  }

  /**
   * fcntl, as far as it makes descriptors or seals memfds; EINVAL for other commands.
   *
   * @param cmd F_*
   */
  public long fcntl(int fd, int cmd, long arg) {
    Object o = fds.get(fd);
    if (o == null) {
      return ret(Errno.EBADF);
    }
    return switch (cmd) {
      case F_DUPFD, F_DUPFD_CLOEXEC ->
          Long.compareUnsigned(arg, MOST_FILES) >= 0 ? ret(Errno.EINVAL) : fds.dup(fd, (int) arg);
      case F_ADD_SEALS -> addSeals(o, arg);
      case F_GET_SEALS -> o instanceof MemFd f ? f.seals() : ret(Errno.EINVAL);
      default -> ret(Errno.EINVAL);
    };
  }

  private static long addSeals(Object o, long seals) {
    if (o instanceof MemfileStore s && seals == OF_2022) {
      s.sealAutoAllocate();
      return 0;
    }
    return o instanceof MemFd f && (seals >>> 32) == 0
        ? ret(f.addSeals((int) seals))
        : ret(Errno.EINVAL);
  }

  /**
   * brk.
   *
   * @param begin where a loader put the heap, if this is the first call; 0: where the model has it
   * @return the end of the heap
   */
  public long brk(long addr, long begin) {
    if (begin != 0) {
      heap.begin(begin);
    }
    return heap.brk(addr);
  }

  /** userfaultfd: a descriptor. */
  public long userfaultfd(long flags) {
    return (flags & ~UFFD_FLAGS) != 0
        ? ret(Errno.EINVAL)
        : fds.install(new Uffd(new Userfault(space)));
  }

  /** UFFDIO_API: the version 0xaa, once. */
  public long uffdApi(int fd, long api) {
    if (!(fds.get(fd) instanceof Uffd u)) {
      return ret(fds.get(fd) == null ? Errno.EBADF : Errno.ENOTTY);
    }
    if (api != 0xaa || u.ready) {
      return ret(Errno.EINVAL);
    }
    u.ready = true;
    return 0;
  }

  private @Nullable Userfault ready(int fd) {
    return fds.get(fd) instanceof Uffd u && u.ready ? u.registrations : null;
  }

  private long notReady(int fd) {
    Object o = fds.get(fd);
    return ret(o == null ? Errno.EBADF : o instanceof Uffd ? Errno.EINVAL : Errno.ENOTTY);
  }

  /** UFFDIO_REGISTER; {@code mode} is a sum of {@link Userfault}'s constants. */
  public long uffdRegister(int fd, long start, long len, long mode) {
    Userfault u = ready(fd);
    return u == null ? notReady(fd) : ret(u.register(start, len, mode));
  }

  /** UFFDIO_UNREGISTER. */
  public long uffdUnregister(int fd, long start, long len) {
    Userfault u = ready(fd);
    return u == null ? notReady(fd) : ret(u.unregister(start, len));
  }

  /**
   * UFFDIO_COPY from the process's own memory: how many bytes, or a negative errno.
   *
   * @param mode 0, 1 to wake nobody
   */
  public long uffdCopy(int fd, long dst, long src, long len, long mode) {
    Userfault u = ready(fd);
    if (u == null) {
      return notReady(fd);
    }
    return (mode & ~1) != 0 || !space.accessOk(src, len)
        ? ret(Errno.EINVAL)
        : u.fill(dst, len, (pfn, offset) -> copy(pfn, src + offset), false);
  }

  private Errno copy(long pfn, long from) {
    byte[] page = new byte[4096];
    Errno r = UserCopy.read(kvm.physicalMemory(), space, from, page, 0, page.length);
    for (int i = 0; r.ok() && i < page.length; i++) {
      if (page[i] != 0) {
        kvm.physicalMemory().raw().writeByte((pfn << 12) + i, page[i] & 0xff);
      }
    }
    return r;
  }

  /** UFFDIO_ZEROPAGE, or UFFDIO_CONTINUE if {@code present}; as {@link #uffdCopy}. */
  public long uffdFill(int fd, long start, long len, long mode, boolean present) {
    Userfault u = ready(fd);
    if (u == null) {
      return notReady(fd);
    }
    return (mode & ~1) != 0 ? ret(Errno.EINVAL) : u.fill(start, len, null, present);
  }

  /** UFFDIO_WRITEPROTECT; bit 0 of {@code mode} protects. */
  public long uffdWriteProtect(int fd, long start, long len, long mode) {
    Userfault u = ready(fd);
    if (u == null) {
      return notReady(fd);
    }
    return (mode & ~3) != 0 || mode == 3
        ? ret(Errno.EINVAL)
        : ret(u.writeProtect(start, len, (mode & 1) != 0));
  }

  /** The last descriptor of a userfaultfd went. */
  static void closed(Object was) {
    if (was instanceof Uffd u) {
      u.registrations.close();
    }
  }
}
