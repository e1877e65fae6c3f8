package dev.cocovisor.pkvm.kvm;

import dev.cocovisor.pkvm.hyp.HostVcpu;

/** What KVM's half keeps for a vCPU; under the vCPU's mutex. */
final class PkvmVcpu {
  /** {@link #cpu} of a vCPU that is not loaded. */
  static final int NOT_LOADED = -1;

  final HostVcpu host;
  boolean created;
  int cpu = NOT_LOADED;

  PkvmVcpu(HostVcpu host) {
    this.host = host;
  }
}
