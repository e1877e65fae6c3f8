package dev.cocovisor.core.vm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.core.mmu.RetPf;
import dev.cocovisor.core.mmu.SecondStage;

/**
 * The steps of faults and pre-faults whose choice keeps them from waiting for each other; a part
 * that a host can be given another of. Source: {@code arch/x86/kvm/mmu/mmu.c}, kvm_mmu_faultin_pfn,
 * kvm_arch_vcpu_pre_fault_memory, kvm_tdp_page_prefault (7.3).
 */
public class FaultSteps {
  /** Creates the kernel's steps. */
  public FaultSteps() {}

  /**
   * Returns how a fault ends whose slot is being deleted or moved: a guest tries again; a prefault
   * must not wait for the update that waits for it.
   *
   * @return a {@link RetPf} value or a negative errno
   */
  public int slotInvalid(boolean prefetch) {
    return prefetch ? -Errno.EAGAIN.number() : RetPf.RETRY;
  }

  /**
   * Tells whether pre-population refuses a gfn as an alias of another (kvm_is_gfn_alias).
   *
   * @param mask the bit of a gfn that makes it shared; 0 for none
   */
  public boolean isAlias(long gfn, long mask) {
    return (gfn & mask) != 0;
  }

  /**
   * The vCPU takes the root it maps a page of a range under (kvm_mmu_reload), before each try of
   * each page: the one before may be obsolete.
   *
   * @param first whether it is the first try of the first page of the range
   */
  public void takeRoot(SecondStage stage, VcpuContext vcpu, boolean first) {
    stage.reload(vcpu);
  }
}
