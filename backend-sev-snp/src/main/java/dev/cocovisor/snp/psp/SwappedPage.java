package dev.cocovisor.snp.psp;

/**
 * A guest page that SNP_PAGE_SWAP_OUT exported, with its metadata entry. Only the firmware looks
 * inside.
 */
public final class SwappedPage {
  final long gctx;

  /** Tells a context from a later one at the same address. */
  final long serial;

  final long gpa;
  final boolean vmsa;
  final byte[] content;

  SwappedPage(long gctx, long serial, long gpa, boolean vmsa, byte[] content) {
    this.gctx = gctx;
    this.serial = serial;
    this.gpa = gpa;
    this.vmsa = vmsa;
    this.content = content;
  }

  /** Returns the guest address, bytes. */
  public long gpa() {
    return gpa;
  }
}
