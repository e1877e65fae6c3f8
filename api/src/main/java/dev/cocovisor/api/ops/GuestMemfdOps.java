package dev.cocovisor.api.ops;

import dev.cocovisor.api.Errno;
import org.apiguardian.api.API;

/**
 * Hooks of guest_memfd on the life of a folio.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public interface GuestMemfdOps {
  /**
   * Prepares a folio for its first private use ({@code gmem_prepare}; 7.3: {@code
   * gmem_make_private}). SNP makes the frames private in the RMP here.
   *
   * <p>Locks: guest_memfd invalidate lock shared. Errors: any; the fault ends with it and the folio
   * stays unprepared. Default: OK. Source: {@code virt/kvm/guest_memfd.c}, kvm_gmem_get_pfn.
   *
   * @param order log2 of the number of pages being prepared
   */
  default Errno gmemPrepare(long gfn, long pfn, int order) {
    return Errno.OK;
  }

  /**
   * Makes frames the host's again when a folio is freed ({@code gmem_invalidate}; 7.3: {@code
   * gmem_make_shared}). Locks: guest_memfd invalidate lock exclusive, or none at the file's end.
   * Must not fail. Default: nothing. Source: {@code guest_memfd.c}, kvm_gmem_free_folio.
   *
   * @param pfnStart first frame
   * @param pfnEnd frame behind the last
   */
  default void gmemInvalidate(long pfnStart, long pfnEnd) {}

  /**
   * Tells that gfns bound to a guest_memfd lose their pages, before a page is freed ({@code
   * gmem_invalidate_range}, 7.3): whoever uses one by its frame has to stop. SNP makes vCPUs give
   * their save areas up here.
   *
   * <p>Locks: mmu_lock exclusive. Must not fail. Default: nothing. Source: {@code
   * virt/kvm/guest_memfd.c}, __kvm_gmem_invalidate_start; {@code arch/x86/kvm/mmu/mmu.c},
   * kvm_arch_flush_shadow_memslot.
   *
   * @param gfnStart first page
   * @param gfnEnd page behind the last
   */
  default void gmemInvalidateRange(long gfnStart, long gfnEnd) {}

  /** Converts a range to private in place; as {@link #gmemPrepare}, under the exclusive lock. */
  default Errno gmemMakePrivate(long gfn, long pfn, int order) {
    return Errno.OK;
  }

  /** Converts a range to shared in place. Locks: invalidate lock exclusive. Default: OK. */
  default Errno gmemMakeShared(long gfn, long pfn, int order) {
    return Errno.OK;
  }
}
