package dev.cocovisor.cca.kvm;

import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.cca.rmm.call.Pe;

/** What KVM keeps for a vCPU of a realm: its REC, the run page and an unanswered RIPAS change. */
final class RealmVcpu {
  final int id;
  final Pe pe = new Pe();

  /** KVM_ARM_VCPU_PSCI_0_2 among the features. */
  static final long PSCI_0_2 = 1 << 2;

  /** Whether it has PSCI 0.2 or later. */
  boolean psci;

  /** Whether it starts powered off: KVM_ARM_VCPU_POWER_OFF. */
  boolean powerOff;

  long rec = Granules.NONE;
  long run = Granules.NONE;
  long[] aux = {};

  /** x0 of the last REC_ENTER. */
  long entryStatus;

  // The range of the last RIPAS_CHANGE exit; base == top once the RMM has been asked.
  long ripasBase;
  long ripasTop;
  boolean ripasRam;
  boolean ripasRefused;

  RealmVcpu(int id) {
    this.id = id;
  }

  /** Returns what KVM keeps for a vCPU of this backend's. */
  static RealmVcpu of(VcpuContext vcpu) {
    if (vcpu.vendorState() instanceof RealmVcpu v) {
      return v;
    }
    throw new IllegalStateException("vCPU " + vcpu.id() + " is not a realm's");
  }
}
