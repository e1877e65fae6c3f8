package dev.cocovisor.api.mem;

import java.util.concurrent.ConcurrentHashMap;
import org.apiguardian.api.API;
import org.jspecify.annotations.Nullable;

/**
 * Physical memory that holds only the frames that were written to, at whatever address.
 *
 * <p>A trusted half that is driven alone needs memory and may depend on nothing but contracts
 * (docs/adr/0003), so this and what it shares with the host's memory ({@link FramedMemory}) are the
 * one piece of {@code api} with behaviour of its own.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public final class SparseMemory extends FramedMemory {
  private final ConcurrentHashMap<Long, byte[]> frames = new ConcurrentHashMap<>();

  /** Creates memory that reads as zero everywhere. */
  public SparseMemory() {}

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
  protected byte @Nullable [] find(long pfn) {
    return frames.get(pfn);
  }

  @Override
  protected byte[] frame(long pfn) {
    return frames.computeIfAbsent(pfn, _ -> new byte[SIZE]);
  }
}
