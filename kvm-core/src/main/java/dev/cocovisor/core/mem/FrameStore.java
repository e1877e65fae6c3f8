package dev.cocovisor.core.mem;

import dev.cocovisor.api.mem.FramedMemory;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * The content of physical memory: only frames that were written hold bytes.
 *
 * <p>A three-level table over frame numbers instead of a hash map, so that zeroing a frame, which
 * every guest fault does, neither boxes nor allocates. Frames up to 2^36 (256 TiB). Thread-safe for
 * distinct frames.
 */
final class FrameStore extends FramedMemory {
  private static final VarHandle SLOT = MethodHandles.arrayElementVarHandle(Object[].class);
  private static final int FAN = 4096;

  private final Object[] top = new Object[FAN];

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
  protected byte @Nullable [] find(long pfn) {
    Object[] mid = (Object[]) SLOT.getAcquire(top, (int) (pfn >>> 24));
    if (mid == null) {
      return null;
    }
    Object[] low = (Object[]) SLOT.getAcquire(mid, (int) (pfn >>> 12) & (FAN - 1));
    return low == null ? null : (byte[]) SLOT.getAcquire(low, (int) pfn & (FAN - 1));
  }

  @Override
  protected byte[] frame(long pfn) {
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
