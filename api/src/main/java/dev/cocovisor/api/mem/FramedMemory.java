package dev.cocovisor.api.mem;

import dev.cocovisor.api.PageLevel;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.apiguardian.api.API;
import org.jspecify.annotations.Nullable;

/**
 * Physical memory kept as byte arrays, one for each frame that was written to; where those are kept
 * is left to the subclass.
 *
 * <p>Thread-safe for distinct frames if the subclass is; two writers of one frame race as they
 * would on hardware.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public abstract class FramedMemory implements PhysicalMemory {
  /** The size of a frame in bytes. */
  protected static final int SIZE = 4096;

  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  /** Creates memory. */
  protected FramedMemory() {}

  /** Returns the bytes of a frame, null if it reads as zeros. Must not allocate. */
  protected abstract byte @Nullable [] find(long pfn);

  /** Returns the bytes of a frame, which are made if there are none yet. */
  protected abstract byte[] frame(long pfn);

  @Override
  public void read(long hpa, byte[] into, int offset, int length) {
    for (int done = 0; done < length; ) {
      int at = (int) (hpa + done) & (SIZE - 1);
      int n = Math.min(SIZE - at, length - done);
      byte[] frame = find((hpa + done) >>> PageLevel.PAGE_SHIFT);
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
      System.arraycopy(from, offset + done, frame((hpa + done) >>> PageLevel.PAGE_SHIFT), at, n);
      done += n;
    }
  }

  @Override
  public int readByte(long hpa) {
    byte[] frame = find(hpa >>> PageLevel.PAGE_SHIFT);
    return frame == null ? 0 : frame[(int) hpa & (SIZE - 1)] & 0xff;
  }

  @Override
  public void writeByte(long hpa, int value) {
    byte[] frame = find(hpa >>> PageLevel.PAGE_SHIFT);
    if (frame == null) {
      if ((value & 0xff) == 0) {
        return;
      }
      frame = frame(hpa >>> PageLevel.PAGE_SHIFT);
    }
    frame[(int) hpa & (SIZE - 1)] = (byte) value;
  }

  @Override
  public long readLong(long hpa) {
    byte[] frame = find(hpa >>> PageLevel.PAGE_SHIFT);
    return frame == null ? 0 : (long) LONG.get(frame, (int) hpa & (SIZE - 1));
  }

  @Override
  public void writeLong(long hpa, long value) {
    LONG.set(frame(hpa >>> PageLevel.PAGE_SHIFT), (int) hpa & (SIZE - 1), value);
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
}
