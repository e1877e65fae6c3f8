package dev.cocovisor.api;

import org.apiguardian.api.API;

/**
 * Linux error numbers, the one vocabulary of failure between the core, backends and users.
 *
 * <p>Numbers are those of {@code include/uapi/asm-generic/errno-base.h} and {@code errno.h}.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public enum Errno {
  /** No error. */
  OK(0),
  EPERM(1),
  ENOENT(2),
  EINTR(4),
  EIO(5),
  ENXIO(6),
  E2BIG(7),
  ENOEXEC(8),
  EBADF(9),
  EAGAIN(11),
  ENOMEM(12),
  EACCES(13),
  EFAULT(14),
  EBUSY(16),
  EEXIST(17),
  ENODEV(19),
  EINVAL(22),
  EMFILE(24),
  ENOTTY(25),
  ETXTBSY(26),
  EFBIG(27),
  ENOSPC(28),
  ESPIPE(29),
  ERANGE(34),
  ENOSYS(38),
  EOPNOTSUPP(95),
  ENODATA(61),
  EOVERFLOW(75),
  EHWPOISON(133);

  private static final Errno[] BY_NUMBER = new Errno[134];

  static {
    for (Errno e : values()) {
      BY_NUMBER[e.number] = e;
    }
  }

  private final int number;

  Errno(int number) {
    this.number = number;
  }

  /** Returns the positive Linux number; 0 for {@link #OK}. */
  public int number() {
    return number;
  }

  /** Tells whether this is {@link #OK}. */
  public boolean ok() {
    return this == OK;
  }

  /**
   * Finds an error by its Linux number.
   *
   * @param number a positive errno, or 0
   * @throws IllegalArgumentException if the model does not know the number
   */
  public static Errno of(int number) {
    Errno e = number >= 0 && number < BY_NUMBER.length ? BY_NUMBER[number] : null;
    if (e == null) {
      throw new IllegalArgumentException("unknown errno " + number);
    }
    return e;
  }
}
