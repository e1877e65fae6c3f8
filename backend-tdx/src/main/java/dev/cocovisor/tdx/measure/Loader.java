package dev.cocovisor.tdx.measure;

import dev.cocovisor.api.measure.MeasureException;

/** Who builds a TD from its firmware, which decides the sections it may have. */
enum Loader {
  /** QEMU: firmware, variables, hand-off block and temporary memory, nothing else. */
  QEMU("QEMU"),
  /** Whoever takes every type of section that a document defines, such as td-shim's. */
  ANY("any");

  private final String label;

  Loader(String label) {
    this.label = label;
  }

  static Loader of(String name) {
    for (Loader l : values()) {
      if (l.label.equalsIgnoreCase(name)) {
        return l;
      }
    }
    throw new MeasureException("unknown VMM type '" + name + "' for a TD, one of QEMU, any");
  }
}
