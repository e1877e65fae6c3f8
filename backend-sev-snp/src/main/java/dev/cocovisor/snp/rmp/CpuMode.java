package dev.cocovisor.snp.rmp;

/**
 * The processor state that RMP instructions and access checks look at.
 *
 * @param longMode true in 64-bit mode
 * @param cpl current privilege level, 0 to 3
 * @param asid the address space identifier in use; 0 for the host
 * @param vmpl the virtual machine privilege level of an SNP guest, 0 to 3
 * @param snp true if SEV-SNP is active in the guest
 */
public record CpuMode(boolean longMode, int cpl, int asid, int vmpl, boolean snp) {
  /** The host kernel. */
  public static final CpuMode HOST = new CpuMode(true, 0, 0, 0, false);

  /** Returns an SNP guest's kernel at VMPL 0. */
  public static CpuMode guest(int asid) {
    return new CpuMode(true, 0, asid, 0, true);
  }

  /** Returns this mode at another VMPL. */
  public CpuMode atVmpl(int newVmpl) {
    return new CpuMode(longMode, cpl, asid, newVmpl, snp);
  }

  /** Returns this mode at another privilege level. */
  public CpuMode atCpl(int newCpl) {
    return new CpuMode(longMode, newCpl, asid, vmpl, snp);
  }
}
