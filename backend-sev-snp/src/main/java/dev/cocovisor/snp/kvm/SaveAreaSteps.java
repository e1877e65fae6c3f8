package dev.cocovisor.snp.kvm;

/**
 * Steps around a guest's own save area that a host can be given others of. Source: {@code
 * arch/x86/kvm/svm/sev.c}, sev_gmem_invalidate_range, __sev_snp_reload_vmsa (7.3).
 */
public class SaveAreaSteps {
  /** Creates the kernel's steps. */
  public SaveAreaSteps() {}

  /**
   * Tells whether a vCPU is made to leave the guest and look for its save area again: where the
   * area lies in what loses its pages.
   *
   * @param gfn where the guest sees the area
   */
  public boolean givesUp(long gfn, long gfnStart, long gfnEnd) {
    return gfn >= gfnStart && gfn < gfnEnd;
  }

  /**
   * Tells whether a vCPU that was told so looks for the page of its save area again: by now it may
   * be another.
   *
   * @param gfn where the guest sees the area
   */
  public boolean looksAgain(long gfn) {
    return true;
  }
}
