package dev.cocovisor.cca.kvm;

import static org.mockito.Mockito.mock;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.DirectMap;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.api.mem.SparseMemory;
import java.util.HashMap;
import java.util.Map;

/** Host memory whose allocator counts and can run dry. */
final class SmallMemory implements HostMemory {
  /** The RMM never changes the direct map. */
  private final DirectMap directMap = mock(DirectMap.class);

  private final SparseMemory raw = new SparseMemory();
  private final Map<Long, Integer> blocks = new HashMap<>();
  private PhysicalGuard guard = PhysicalGuard.NONE;
  private long next = 0x100;

  /** How many more allocations succeed. */
  long budget = Long.MAX_VALUE;

  @Override
  public PhysicalMemory raw() {
    return raw;
  }

  @Override
  public long allocate(int order) {
    if (budget == 0) {
      return NO_FRAME;
    }
    budget--;
    long size = 1L << order;
    long pfn = (next + size - 1) & -size;
    next = pfn + size;
    blocks.put(pfn, order);
    return pfn;
  }

  @Override
  public void free(long pfn, int order) {
    Integer had = blocks.remove(pfn);
    if (had == null || had != order) {
      throw new IllegalStateException("frame " + Long.toHexString(pfn) + " freed wrongly");
    }
    for (long i = 0; i < 1L << order; i++) {
      if (guard.check(Accessor.HOST_KERNEL, pfn + i, true) != PhysicalGuard.Verdict.ALLOW) {
        throw new IllegalStateException("a delegated frame was freed");
      }
    }
  }

  @Override
  public long allocatedFrames() {
    return blocks.values().stream().mapToLong(o -> 1L << o).sum();
  }

  @Override
  public void addGuard(PhysicalGuard g) {
    guard = g;
  }

  @Override
  public void removeGuard(PhysicalGuard g) {
    guard = PhysicalGuard.NONE;
  }

  @Override
  public PhysicalGuard.Verdict check(Accessor who, long pfn, boolean write) {
    return guard.check(who, pfn, write);
  }

  @Override
  public DirectMap directMap() {
    return directMap;
  }

  @Override
  public Errno read(Accessor who, long hpa, byte[] into, int offset, int length) {
    raw.read(hpa, into, offset, length);
    return Errno.OK;
  }

  @Override
  public Errno write(Accessor who, long hpa, byte[] from, int offset, int length) {
    raw.write(hpa, from, offset, length);
    return Errno.OK;
  }
}
