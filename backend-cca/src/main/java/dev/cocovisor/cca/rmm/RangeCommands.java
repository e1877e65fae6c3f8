package dev.cocovisor.cca.rmm;

import java.util.function.LongUnaryOperator;

/**
 * RMM 2.0's RMI_GRANULE_RANGE_DELEGATE and RMI_GRANULE_RANGE_UNDELEGATE over the single-granule
 * commands: a range stops at the first granule that cannot change, and x1 tells how far it came.
 *
 * <p>Success means progress. A call that changes nothing fails with that granule's status.
 */
// TF-RMM main, runtime/rmi/granule.c: smc_granule_range_delegate, smc_granule_range_undelegate.
public final class RangeCommands implements CommandSet {
  /** RMI_GRANULE_RANGE_DELEGATE(base, top). */
  public static final long DELEGATE = 0xC400_01F1L;

  /** RMI_GRANULE_RANGE_UNDELEGATE(base, top). */
  public static final long UNDELEGATE = 0xC400_01F2L;

  private static final int GRANULE = 4096;

  /** Creates the set; it has no state. */
  public RangeCommands() {}

  @Override
  public boolean handles(long fid) {
    return fid == DELEGATE || fid == UNDELEGATE;
  }

  @Override
  public long call(Rmm rmm, Pe pe, long fid, long[] arguments, long[] results) {
    long base = arguments[0];
    long top = arguments[1];
    results[0] = base;
    if (((base | top) & (GRANULE - 1)) != 0 || Long.compareUnsigned(base, top) >= 0) {
      return Status.ERROR_INPUT;
    }
    LongUnaryOperator one =
        fid == DELEGATE ? a -> rmm.granuleDelegate(pe, a) : a -> rmm.granuleUndelegate(pe, a);
    long at = base;
    long status = Status.SUCCESS;
    while (at != top) {
      status = one.applyAsLong(at);
      if (status != Status.SUCCESS) {
        break;
      }
      at += GRANULE;
    }
    results[0] = at;
    return at == base ? status : Status.SUCCESS;
  }
}
