package dev.cocovisor.api;

import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.ops.VmOps;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

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

  /**
   * Says who holds a frame, in the technology's own words (RMP entry, PAMT entry, granule state);
   * null where the host does. For reports, never on a hot path.
   */
  default @Nullable String ownerOf(long pfn) {
    return null;
  }

  /**
   * Makes the next calls into the trusted half fail as planned; an earlier plan is dropped.
   *
   * @return {@link Errno#OK}, or {@link Errno#EOPNOTSUPP} where this trusted half never fails so
   */
  default Errno plan(TrustedFault fault) {
    return Errno.EOPNOTSUPP;
  }

  /** Ends the platform; every VM is gone by then. */
  @Override
  default void close() {}
}
