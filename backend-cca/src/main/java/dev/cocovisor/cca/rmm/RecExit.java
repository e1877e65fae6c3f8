package dev.cocovisor.cca.rmm;

import dev.cocovisor.api.mem.PhysicalMemory;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * The exit half of a run page (RmiRecExit), gathered while a REC runs and written when it leaves.
 * It starts as zeros at every entry, so nothing of an earlier exit is left.
 */
final class RecExit {
  /** Offset of the exit half in a run page. */
  static final int OFFSET = 0x800;

  static final int SYNC = 0;
  static final int IRQ = 1;
  static final int FIQ = 2;
  static final int PSCI = 3;
  static final int RIPAS_CHANGE = 4;
  static final int HOST_CALL = 5;
  static final int SERROR = 6;

  static final int AT_ESR = 0x100;
  static final int AT_FAR = 0x108;
  static final int AT_HPFAR = 0x110;
  static final int AT_GPRS = 0x200;
  static final int AT_RIPAS_BASE = 0x500;
  static final int AT_RIPAS_TOP = 0x508;
  static final int AT_RIPAS_VALUE = 0x510;
  static final int AT_IMM = 0x600;

  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private final byte[] half = new byte[0x800];

  void clear() {
    Arrays.fill(half, (byte) 0);
  }

  void reason(int reason) {
    set(0, reason);
  }

  void set(int offset, long value) {
    LONG.set(half, offset, value);
  }

  void gpr(int n, long value) {
    set(AT_GPRS + n * Long.BYTES, value);
  }

  void write(PhysicalMemory memory, long runPage) {
    memory.write(runPage + OFFSET, half, 0, half.length);
  }
}
