package dev.cocovisor.api;

import org.apiguardian.api.API;

/**
 * A memory slot as a backend may see it; immutable.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public interface SlotView {
  /** Returns the slot's number without its address space. */
  int id();

  /** Returns the first gfn. */
  long baseGfn();

  /** Returns the number of pages. */
  long npages();

  /** Returns the KVM_MEM_* flags. */
  int flags();

  /**
   * Returns the VMM's address of the first page; meaningless where all memory is the guest_memfd's.
   */
  long userspaceAddr();

  /** Tells whether a guest_memfd is bound. */
  boolean hasGuestMemfd();

  /**
   * Tells whether all memory of the slot, shared too, comes from its guest_memfd, which then can be
   * mapped (KVM_MEMSLOT_GMEM_ONLY).
   */
  default boolean isGmemOnly() {
    return false;
  }

  /** Returns the gfn behind the last page. */
  default long endGfn() {
    return baseGfn() + npages();
  }

  /** Returns the user address of {@code gfn}, which lies in this slot. */
  default long userAddressOf(long gfn) {
    return userspaceAddr() + ((gfn - baseGfn()) << PageLevel.PAGE_SHIFT);
  }
}
