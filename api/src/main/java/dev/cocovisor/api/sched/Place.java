package dev.cocovisor.api.sched;

import org.apiguardian.api.API;

/**
 * Something shared that says what its parts are called, for whoever prints an interleaving.
 *
 * @since 0.2
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.2")
public interface Place {
  /**
   * Returns the name of a part: {@code kvm->mmu_lock}, {@code SPTE 0x200 level 1}.
   *
   * @param index which part; 0 where there is one only
   */
  String placeName(long index);
}
