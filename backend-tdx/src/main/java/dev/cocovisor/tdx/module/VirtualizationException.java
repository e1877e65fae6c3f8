package dev.cocovisor.tdx.module;

/** What a guest learns from a #VE: the VE_INFO area. */
public final class VirtualizationException {
  long reason;
  long qualification;
  long gpa;

  VirtualizationException() {}

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
