package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.HostMemory;

/**
 * Pages for control structures of a TD or vCPU, all allocated before the first is given to the
 * module, so that no memory means that nothing has to be undone. Addresses are in bytes.
 */
final class ControlPages {
  private final HostMemory memory;
  private final TdxPlatform platform;
  private final long[] pages;
  private int from;
  private final boolean complete;

  /** Allocates; where memory is out, {@link #complete} is false and nothing is kept. */
  ControlPages(TdxVm td, int count) {
    memory = td.vm().host().memory();
    platform = td.platform();
    pages = new long[count];
    int got = 0;
    while (got < count) {
      long pfn = memory.allocate(0);
      if (pfn == HostMemory.NO_FRAME) {
        break;
      }
      if (!platform.pamtGet(pfn).ok()) {
        memory.free(pfn, 0);
        break;
      }
      memory.raw().zero(pfn, 1);
      pages[got++] = pfn << PageLevel.PAGE_SHIFT;
    }
    complete = got == count;
    if (!complete) {
      for (int i = 0; i < got; i++) {
        free(pages[i]);
      }
      from = count;
    }
  }

  boolean complete() {
    return complete;
  }

  /** Returns the next page without taking it. */
  long peek() {
    return pages[from];
  }

  /** Takes the next page: it is the caller's from here on. */
  long take() {
    return pages[from++];
  }

  /** Frees what was not taken. */
  void giveBack() {
    while (from < pages.length) {
      free(pages[from++]);
    }
  }

  /** Frees what was not taken, and a page that was and that the module did not want. */
  void giveBackWith(long page) {
    free(page);
    giveBack();
  }

  private void free(long page) {
    platform.pamtPut(page >>> PageLevel.PAGE_SHIFT);
    memory.free(page >>> PageLevel.PAGE_SHIFT, 0);
  }
}
