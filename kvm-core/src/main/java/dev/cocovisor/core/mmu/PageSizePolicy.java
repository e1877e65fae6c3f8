package dev.cocovisor.core.mmu;

import dev.cocovisor.api.PageLevel;
import org.jspecify.annotations.Nullable;

/**
 * Limits the size of leaves that map private memory, beyond what the vendor says. Asked on the
 * fault path where guest_memfd has a large folio, so it must not allocate.
 */
@FunctionalInterface
public interface PageSizePolicy {
  /** Leaves it to the vendor. */
  PageSizePolicy VENDORS = (_, _, vendors) -> vendors;

  /**
   * Chooses the largest level for a private fault.
   *
   * @param vm the VM's number
   * @param gfn the page that faults
   * @param vendors the vendor's answer, null for no opinion
   * @return the largest level, or null for no opinion
   */
  @Nullable PageLevel limit(int vm, long gfn, @Nullable PageLevel vendors);
}
