package dev.cocovisor.snp.measure;

import dev.cocovisor.api.measure.MeasureException;
import dev.cocovisor.snp.psp.LaunchDigest;

/**
 * The processor a guest runs on, as far as a measurement shows it: where GCE's save areas are
 * measured. That is the highest page of the guest's address space; everywhere else it is the same
 * page on every processor.
 */
// google/gce-tcb-verifier, sev/measurement.go, ProductHighAddress.
enum Product {
  /** 48 bits of guest addresses. */
  MILAN("Milan", LaunchDigest.VMSA_GPA),
  /** 52 bits. */
  GENOA("Genoa", 0xF_FFFF_FFFF_F000L);

  private final String label;
  private final long vmsaGpa;

  Product(String label, long vmsaGpa) {
    this.label = label;
    this.vmsaGpa = vmsaGpa;
  }

  /** Returns where save areas are measured. */
  long vmsaGpa() {
    return vmsaGpa;
  }

  /** Finds a product by name, in any case. */
  static Product of(String name) {
    for (Product p : values()) {
      if (p.label.equalsIgnoreCase(name)) {
        return p;
      }
    }
    throw new MeasureException("unknown product '" + name + "', one of Milan, Genoa");
  }
}
