package dev.cocovisor.core.attr;

import dev.cocovisor.api.PageLevel;

/**
 * The attributes of every gfn of one VM; all are 0 at first.
 *
 * <p>The one built in is {@link AttributeRuns}. There is one writer at a time (slots_lock); readers
 * take no lock and may see a range half changed, which the invalidation sequence makes them notice.
 * Reading must not allocate.
 */
public interface AttributeStore {
  /** Makes the store of a VM. */
  @FunctionalInterface
  interface Factory {
    /**
     * Returns an empty store.
     *
     * @param vm the VM's number on its host
     */
    AttributeStore create(int vm);
  }

  /** Returns the attributes of a gfn, 0 to 255. */
  int get(long gfn);

  /** Tells whether all gfns of the aligned page of {@code level} around {@code gfn} agree. */
  boolean isUniform(long gfn, PageLevel level);

  /** Tells whether every gfn of the half-open range has {@code (attributes & mask) == want}. */
  boolean rangeIs(long start, long end, int mask, int want);

  /** Returns how many gfns of the half-open range have an attribute other than 0. */
  default long countSet(long start, long end) {
    long n = 0;
    for (long gfn = start; gfn < end; gfn++) {
      n += get(gfn) == 0 ? 0 : 1;
    }
    return n;
  }

  /**
   * Takes memory for an entry of every gfn of a range, before anything changes, even where
   * attributes are removed; where it cannot, nothing is different afterwards. Source: {@code
   * virt/kvm/kvm_main.c}, kvm_vm_set_mem_attributes (xa_reserve).
   *
   * @param most how many gfns can have an entry
   */
  default boolean reserve(long start, long end, long most) {
    if (most == Long.MAX_VALUE) {
      return true;
    }
    return end - start <= most - (countSet(0, 1L << 52) - countSet(start, end));
  }

  /**
   * Sets the attributes of a half-open range.
   *
   * @param value 0 to 255
   */
  void set(long start, long end, int value);
}
