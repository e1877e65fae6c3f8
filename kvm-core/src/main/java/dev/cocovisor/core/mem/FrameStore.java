package dev.cocovisor.core.mem;

import dev.cocovisor.api.mem.PhysicalMemory;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The content of physical memory: only frames that were written hold bytes.
 *
 * <p>A three-level table over frame numbers instead of a hash map, so that zeroing a frame, which
 * every guest fault does, neither boxes nor allocates. Frames up to 2^36 (256 TiB). Thread-safe for
 * distinct frames.
 */
final class FrameStore implements PhysicalMemory {
  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle SLOT = MethodHandles.arrayElementVarHandle(Object[].class);
  private static final int SIZE = 4096;
  private static final int FAN = 4096;

  private final Object[] top = new Object[FAN];

  @Override
  public void read(long hpa, byte[] into, int offset, int length) {
    for (int done = 0; done < length; ) {
      int at = (int) (hpa + done) & (SIZE - 1);
      int n = Math.min(SIZE - at, length - done);
      byte[] frame = find((hpa + done) >>> 12);
      if (frame == null) {
        Arrays.fill(into, offset + done, offset + done + n, (byte) 0);
      } else {
        System.arraycopy(frame, at, into, offset + done, n);
      }
      done += n;
    }
  }

  @Override
  public void write(long hpa, byte[] from, int offset, int length) {
    for (int done = 0; done < length; ) {
      int at = (int) (hpa + done) & (SIZE - 1);
      int n = Math.min(SIZE - at, length - done);
      System.arraycopy(from, offset + done, frame((hpa + done) >>> 12), at, n);
      done += n;
    }
  }

  @Override
  public int readByte(long hpa) {
    byte[] frame = find(hpa >>> 12);
    return frame == null ? 0 : frame[(int) hpa & (SIZE - 1)] & 0xff;
  }

  @Override
  public void writeByte(long hpa, int value) {
    byte[] frame = find(hpa >>> 12);
    if (frame == null) {
      if ((value & 0xff) == 0) {
        return;
      }
      frame = frame(hpa >>> 12);
    }
    frame[(int) hpa & (SIZE - 1)] = (byte) value;
  }

  @Override
  public long readLong(long hpa) {
    byte[] frame = find(hpa >>> 12);
    return frame == null ? 0 : (long) LONG.get(frame, (int) hpa & (SIZE - 1));
  }

  @Override
  public void writeLong(long hpa, long value) {
    LONG.set(frame(hpa >>> 12), (int) hpa & (SIZE - 1), value);
  }

  @Override
  public void zero(long pfn, long count) {
    long p = pfn;
    long end = pfn + count;
    while (p < end) {
      Object[] mid = (Object[]) top[(int) (p >>> 24)];
      if (mid == null) {
        p = ((p >>> 24) + 1) << 24;
        continue;
      }
      Object[] low = (Object[]) mid[(int) (p >>> 12) & (FAN - 1)];
      if (low == null) {
        p = ((p >>> 12) + 1) << 12;
        continue;
      }
      low[(int) p & (FAN - 1)] = null;
      p++;
    }
  }

  @Override
  public void copyFrame(long toPfn, long fromPfn) {
    byte[] from = find(fromPfn);
    if (from == null) {
      zero(toPfn, 1);
    } else {
      System.arraycopy(from, 0, frame(toPfn), 0, SIZE);
    }
  }

  @Override
  public boolean isZero(long pfn) {
    byte[] frame = find(pfn);
    if (frame != null) {
      for (byte b : frame) {
        if (b != 0) {
          return false;
        }
      }
    }
    return true;
  }

  private byte @Nullable [] find(long pfn) {
    Object[] mid = (Object[]) SLOT.getAcquire(top, (int) (pfn >>> 24));
    if (mid == null) {
      return null;
    }
    Object[] low = (Object[]) SLOT.getAcquire(mid, (int) (pfn >>> 12) & (FAN - 1));
    return low == null ? null : (byte[]) SLOT.getAcquire(low, (int) pfn & (FAN - 1));
  }

  private byte[] frame(long pfn) {
    byte[] frame = find(pfn);
    if (frame != null) {
      return frame;
    }
    Object[] mid = child(top, (int) (pfn >>> 24));
    Object[] low = child(mid, (int) (pfn >>> 12) & (FAN - 1));
    byte[] fresh = new byte[SIZE];
    Object seen = SLOT.compareAndExchange(low, (int) pfn & (FAN - 1), null, fresh);
    return seen == null ? fresh : (byte[]) seen;
  }

  private static Object[] child(Object[] node, int at) {
    Object next = SLOT.getAcquire(node, at);
    if (next == null) {
      Object fresh = new Object[FAN];
      Object seen = SLOT.compareAndExchange(node, at, null, fresh);
      next = seen == null ? fresh : seen;
    }
    return (Object[]) next;
  }
}
