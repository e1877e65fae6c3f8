package dev.cocovisor.core.mem;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.mem.HostMemory;

/** An ordinary memfd: shared pages of a file that lives in memory, in 4 KiB folios. */
public final class MemFd implements MappableFile {
  private final PhysicalHost memory;
  private final LongRadix folios = new LongRadix();
  private final PolicyMap policies = new PolicyMap();
  private final long size;
  private int users = 1;

  /** Creates a file of {@code size} bytes. */
  public MemFd(PhysicalHost memory, long size) {
    this.memory = memory;
    this.size = size;
  }

  /** Returns the size in bytes. */
  public long size() {
    return size;
  }

  @Override
  public Errno mayMap(boolean shared) {
    return shared ? Errno.OK : Errno.EOPNOTSUPP;
  }

  @Override
  public long userFault(long pageIndex) {
    if (pageIndex << 12 >= size) {
      return -1;
    }
    long have = folios.get(pageIndex);
    if (have != 0) {
      return have - 1;
    }
    long pfn = memory.allocate(0, 0, policies.at(pageIndex));
    if (pfn == HostMemory.NO_FRAME) {
      return -1;
    }
    memory.raw().zero(pfn, 1);
    if (!folios.compareAndSet(pageIndex, 0, pfn + 1)) {
      memory.free(pfn, 0);
    }
    return folios.get(pageIndex) - 1;
  }

  @Override
  public PolicyMap policies() {
    return policies;
  }

  @Override
  public void mapped(AddressSpace space, Vma vma) {
    users++;
  }

  @Override
  public void unmapped(AddressSpace space, Vma vma) {
    release();
  }

  /** Gives up one user; the last one frees the pages. */
  public void release() {
    if (--users == 0) {
      long i = 0;
      while ((i = folios.next(i, Long.MAX_VALUE)) >= 0) {
        memory.free(folios.get(i) - 1, 0);
        folios.set(i, 0);
        i++;
      }
    }
  }
}
