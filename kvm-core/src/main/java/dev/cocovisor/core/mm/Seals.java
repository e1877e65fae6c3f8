package dev.cocovisor.core.mm;

import dev.cocovisor.api.Errno;

/**
 * What a memfd was sealed against (F_ADD_SEALS). Source (Linux 7.3): {@code mm/memfd.c},
 * memfd_add_seals, memfd_get_seals and check_write_seal.
 */
final class Seals {
  static final int SEAL = 1;
  static final int SHRINK = 2;
  static final int GROW = 4;
  static final int WRITE = 8;
  static final int FUTURE_WRITE = 0x10;
  static final int EXEC = 0x20;
  private static final int ALL = 0x3f;

  private int seals;

  /** Seals of a file that may get more only if it was made so (MFD_ALLOW_SEALING). */
  Seals(boolean allowed, boolean notExecutable) {
    seals = allowed || notExecutable ? (notExecutable ? EXEC : 0) : SEAL;
  }

  int get() {
    return seals;
  }

  boolean has(int any) {
    return (seals & any) != 0;
  }

  /**
   * F_ADD_SEALS.
   *
   * @param busy whether a shared mapping can be stored to, or a page is pinned
   */
  Errno add(int more, boolean busy) {
    if ((more & ~ALL) != 0) {
      return Errno.EINVAL;
    }
    if (has(SEAL)) {
      return Errno.EPERM;
    }
    if ((more & WRITE) != 0 && !has(WRITE) && busy) {
      return Errno.EBUSY;
    }
    seals |= more;
    return Errno.OK;
  }
}
