package dev.cocovisor.tdx.kvm;

import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Private pages that are in the mirror but not in the Secure EPT yet, while a TD is built: mapped
 * by KVM_MAP_MEMORY, to be added by KVM_TDX_INIT_MEM_REGION (the kernel only counted them,
 * nr_premapped). Thread-safe: several vCPUs may map at a time.
 */
final class Premapped {
  /** Returned where a gfn is not premapped. */
  static final long NONE = -1;

  private final ConcurrentHashMap<Long, Long> pfns = new ConcurrentHashMap<>();

  void put(long gfn, long pfn) {
    pfns.put(gfn, pfn);
  }

  /** Forgets a page; tells whether there was one. */
  boolean remove(long gfn) {
    return pfns.remove(gfn) != null;
  }

  long pfn(long gfn) {
    @Nullable Long pfn = pfns.get(gfn);
    return pfn == null ? NONE : pfn;
  }

  boolean isEmpty() {
    return pfns.isEmpty();
  }
}
