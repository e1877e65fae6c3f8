package dev.cocovisor.api.mem;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Physical memory that holds only the frames that were written to.
 *
 * <p>The one class of {@code api} with behaviour of its own: a trusted half that is driven alone
 * needs memory and may depend on nothing but contracts (docs/adr/0003). Thread-safe for distinct
 * frames; two writers of one frame race as they would on hardware.
 */
public final class SparseMemory implements PhysicalMemory {
  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final int SIZE = 4096;

  private final ConcurrentHashMap<Long, byte[]> frames = new ConcurrentHashMap<>();

  /** Creates memory that reads as zero everywhere. */
  public SparseMemory() {}

  @Override
  public void read(long hpa, byte[] into, int offset, int length) {
    for (int done = 0; done < length; ) {
      int at = (int) (hpa + done) & (SIZE - 1);
      int n = Math.min(SIZE - at, length - done);
      byte[] frame = frames.get((hpa + done) >>> 12);
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
    byte[] frame = frames.get(hpa >>> 12);
    return frame == null ? 0 : frame[(int) hpa & (SIZE - 1)] & 0xff;
  }

  @Override
  public void writeByte(long hpa, int value) {
    if ((value & 0xff) != 0 || frames.containsKey(hpa >>> 12)) {
      frame(hpa >>> 12)[(int) hpa & (SIZE - 1)] = (byte) value;
    }
  }

  @Override
  public long readLong(long hpa) {
    byte[] frame = frames.get(hpa >>> 12);
    return frame == null ? 0 : (long) LONG.get(frame, (int) hpa & (SIZE - 1));
  }

  @Override
  public void writeLong(long hpa, long value) {
    LONG.set(frame(hpa >>> 12), (int) hpa & (SIZE - 1), value);
  }

  @Override
  public void zero(long pfn, long count) {
    if (count < frames.size()) {
      for (long p = pfn; p < pfn + count; p++) {
        frames.remove(p);
      }
    } else {
      frames.keySet().removeIf(p -> p >= pfn && p < pfn + count);
    }
  }

  @Override
  public void copyFrame(long toPfn, long fromPfn) {
    byte[] from = frames.get(fromPfn);
    if (from == null) {
      frames.remove(toPfn);
    } else {
      frames.put(toPfn, from.clone());
    }
  }

  @Override
  public boolean isZero(long pfn) {
    byte @Nullable [] frame = frames.get(pfn);
    if (frame == null) {
      return true;
    }
    for (byte b : frame) {
      if (b != 0) {
        return false;
      }
    }
    return true;
  }

  private byte[] frame(long pfn) {
    return frames.computeIfAbsent(pfn, _ -> new byte[SIZE]);
  }
}
