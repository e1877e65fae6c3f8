package dev.cocovisor.snp.measure;

import dev.cocovisor.api.measure.MeasureException;

/** Whose initial vCPU state and page order a launch has. */
enum Vmm {
  /** QEMU with KVM; also what follows KVM's reset state. */
  QEMU("QEMU", 0),
  /** Amazon EC2 since May 2026: own segment attributes, the CPUID page last. */
  EC2("ec2", 0x600),
  /** Amazon EC2 before, with EDX zero. */
  EC2_UNTIL_2026_04("ec2-until-2026-04", 0),
  /** Google Compute Engine: own PAT, guest memory given unmeasured instead of zeroed. */
  GCE("gce", 0x600),
  /** libkrun: a stack for the boot processor, its own start address for the others. */
  KRUN("krun", 0);

  private final String label;
  private final int rdx;

  Vmm(String label, int rdx) {
    this.label = label;
    this.rdx = rdx;
  }

  /** Returns the name that command lines and vectors use. */
  String label() {
    return label;
  }

  /** Tells whether EDX holds the processor's signature. */
  boolean hasSignature() {
    return this == QEMU;
  }

  /** Returns what EDX holds where that is not the signature. */
  int rdx() {
    return rdx;
  }

  /** Tells whether it is EC2, of whatever time. */
  boolean ec2() {
    return this == EC2 || this == EC2_UNTIL_2026_04;
  }

  /** Finds a VMM by name, in any case. */
  static Vmm of(String name) {
    for (Vmm v : values()) {
      if (v.label.equalsIgnoreCase(name)) {
        return v;
      }
    }
    throw new MeasureException("unknown VMM type '" + name + "', one of " + names());
  }

  /** Returns every name, for messages. */
  static String names() {
    StringBuilder names = new StringBuilder();
    for (Vmm v : values()) {
      names.append(names.isEmpty() ? "" : ", ").append(v.label);
    }
    return names.toString();
  }
}
