package dev.cocovisor.bugs.entry;

/** What a bug is a bug of. */
public enum Area {
  /** The invalidation sequence, which tells a fault that its page went meanwhile. */
  INVALIDATION("invalidation"),
  /** Memory slots. */
  SLOTS("slots"),
  /** Memory attributes. */
  ATTRIBUTES("attributes"),
  /** guest_memfd. */
  GUEST_MEMFD("guest_memfd"),
  /** The second stage. */
  TDP_MMU("TDP MMU"),
  /** KVM's half of TDX. */
  TDX("TDX"),
  /** KVM's half of SEV, SEV-ES and SNP. */
  SNP("SEV-SNP"),
  /** pKVM. */
  PKVM("pKVM"),
  /** The RMM, or KVM's half of CCA. */
  CCA("CCA"),
  /** RISC-V. */
  RISCV("RISC-V");

  private final String text;

  Area(String text) {
    this.text = text;
  }

  @Override
  public String toString() {
    return text;
  }
}
