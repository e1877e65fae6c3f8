package dev.cocovisor.cca.rmm.op;

import dev.cocovisor.cca.rmm.rtt.Rtte;

/**
 * The mark that an operation leaves in an unassigned entry: its handle in bits 31:16 under bit 32,
 * where an assigned entry has address bits. So an entry is only stamped if it is unassigned first.
 */
// TF-RMM lib/s2tt/src/s2tt.c, s2tte_drain_pending, which asks for the bit alone: a live entry of an
// address with bit 32 set looks stamped there.
public final class Stamp {
  private static final long MARK = 1L << 32;
  private static final int HANDLE_SHIFT = 16;
  private static final long FIELD = MARK | 0xffffL << HANDLE_SHIFT;

  private Stamp() {}

  /** Returns an unassigned entry with a stamp. */
  public static long with(long e, int handle) {
    return e | MARK | (long) handle << HANDLE_SHIFT;
  }

  /** Returns an entry without its stamp. */
  public static long without(long e) {
    return e & ~FIELD;
  }

  /** Tells whether an entry is stamped. */
  public static boolean is(long e) {
    return Rtte.isUnassigned(e) && hasMark(e);
  }

  /** Tells whether an entry is stamped by one operation. */
  public static boolean by(long e, int handle) {
    return is(e) && handleIn(e) == handle;
  }

  /** Tells whether the mark's bit is set, whatever the entry is. */
  public static boolean hasMark(long e) {
    return (e & MARK) != 0;
  }

  /** Returns what stands where a stamp has its handle. */
  public static int handleIn(long e) {
    return (int) (e >>> HANDLE_SHIFT) & 0xffff;
  }
}
