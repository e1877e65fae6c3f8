package dev.cocovisor.pkvm.hyp;

import dev.cocovisor.api.PageLevel;

/**
 * Steps of EL2 that a host can be given others of. Source: {@code
 * arch/arm64/kvm/hyp/nvhe/mem_protect.c} and {@code pkvm.c} (7.3).
 */
public class HypSteps {
  /** Linux's. */
  public static final HypSteps LINUX = new HypSteps();

  /** Creates Linux's steps. */
  public HypSteps() {}

  /** Tells whether a vCPU's cache may run dry in the middle of a mapping. */
  public boolean cacheIsShort(int pages, int needed) {
    return pages < needed;
  }

  /**
   * Returns where the page begins that an address in a host's cache names: the address is the
   * host's, and may point inside a page. Source: {@code asm/kvm_host.h}, pop_hyp_memcache.
   */
  public long cachePage(long address) {
    return address & -PageLevel.PAGE_SIZE;
  }

  /** Tells whether pages of the host's that EL2's stacks lie in are taken from it. */
  public boolean takesStacks() {
    return true;
  }

  /** A vCPU is refused: the host's page that describes it is let go of. */
  public void vcpuRefused(Runnable unpin) {
    unpin.run();
  }
}
