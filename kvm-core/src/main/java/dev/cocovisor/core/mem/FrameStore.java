package dev.cocovisor.core.mem;

import dev.cocovisor.api.mem.FramedMemory;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * The content of physical memory: only frames that were written hold bytes.
 *
 * <p>A three-level table over frame numbers instead of a hash map, so that zeroing a frame, which
 * every guest fault does, neither boxes nor allocates. The upper two levels are no larger than the
 * frames there are need. Thread-safe for distinct frames.
 */
final class FrameStore extends FramedMemory {
  private static final VarHandle SLOT = MethodHandles.arrayElementVarHandle(Object[].class);

  /** The most frames: 256 TiB. */
  private static final long MOST = 1L << 36;

  /** Bits of a frame number that the lowest level looks at. */
  private static final int LOW = 9;

  /** Bits that the lower two look at. */
  private static final int MID = LOW + 12;

  private final Object[] top;
  private final int midSize;

  /**
   * Makes the memory of frames below a number; there is no other.
   *
   * @param frames how many; 2^36 at most
   */
  FrameStore(long frames) {
    long all = Math.min(Math.max(frames, 1), MOST);
    top = new Object[(int) ((all - 1) >>> MID) + 1];
    midSize = top.length > 1 ? 1 << (MID - LOW) : (int) ((all - 1) >>> LOW) + 1;
  }

  private int midIndex(long pfn) {
    return (int) (pfn >>> LOW) & ((1 << (MID - LOW)) - 1);
  }

  private static int lowIndex(long pfn) {
    return (int) pfn & ((1 << LOW) - 1);
  }

  private Object @Nullable [] mid(long pfn) {
    long at = pfn >>> MID;
    return at < 0 || at >= top.length ? null : (Object[]) SLOT.getAcquire(top, (int) at);
  }

  private Object @Nullable [] low(Object @Nullable [] mid, long pfn) {
    int at = midIndex(pfn);
    return mid == null || at >= midSize ? null : (Object[]) SLOT.getAcquire(mid, at);
  }

  @Override
  public void zero(long pfn, long count) {
    long p = pfn;
    long end = pfn + count;
    while (p < end) {
      Object[] mid = mid(p);
      if (mid == null) {
        p = ((p >>> MID) + 1) << MID;
        continue;
      }
      Object[] low = low(mid, p);
      if (low == null) {
        p = ((p >>> LOW) + 1) << LOW;
        continue;
      }
      low[lowIndex(p)] = null;
      p++;
    }
  }

  @Override
  protected byte @Nullable [] find(long pfn) {
    Object[] low = low(mid(pfn), pfn);
    return low == null ? null : (byte[]) SLOT.getAcquire(low, lowIndex(pfn));
  }

  @Override
  protected byte[] frame(long pfn) {
    byte[] frame = find(pfn);
    if (frame != null) {
      return frame;
    }
    if (pfn < 0 || pfn >>> MID >= top.length || midIndex(pfn) >= midSize) {
      throw new IndexOutOfBoundsException("no memory at frame 0x" + Long.toHexString(pfn));
    }
    Object[] mid = child(top, (int) (pfn >>> MID), midSize);
    Object[] low = child(mid, midIndex(pfn), 1 << LOW);
    byte[] fresh = new byte[SIZE];
    Object seen = SLOT.compareAndExchange(low, lowIndex(pfn), null, fresh);
    return seen == null ? fresh : (byte[]) seen;
  }

  private static Object[] child(Object[] node, int at, int size) {
    Object next = SLOT.getAcquire(node, at);
    if (next == null) {
      Object fresh = new Object[size];
      Object seen = SLOT.compareAndExchange(node, at, null, fresh);
      next = seen == null ? fresh : seen;
    }
    return (Object[]) next;
  }
}
