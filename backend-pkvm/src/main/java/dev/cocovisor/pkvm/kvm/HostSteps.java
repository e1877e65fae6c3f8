package dev.cocovisor.pkvm.kvm;

import dev.cocovisor.api.Errno;

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

  /** Returns how many pages a vCPU's cache is filled up to, of those a mapping may need. */
  public int fillUpTo(int needed) {
    return needed;
  }
}
