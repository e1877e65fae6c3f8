package dev.cocovisor.snp.kvm;

import dev.cocovisor.api.VmContext;

/**
 * Steps of an RMP fault that a host can be given others of. Source: {@code arch/x86/kvm/svm/sev.c},
 * sev_handle_rmp_fault (7.3).
 */
public class RmpFaultSteps {
  /** Creates the kernel's steps. */
  public RmpFaultSteps() {}

  /**
   * PSMASH was refused: by now the entry may be another.
   *
   * @param stillHuge whether the entry is assigned and large all the same
   */
  public void notSmashed(VmContext vm, long pfn, boolean stillHuge) {
    if (stillHuge) {
      vm.bug("PSMASH of pfn 0x" + Long.toHexString(pfn) + " failed");
    }
  }
}
