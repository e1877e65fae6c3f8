package dev.cocovisor.cca.rmm.page;

import dev.cocovisor.api.mem.PhysicalMemory;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * The entry half of a run page (RmiRecEnter), read once when a REC is entered: what the host writes
 * there afterwards changes nothing.
 */
// TF-RMM runtime/rmi/run.c, smc_rec_enter: one ns_buffer_read before anything of it is looked at.
public final class RecEntry {
  /** Flag: the host emulated the load or store of the last exit. */
  public static final long EMULATED_MMIO = 1;

  /** Flag: the host answers the last exit with a synchronous external abort. */
  public static final long INJECT_SEA = 2;

  /** Flag: a RIPAS change to RAM that is not complete is rejected. */
  public static final long RIPAS_REJECT = 16;

  /** List registers of the interrupt controller that the page has room for. */
  public static final int GIC_LR_SLOTS = 16;

  private static final int AT_GPRS = 0x200;
  private static final int AT_GIC_LRS = 0x308;
  private static final int READ = AT_GIC_LRS + GIC_LR_SLOTS * Long.BYTES;

  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private final byte[] half = new byte[READ];

  /** Reads what the RMM looks at. */
  public void read(PhysicalMemory memory, long runPage) {
    memory.read(runPage, half, 0, READ);
  }

  private long get(int offset) {
    return (long) LONG.get(half, offset);
  }

  /** Returns the flags. */
  public long flags() {
    return get(0);
  }

  /** Tells whether a flag is set. */
  public boolean has(long flag) {
    return (flags() & flag) != 0;
  }

  /** Returns a register that the host gives. */
  public long gpr(int n) {
    return get(AT_GPRS + n * Long.BYTES);
  }

  /** Returns a list register. */
  public long gicLr(int n) {
    return get(AT_GIC_LRS + n * Long.BYTES);
  }
}
