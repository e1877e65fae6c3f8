package dev.cocovisor.pkvm.kvm;

import dev.cocovisor.pkvm.hyp.HostVcpu;

/** What KVM's half keeps for a vCPU; under the vCPU's mutex. */
final class PkvmVcpu {
  /** {@link #cpu} of a vCPU that is not loaded. */
  static final int NOT_LOADED = -1;

  final HostVcpu host;

  /** The vCPU's id, from which its affinity (MPIDR_EL1) follows. */
  final int id;

  /** Whether KVM_ARM_VCPU_INIT succeeded (VCPU_INITIALIZED). */
  boolean initialised;

  /** Whether it is powered off (KVM_MP_STATE_STOPPED). */
  boolean stopped;

  /** Whether a run got as far as the guest's own (vcpu_has_run_once). */
  boolean ranOnce;

  /** Whether EL2 knows it (VCPU_PKVM_FINALIZED). */
  boolean created;

  int cpu = NOT_LOADED;

  /** Where in its code the guest is. */
  final GuestProgress progress = new GuestProgress();

  PkvmVcpu(HostVcpu host, int id) {
    this.host = host;
    this.id = id;
  }

  /** Returns the affinity fields of MPIDR_EL1 (reset_mpidr). */
  long affinity() {
    return (id & 0xf) | ((id >> 4) & 0xffL) << 8 | ((id >> 12) & 0xffL) << 16;
  }
}
