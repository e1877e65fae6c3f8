package dev.cocovisor.pkvm.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;

/**
 * Steps of KVM's half that a host can be given others of. Source: {@code arch/arm64/kvm/mmu.c},
 * unshare_pfn_hyp, topup_hyp_memcache (7.3).
 */
public class HostSteps {
  /** Creates Linux's steps. */
  public HostSteps() {}

  /**
   * Tells whether the host forgets that it shared a page, after what EL2 said to taking it back.
   */
  public boolean forgets(Errno unshared) {
    return unshared.ok();
  }

  /** Returns the address by which a page is put into a vCPU's cache. */
  public long cacheAddress(long pfn) {
    return pfn << PageLevel.PAGE_SHIFT;
  }

  /**
   * Returns in how many pages of the host's memory EL2's stacks lie: none by itself, since they lie
   * in memory that the host never had.
   */
  public int stackPages() {
    return 0;
  }

  /** Returns how many pages a vCPU's cache is filled up to, of those a mapping may need. */
  public int fillUpTo(int needed) {
    return needed;
  }
}
