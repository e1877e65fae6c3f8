package dev.cocovisor.cca.rmm.page;

import dev.cocovisor.api.mem.PhysicalMemory;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * The exit half of a run page (RmiRecExit), gathered while a REC runs and written when it leaves.
 * It starts as zeros at every entry, so nothing of an earlier exit is left.
 */
public final class RecExit {
  /** Offset of the exit half in a run page. */
  public static final int OFFSET = 0x800;

  public static final int SYNC = 0;
  public static final int IRQ = 1;
  public static final int FIQ = 2;
  public static final int PSCI = 3;
  public static final int RIPAS_CHANGE = 4;
  public static final int HOST_CALL = 5;
  public static final int SERROR = 6;

  /** RMI 2.0: a request to change permissions. */
  public static final int S2AP_CHANGE = 11;

  public static final int AT_ESR = 0x100;
  public static final int AT_FAR = 0x108;
  public static final int AT_HPFAR = 0x110;
  public static final int AT_GPRS = 0x200;
  public static final int AT_RIPAS_BASE = 0x500;
  public static final int AT_RIPAS_TOP = 0x508;
  public static final int AT_RIPAS_VALUE = 0x510;
  // Where these two and the tree and level of a SYNC exit stand is not to be seen in the logs.
  public static final int AT_S2AP_BASE = 0x520;
  public static final int AT_S2AP_TOP = 0x528;
  public static final int AT_RTT_TREE = 0x118;
  public static final int AT_RTT_LEVEL = 0x120;
  public static final int AT_IMM = 0x600;

  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private final byte[] half = new byte[0x800];

  public void clear() {
    Arrays.fill(half, (byte) 0);
  }

  public void reason(int reason) {
    set(0, reason);
  }

  public void set(int offset, long value) {
    LONG.set(half, offset, value);
  }

  public void gpr(int n, long value) {
    set(AT_GPRS + n * Long.BYTES, value);
  }

  public void write(PhysicalMemory memory, long runPage) {
    memory.write(runPage + OFFSET, half, 0, half.length);
  }
}
