package com.example.cove.kvm;

import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.sched.ModelLock;
import org.jspecify.annotations.Nullable;

/** What KVM keeps for a vCPU of a TVM. */
final class TvmVcpuState {
  final long id;

  /** Held from the entry to the trap; an interrupt to the vCPU waits for it. */
  final ModelLock inGuest = new ModelLock("vCPU in guest");

  /** The exit of a share or unshare that the VMM has not answered yet. */
  Exit.@Nullable MemoryFault asked;

  TvmVcpuState(long id) {
    this.id = id;
  }
}
