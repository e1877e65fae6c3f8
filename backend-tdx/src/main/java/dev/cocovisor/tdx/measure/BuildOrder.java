package dev.cocovisor.tdx.measure;

import dev.cocovisor.api.measure.MeasureException;

/** In which order a host adds and extends pages; the MRTD depends on it. */
enum BuildOrder {
  /** Add a page, extend it, next page: KVM_TDX_INIT_MEM_REGION of mainline kernels. */
  SINGLE("single"),
  /** Per section, add all pages, then extend them: kernels before TDX was merged. */
  TWO_PASS("two-pass"),
  /** Add all pages of all sections, then extend. */
  TWO_PASS_GLOBAL("two-pass-global");

  private final String label;

  BuildOrder(String label) {
    this.label = label;
  }

  static BuildOrder of(String name) {
    for (BuildOrder o : values()) {
      if (o.label.equals(name)) {
        return o;
      }
    }
    throw new MeasureException(
        "unknown order '" + name + "', one of single, two-pass, two-pass-global");
  }
}
