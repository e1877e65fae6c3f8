package dev.cocovisor.cca.rmm.realm;

/**
 * The permission values of a realm's planes, by index. Plane 0 may do everything; a value can be
 * chosen until memory has been given its index, since permissions are direct: they stand in the
 * entries.
 */
// DEN0137 2.0, "Memory permissions"; TF-RMM 9a7f8ef4 runtime/rsi/memory.c.
public final class PlanePermissions {
  /** Indices 0 to 14. */
  public static final int INDICES = 15;

  private static final int EVERYTHING = 0xf;
  private static final int VALUES = 16;

  private final byte[] values;
  private final boolean[] locked = new boolean[INDICES];

  /** Creates the permissions of a realm with auxiliary planes; index 0 is what memory has. */
  public PlanePermissions(int planes) {
    values = new byte[(1 + planes) * INDICES];
    java.util.Arrays.fill(values, 0, INDICES, (byte) EVERYTHING);
    locked[0] = true;
  }

  /** Returns a plane's value of an index. */
  public long value(int plane, int index) {
    return values[plane * INDICES + index];
  }

  /** Chooses a plane's value; false if the index is in use, or the value no permission. */
  public boolean set(int plane, int index, long value) {
    if (locked[index] || value < 0 || value >= VALUES) {
      return false;
    }
    values[plane * INDICES + index] = (byte) value;
    return true;
  }

  /** Notes that memory is given an index. */
  public void lock(int index) {
    locked[index] = true;
  }
}
