package dev.cocovisor.api;

import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.ops.VmOps;
import java.util.function.Consumer;

/** The trusted part of one technology on one host, shared by all its VMs there. */
public interface Platform extends AutoCloseable {
  /**
   * Creates the vendor half of a VM: KVM_CREATE_VM up to, but without, the {@code vm_init} hook. It
   * takes nothing that would have to be given back, so it cannot fail.
   *
   * @param vm what the core offers this VM
   * @param type one of the backend's VM types
   */
  VmOps createVm(VmContext vm, VmType type);

  /** Returns this platform's say in accesses to physical memory. Asked for once. */
  default PhysicalGuard guard() {
    return PhysicalGuard.NONE;
  }

  /**
   * Reports every broken invariant of the trusted half, in words that name the frame or entry.
   * Costs time proportional to its tables; called by checkers between steps, never on a hot path.
   */
  default void checkInvariants(Consumer<String> violation) {}

  /** Ends the platform; every VM is gone by then. */
  @Override
  default void close() {}
}
