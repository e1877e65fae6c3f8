package dev.cocovisor.tdx.module.abi;

/** What a guest learns from a #VE: the VE_INFO area. */
public final class VirtualizationException {
  private long reason;
  private long qualification;
  private long gpa;

  /** Creates one that says nothing yet. */
  public VirtualizationException() {}

  /** Tells the guest why. */
  public void set(long exitReason, long exitQualification, long address) {
    reason = exitReason;
    qualification = exitQualification;
    gpa = address;
  }

  /** Returns the VMX exit reason; 0x30 is an EPT violation. */
  public long reason() {
    return reason;
  }

  /** Returns the VMX exit qualification. */
  public long qualification() {
    return qualification;
  }

  /** Returns the guest-physical address, with its offset in the page. */
  public long gpa() {
    return gpa;
  }
}
