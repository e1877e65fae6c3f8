package dev.cocovisor.cca.rmm.measure;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** Little-endian 64-bit words of a byte array. */
public final class LittleEndianWords {
  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private LittleEndianWords() {}

  public static long get(byte[] bytes, int word) {
    return (long) LONG.get(bytes, word * Long.BYTES);
  }

  public static void set(byte[] bytes, int word, long value) {
    LONG.set(bytes, word * Long.BYTES, value);
  }
}
