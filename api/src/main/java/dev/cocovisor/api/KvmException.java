package dev.cocovisor.api;

import org.apiguardian.api.API;

/**
 * A call made by a user of the model failed as the kernel would have failed it.
 *
 * <p>It carries no stack trace: it is the model's answer, not a fault of the program.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public final class KvmException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final Errno errno;

  /** Creates the answer {@code errno} for {@code call}. */
  public KvmException(Errno errno, String call) {
    super(call + ": " + errno, null, false, false);
    this.errno = errno;
  }

  /** Returns the error, never {@link Errno#OK}. */
  public Errno errno() {
    return errno;
  }

  /** Throws if {@code errno} is an error; returns normally otherwise. */
  public static void check(Errno errno, String call) {
    if (!errno.ok()) {
      throw new KvmException(errno, call);
    }
  }
}
