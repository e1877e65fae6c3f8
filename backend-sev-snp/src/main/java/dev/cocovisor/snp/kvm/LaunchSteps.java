package dev.cocovisor.snp.kvm;

import dev.cocovisor.api.VmContext;

/**
 * Steps of a launch that a host can be given others of. Source: {@code arch/x86/kvm/svm/sev.c},
 * sev_es_sync_vmsa, sev_gmem_post_populate (7.3).
 */
public class LaunchSteps {
  /** Creates the kernel's steps. */
  public LaunchSteps() {}

  /** Tells whether a vCPU's save area may be written: not once it is encrypted. */
  public boolean maySync(boolean isEncrypted) {
    return !isEncrypted;
  }

  /**
   * Tells whether the source of a CPUID page can be written, for the firmware may correct it: it is
   * asked for with FOLL_WRITE.
   */
  public boolean mayCorrect(VmContext vm, long userAddress) {
    long pfn = vm.pinUserPage(userAddress);
    if (pfn < 0) {
      return false;
    }
    vm.unpinUserPage(pfn);
    return true;
  }
}
