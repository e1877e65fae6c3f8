package dev.cocovisor.api.ops;

import dev.cocovisor.api.Errno;
import org.apiguardian.api.API;

/**
 * Takes each block of {@link dev.cocovisor.api.VmContext#populate} (post_populate).
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
@FunctionalInterface
public interface PopulateCallback {
  /**
   * Handles one block.
   *
   * @param pfn first frame of the guest_memfd
   * @param userAddress where its source lies in the VMM, 0 for none
   * @param order log2 of the number of pages
   */
  Errno populated(long gfn, long pfn, long userAddress, int order);
}
