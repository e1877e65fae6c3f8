package dev.cocovisor.api.sched;

/** Something shared that says what its parts are called, for whoever prints an interleaving. */
public interface Place {
  /**
   * Returns the name of a part: {@code kvm->mmu_lock}, {@code SPTE 0x200 level 1}.
   *
   * @param index which part; 0 where there is one only
   */
  String placeName(long index);
}
