package dev.cocovisor.core.vm;

import dev.cocovisor.core.attr.AttributeStore;

/**
 * What is asked before private memory is filled; a part that a host can be given another of.
 * Source: {@code virt/kvm/guest_memfd.c}, __kvm_gmem_populate (7.3).
 */
public class PopulateSteps {
  /** Creates the kernel's steps. */
  public PopulateSteps() {}

  /** Tells whether pages may be filled: all of them have to be private. */
  public boolean mayFill(AttributeStore attributes, long gfn, long pages) {
    return attributes.rangeIs(
        gfn, gfn + pages, MemoryAttributesIoctl.PRIVATE, MemoryAttributesIoctl.PRIVATE);
  }
}
