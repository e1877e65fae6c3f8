package dev.cocovisor.cca.rmm;

/**
 * Further RMI commands, tried where RMI 1.0 knows none: the seam for RMM 2.0, whose commands work
 * on ranges and may be continued later by a handle.
 *
 * <p>A set that has operations in progress keeps them itself; everything it does to granules goes
 * through the calls of an {@link Rmm}, so the rules of 1.0 hold for it too.
 */
public interface CommandSet {
  /** Tells whether a function identifier is one of this set's. */
  boolean handles(long fid);

  /**
   * Makes a call and writes its outputs to {@code results}, x1 first.
   *
   * @param rmm the RMM called
   * @param arguments x1 to x5
   * @param results four registers, zero at first
   * @return x0
   */
  long call(Rmm rmm, Pe pe, long fid, long[] arguments, long[] results);
}
