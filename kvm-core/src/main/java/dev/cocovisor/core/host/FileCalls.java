package dev.cocovisor.core.host;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.gmem.Conversion;
import dev.cocovisor.core.gmem.GuestMemfd;
import dev.cocovisor.core.gmem.MemfileStore;
import dev.cocovisor.core.kernel.KernelRules;
import dev.cocovisor.core.kernel.PageAttributes;
import dev.cocovisor.core.mm.MemFd;
import java.util.function.Consumer;

/**
 * The system calls of files that make sense, or an error, on the files of a VMM. Sources: {@code
 * fs/open.c}, {@code fs/read_write.c}; {@code virt/kvm/guest_memfd.c}, kvm_gmem_fallocate and
 * kvm_gmem_setattr.
 */
final class FileCalls {
  private static final int KEEP_SIZE = 1;
  private static final int PUNCH_HOLE = 2;

  /** Every operation bit of fallocate besides KEEP_SIZE (FALLOC_FL_MODE_MASK). */
  private static final int MODE_MASK = 0x2 | 0x8 | 0x10 | 0x20 | 0x40 | 0x80;

  private final Descriptors fds;

  FileCalls(Descriptors fds) {
    this.fds = fds;
  }

  private static long ret(Errno e) {
    return -e.number();
  }

  /**
   * The VFS's checks, then the file's. Source: {@code fs/open.c}, vfs_fallocate: offset and length,
   * known mode bits, which bits go together, the kind of file, overflow.
   */
  long fallocate(int fd, int mode, long off, long len) {
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
      case MemFd f -> ret(f.fallocate(mode, off, len));
      default -> ret(Errno.EOPNOTSUPP);
    };
  }

  /** Tells whether a descriptor knows KVM_SET_MEMORY_ATTRIBUTES2. */
  boolean converts(Kvm kvm, int fd) {
    return fds.get(fd) instanceof GuestMemfd
        && kvm.kernel().on(KernelRules.ATTRIBUTES) == PageAttributes.OF_THE_FILE;
  }

  /** KVM_SET_MEMORY_ATTRIBUTES2. */
  long setAttributes(
      Kvm kvm, int fd, long offset, long size, long attributes, long flags, long[] errorOffset) {
    if (!converts(kvm, fd) || !(fds.get(fd) instanceof GuestMemfd f)) {
      return fds.unknown(fd);
    }
    Conversion c = f.setAttributes(offset, size, attributes, flags);
    if (c.errorOffset() != Conversion.UNWRITTEN) {
      errorOffset[0] = c.errorOffset();
    }
    return ret(c.errno());
  }

  /** fstat. A guest_memfd never counts blocks. */
  long fstat(int fd, FileStat into) {
    Object o = fds.get(fd);
    if (o == null) {
      return ret(Errno.EBADF);
    }
    GuestMemfd f = o instanceof GuestMemfd g ? g : null;
    MemFd shared = o instanceof MemFd m ? m : null;
    into.size =
        switch (o) {
          case GuestMemfd g -> g.size();
          case MemFd m -> m.size();
          case MemfileStore m -> m.size();
          default -> 0;
        };
    into.inode = f != null ? f.inodeNumber() : 0;
    into.blksize = shared != null && shared.isHugetlb() ? 2 << 20 : PageLevel.PAGE_SIZE;
    into.blocks = shared != null ? shared.blocks() : 0;
    return 0;
  }

  /** ftruncate: a guest_memfd's size is fixed, a memfd's is not. */
  long ftruncate(int fd, long length) {
    Object o = fds.get(fd);
    if (length >= 0 && (o instanceof MemFd || o instanceof MemfileStore)) {
      return ret(o instanceof MemFd f ? f.truncate(length) : ((MemfileStore) o).truncate(length));
    }
    return ret(length < 0 || fds.get(fd) != null ? Errno.EINVAL : Errno.EBADF);
  }

  /** read: of these files statistics can be. */
  long read(int fd, long count, Consumer<byte[]> into) {
    Object o = fds.get(fd);
    return o instanceof StatsFile s
        ? s.read(count, into)
        : ret(o == null ? Errno.EBADF : Errno.EINVAL);
  }

  /** write: none of these files can be, and statistics are not even open for it. */
  long write(int fd) {
    Object o = fds.get(fd);
    return ret(o == null || o instanceof StatsFile ? Errno.EBADF : Errno.EINVAL);
  }

  /** pread64: statistics can be read at any place (FMODE_PREAD). */
  long pread(int fd, long count, long off, Consumer<byte[]> into) {
    return off >= 0 && fds.get(fd) instanceof StatsFile s
        ? s.read(count, off, into)
        : positioned(fd, off);
  }

  /**
   * pread64 and pwrite64: a file that was never opened by a path, as KVM's are, has no position;
   * /dev/kvm was opened and fails later, as read does. Source: {@code fs/read_write.c},
   * ksys_pread64.
   */
  long positioned(int fd, long off) {
    if (off < 0) {
      return ret(Errno.EINVAL);
    }
    Object o = fds.get(fd);
    return ret(o == null ? Errno.EBADF : o == Descriptors.DEV_KVM ? Errno.EINVAL : Errno.ESPIPE);
  }
}
