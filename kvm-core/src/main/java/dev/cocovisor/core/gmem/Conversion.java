package dev.cocovisor.core.gmem;

import dev.cocovisor.api.Errno;

/**
 * What KVM_SET_MEMORY_ATTRIBUTES2 answered.
 *
 * @param errno OK or the error
 * @param errorOffset the byte of the file the error is about; {@link #UNWRITTEN} where nothing was
 *     written
 */
public record Conversion(Errno errno, long errorOffset) {
  /** No offset was written. */
  public static final long UNWRITTEN = -1;

  /** All is as it was asked for. */
  public static final Conversion DONE = new Conversion(Errno.OK, UNWRITTEN);

  /** Refused before anything was touched. */
  static Conversion refused(Errno errno) {
    return new Conversion(errno, UNWRITTEN);
  }
}
