package dev.cocovisor.cca.rmm.page;

import dev.cocovisor.api.mem.PhysicalMemory;

/** The exit half of a run page (RmiRecExit) as the host reads it after an entry. */
public final class RecRun {
  /** Exit: an abort the host is to resolve. */
  public static final int SYNC = RecExit.SYNC;

  /** Exit: a physical interrupt. */
  public static final int IRQ = RecExit.IRQ;

  /** Exit: a PSCI request. */
  public static final int PSCI = RecExit.PSCI;

  /** Exit: a request to change RIPAS. */
  public static final int RIPAS_CHANGE = RecExit.RIPAS_CHANGE;

  /** Exit: a host call. */
  public static final int HOST_CALL = RecExit.HOST_CALL;

  private static final int RIPAS_RAM = 1;

  private RecRun() {}

  private static long exit(PhysicalMemory memory, long page, int offset) {
    return memory.readLong(page + RecExit.OFFSET + offset);
  }

  /** Returns the exit reason. */
  public static int reason(PhysicalMemory memory, long page) {
    return (int) exit(memory, page, 0);
  }

  /** Returns HPFAR of a SYNC exit: the address shifted right by 8. */
  public static long hpfar(PhysicalMemory memory, long page) {
    return exit(memory, page, RecExit.AT_HPFAR);
  }

  /** Returns the base of a RIPAS change. */
  public static long ripasBase(PhysicalMemory memory, long page) {
    return exit(memory, page, RecExit.AT_RIPAS_BASE);
  }

  /** Returns the top of a RIPAS change. */
  public static long ripasTop(PhysicalMemory memory, long page) {
    return exit(memory, page, RecExit.AT_RIPAS_TOP);
  }

  /** Tells whether a RIPAS change is to RAM; else to EMPTY. */
  public static boolean ripasIsRam(PhysicalMemory memory, long page) {
    return (exit(memory, page, RecExit.AT_RIPAS_VALUE) & 0xff) == RIPAS_RAM;
  }

  /** Returns the immediate of a host call. */
  public static long immediate(PhysicalMemory memory, long page) {
    return exit(memory, page, RecExit.AT_IMM) & 0xffff;
  }

  /** Returns a register of a PSCI or host call exit. */
  public static long gpr(PhysicalMemory memory, long page, int n) {
    return exit(memory, page, RecExit.AT_GPRS + n * Long.BYTES);
  }
}
