package dev.cocovisor.cca.rmm.page;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.PhysicalMemory;

/**
 * The parameters page of RMI_REC_CREATE (RmiRecParams), as the RMM read it.
 *
 * @param flags {@link #RUNNABLE} or 0
 * @param mpidr affinity that names the REC
 * @param pc first instruction
 * @param gprs x0 to x7
 * @param numAux number of auxiliary granules offered, any 64-bit value
 * @param aux their addresses; only the first {@link #MAX_AUX} exist
 */
@SuppressWarnings("ArrayRecordComponent") // a page read once; compared and hashed nowhere
public record RecParams(long flags, long mpidr, long pc, long[] gprs, long numAux, long[] aux) {
  /** The REC may be entered at once. */
  public static final long RUNNABLE = 1;

  /** Slots of the aux list. */
  public static final int MAX_AUX = 16;

  public static final int FLAGS = 0;
  public static final int MPIDR = 0x100;
  public static final int PC = 0x200;
  public static final int GPRS = 0x300;
  public static final int GPR_COUNT = 8;
  public static final int NUM_AUX = 0x800;
  public static final int AUX = 0x808;

  private static final long MPIDR_VALID = 0xffff_ff0fL;

  public static RecParams read(PhysicalMemory memory, long page) {
    long[] gprs = new long[GPR_COUNT];
    for (int i = 0; i < GPR_COUNT; i++) {
      gprs[i] = memory.readLong(page + GPRS + i * 8L);
    }
    long[] aux = new long[MAX_AUX];
    for (int i = 0; i < MAX_AUX; i++) {
      aux[i] = memory.readLong(page + AUX + i * 8L);
    }
    return new RecParams(
        memory.readLong(page + FLAGS),
        memory.readLong(page + MPIDR),
        memory.readLong(page + PC),
        gprs,
        memory.readLong(page + NUM_AUX),
        aux);
  }

  /** Writes the page, as a host prepares it. */
  public void write(PhysicalMemory memory, long page) {
    memory.zero(page >>> PageLevel.PAGE_SHIFT, 1);
    memory.writeLong(page + FLAGS, flags);
    memory.writeLong(page + MPIDR, mpidr);
    memory.writeLong(page + PC, pc);
    for (int i = 0; i < gprs.length; i++) {
      memory.writeLong(page + GPRS + i * 8L, gprs[i]);
    }
    memory.writeLong(page + NUM_AUX, numAux);
    for (int i = 0; i < aux.length; i++) {
      memory.writeLong(page + AUX + i * 8L, aux[i]);
    }
  }

  /** Returns the affinity that names the REC of an index: Aff0 has 4 bits, the others 8. */
  public static long mpidr(int index) {
    return (index & 0xf)
        | (long) (index >>> 4 & 0xff) << 8
        | (long) (index >>> 12 & 0xff) << 16
        | (long) (index >>> 20 & 0xff) << 24;
  }

  /** Tells whether only the affinity bits that RMI uses are set (rec_mpidr_is_valid). */
  public static boolean isValidMpidr(long mpidr) {
    return (mpidr & ~MPIDR_VALID) == 0;
  }

  /**
   * Returns the index an MPIDR names: Aff0 is 4 bits wide, Aff1 to Aff3 are 8; bits outside the
   * fields are ignored.
   */
  // TF-RMM runtime/include/rec.h, mpidr_to_rec_idx.
  public static long mpidrToIndex(long mpidr) {
    return (mpidr & 0xf)
        | (mpidr >>> 8 & 0xff) << 4
        | (mpidr >>> 16 & 0xff) << 12
        | (mpidr >>> 24 & 0xff) << 20;
  }
}
