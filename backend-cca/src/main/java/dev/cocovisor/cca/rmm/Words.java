package dev.cocovisor.cca.rmm;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** Little-endian 64-bit words of a byte array. */
final class Words {
  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private Words() {}

  static long get(byte[] bytes, int word) {
    return (long) LONG.get(bytes, word * Long.BYTES);
  }

  static void set(byte[] bytes, int word, long value) {
    LONG.set(bytes, word * Long.BYTES, value);
  }
}
