package dev.cocovisor.snp.measure;

import dev.cocovisor.api.measure.MeasureException;

/** Whose initial vCPU state and page order a launch has. */
enum Vmm {
  /** QEMU with KVM; also what follows KVM's reset state. */
  QEMU("QEMU"),
  /** Amazon EC2: own segment attributes, the CPUID page last. */
  EC2("ec2"),
  /** Google Compute Engine: own PAT, guest memory given unmeasured instead of zeroed. */
  GCE("gce");

  private final String label;

  Vmm(String label) {
    this.label = label;
  }

  /** Returns the name that command lines and vectors use. */
  String label() {
    return label;
  }

  /** Finds a VMM by name, in any case. */
  static Vmm of(String name) {
    for (Vmm v : values()) {
      if (v.label.equalsIgnoreCase(name)) {
        return v;
      }
    }
    throw new MeasureException("unknown VMM type '" + name + "', one of QEMU, ec2, gce");
  }
}
