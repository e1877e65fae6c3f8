package dev.cocovisor.snp.kvm;

/** What lies in a page that a guest is given: zeros, or what was there while it was shared. */
enum ConvertedPages {
  /** A new folio, zeroed. */
  FRESH,

  /** The same folio, with its bytes as they lie in memory. */
  KEPT
}
