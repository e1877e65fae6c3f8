package dev.cocovisor.core.vm;

import dev.cocovisor.core.kernel.KernelRules;
import dev.cocovisor.core.kernel.StaleRoots;

/**
 * The root a vCPU has of its VM's second stage, as far as pre-population minds: whether it is one
 * that was thrown away meanwhile. Source: {@code arch/x86/kvm/mmu/mmu.c}, kvm_mmu_zap_all_fast,
 * is_page_fault_stale and kvm_mmu_reload; {@code x86.c}, vcpu_enter_guest, which serves
 * KVM_REQ_MMU_FREE_OBSOLETE_ROOTS.
 */
final class VcpuRoot {
  private static final long NONE = -1;

  private final Vm vm;
  private final boolean kept;
  private long root = NONE;

  VcpuRoot(Vm vm) {
    this.vm = vm;
    this.kept = vm.rules().kernel().on(KernelRules.STALE_ROOTS) == StaleRoots.KEPT;
  }

  /**
   * The guest is run: a root that was thrown away is freed, and a new one loaded. Where roots are
   * freed before each page anyway, nobody has to know which one a vCPU has.
   */
  void run() {
    if (!kept) {
      return;
    }
    root = vm.secondStages().rootGeneration();
  }

  /** Pages are mapped beforehand: a root is loaded where there is none, or a stale one is freed. */
  void prefault() {
    if (kept && root == NONE) {
      root = vm.secondStages().rootGeneration();
    }
  }

  /** Tells whether nothing can be mapped under the root, and nobody will free it. */
  boolean isStale() {
    return root != vm.secondStages().rootGeneration();
  }
}
