package dev.cocovisor.api;

import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.trusted.TrustedCall;
import dev.cocovisor.api.trusted.TrustedFault;
import dev.cocovisor.api.view.TableSink;
import java.util.List;
import java.util.function.Consumer;
import org.apiguardian.api.API;
import org.jspecify.annotations.Nullable;

/**
 * The trusted part of one technology on one host, shared by all its VMs there.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
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
   * Shows the tables by which the trusted half knows who has each frame (RMP, PAMT, granules), by
   * frame; entries that say no more than that the host has a frame are left out. For reports,
   * between calls.
   */
  default void showFrames(TableSink into) {}

  /**
   * Called when the host is about to touch a frame that the technology keeps from it: the trusted
   * half may make it readable first, encrypted or emptied (s390's {@code
   * arch_make_folio_accessible}, an SNP swap-out). The default leaves it as it is, and the access
   * ends as {@link #guard} says.
   *
   * @return whether the frame was made accessible, so that the guard is to be asked again
   */
  default boolean makeAccessible(long pfn) {
    return false;
  }

  /**
   * Called when the host's kernel touched, through its own mapping and with nothing to fall back
   * on, a frame that {@link #guard} keeps from it: the trusted half may take the frame from its
   * guest by force, emptied (pkvm_force_reclaim_guest_page). By default it does not, and the access
   * ends as {@link #guard} says.
   *
   * @return whether the access goes on
   */
  default boolean takeBack(long pfn) {
    return false;
  }

  /**
   * Returns how many of the host's pages back second-stage tables that the core does not keep
   * (nr_sec_page_table_pages), those in caches for the trusted half included.
   */
  default long secondaryTablePages() {
    return 0;
  }

  /** Returns how many pages its guests pin on the account of their VMM (VmLck). */
  default long lockedPages() {
    return 0;
  }

  /**
   * Returns the value of a device attribute of /dev/kvm in one of the vendor's groups (x86 op
   * {@code dev_get_attr}); minus {@link Errno#ENXIO} where there is none, as by default.
   */
  default long deviceAttribute(long group, long attribute) {
    return -Errno.ENXIO.number();
  }

  /** Returns the rows of the trusted half: every call it takes; empty where there is none. */
  default List<? extends TrustedCall> trustedCalls() {
    return List.of();
  }

  /**
   * Makes the next calls into the trusted half fail as planned; an earlier plan is dropped.
   * Backends hand it to their {@link dev.cocovisor.api.trusted.FaultPlan}.
   *
   * @return {@link Errno#OK}, {@link Errno#ENOENT} where there is no such call, or {@link
   *     Errno#EOPNOTSUPP} where it never fails so
   */
  default Errno plan(TrustedFault fault) {
    return Errno.ENOENT;
  }

  /** Ends the platform; every VM is gone by then. */
  @Override
  default void close() {}
}
