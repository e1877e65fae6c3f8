package dev.cocovisor.api;

import dev.cocovisor.api.guest.Access;
import dev.cocovisor.api.ops.PopulateCallback;
import dev.cocovisor.api.sched.ModelLock;
import java.util.List;
import org.apiguardian.api.API;
import org.jspecify.annotations.Nullable;

/**
 * What KVM offers its vendor code for one VM.
 *
 * <p>Everything a backend may do to the generic half is here; a backend is unit-tested by mocking
 * this interface. gfn and pfn count 4 KiB pages, ranges are half-open.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public interface VmContext {
  /** Returns a number unique on the host, from 1. */
  int id();

  /** Returns the type the VM was created with. */
  VmType type();

  /** Returns the host. */
  HostMachine host();

  /** Returns the vCPUs in creation order; a snapshot. */
  List<? extends VcpuContext> vcpus();

  // Locks, for assertions and for hooks that must take one. Order: kvm, vCPU, slots, gmem, mmu.

  /** Returns {@code kvm->lock}. */
  ModelLock kvmLock();

  /** Returns {@code kvm->slots_lock}. */
  ModelLock slotsLock();

  /** Returns {@code kvm->mmu_lock}. */
  ModelLock mmuLock();

  // vCPUs and translations.

  /**
   * Returns the number of invalidations so far, to be read before a page of a guest_memfd is looked
   * up (mmu_invalidate_seq).
   *
   * @since 0.2
   */
  default long invalidations() {
    return 0;
  }

  /**
   * Tells whether the page of a gfn may have gone since {@link #invalidations} was read, so that it
   * has to be looked up again (mmu_invalidate_retry_gfn). Needs {@link #mmuLock}, shared or
   * exclusive.
   *
   * @since 0.2
   */
  default boolean invalidatedSince(long seen, long gfn) {
    return false;
  }

  /**
   * Makes every vCPU leave the guest and wait outside until the caller is done
   * (kvm_make_all_cpus_request, KVM_REQ_OUTSIDE_GUEST_MODE).
   */
  void kickVcpus();

  /**
   * Takes the mutex of every vCPU, so that none runs and none is changed until {@link
   * #unlockAllVcpus} (kvm_lock_all_vcpus): for what must see all of them at rest, as encrypting
   * their states does. Needs {@link #kvmLock} exclusive, which keeps new vCPUs away.
   */
  default void lockAllVcpus() {}

  /**
   * As {@link #lockAllVcpus}, without waiting (kvm_trylock_all_vcpus).
   *
   * @return false, with nothing locked, if a vCPU is in use
   */
  default boolean tryLockAllVcpus() {
    return true;
  }

  /** Gives back what {@link #lockAllVcpus} or {@link #tryLockAllVcpus} took. */
  default void unlockAllVcpus() {}

  /**
   * Drops every vCPU's cached translations and waits for those that are in the guest
   * (kvm_flush_remote_tlbs).
   */
  void flushRemoteTlbs();

  // Second stage.

  /**
   * Splits huge private leaves that cross either end of a range, so that a zap of the range leaves
   * nothing half mapped (the series' kvm_split_cross_boundary_leafs). Needs {@link #mmuLock}
   * exclusive.
   *
   * @return {@link Errno#OK}, or {@link Errno#ENOMEM} or a hook's error with nothing zapped
   */
  Errno splitRange(long gfnStart, long gfnEnd);

  /**
   * Splits the huge leaf that maps {@code gfn}, if any, down to {@code level}. Needs {@link
   * #mmuLock} exclusive.
   */
  Errno splitTo(long gfn, PageLevel level);

  /**
   * Zaps all leaves of a range, private and shared, and flushes (kvm_unmap_gfn_range). Needs {@link
   * #mmuLock} exclusive.
   */
  void zapRange(long gfnStart, long gfnEnd);

  /**
   * Maps one guest page as a fault by {@code vcpu} would (kvm_tdp_page_prefault).
   *
   * @param gpa bytes, without shared bit
   * @param isPrivate whether the private half is to be mapped
   * @return OK, or the fault's error
   */
  Errno mapPage(VcpuContext vcpu, long gpa, boolean isPrivate);

  /**
   * Returns the level of the leaf that maps {@code gfn} in the private or shared root; null if
   * none.
   */
  @Nullable PageLevel mappedLevel(long gfn, boolean isPrivate);

  /** Returns the frame a mapped gfn leads to, or -1. */
  long mappedPfn(long gfn, boolean isPrivate);

  /**
   * Takes what {@link #eachMapped} finds.
   *
   * @since 0.2
   */
  @API(status = API.Status.EXPERIMENTAL, since = "0.2")
  @FunctionalInterface
  interface MappedPage {
    /** A gfn is mapped to a frame. */
    void page(long gfn, long pfn);
  }

  /**
   * Calls {@code each} for every gfn that {@link #mappedPfn} has a frame for, in any order; costs
   * what is mapped, not what slots there are. For checks between calls.
   *
   * @since 0.2
   */
  @API(status = API.Status.EXPERIMENTAL, since = "0.2")
  default void eachMapped(boolean isPrivate, MappedPage each) {
    for (SlotView slot : slots()) {
      for (long gfn = slot.baseGfn(); gfn < slot.endGfn(); gfn++) {
        long pfn = mappedPfn(gfn, isPrivate);
        if (pfn >= 0) {
          each.page(gfn, pfn);
        }
      }
    }
  }

  /**
   * Returns which hypercalls end in user space: bit {@code n} for KVM hypercall {@code n}, as
   * KVM_CAP_EXIT_HYPERCALL set it.
   */
  default long exitHypercalls() {
    return 0;
  }

  /**
   * Returns what KVM_CAP_X86_NOTIFY_VMEXIT set: KVM_X86_NOTIFY_VMEXIT_ENABLED (1) and .._USER (2);
   * 0 where a guest that lets no event in for long is left alone.
   */
  default long notifyExits() {
    return 0;
  }

  /**
   * Returns the KVM_MSR_EXIT_REASON_* that KVM_CAP_X86_USER_SPACE_MSR set: for which of KVM's
   * refusals user space answers an MSR; 0 for none.
   */
  default long userSpaceMsrs() {
    return 0;
  }

  /** Returns the time stamp counter's frequency that KVM_SET_TSC_KHZ set on the VM, in kHz. */
  default long tscKhz() {
    return 2_000_000;
  }

  /** Tells whether KVM_CAP_X86_BUS_LOCK_EXIT asked for an exit at each bus lock of the guest. */
  default boolean busLockExits() {
    return false;
  }

  // Memory.

  /** Returns the slot that holds {@code gfn} in address space 0, or null. */
  @Nullable SlotView slotOf(long gfn);

  /** Returns all slots of address space 0 in gfn order; a snapshot. */
  List<? extends SlotView> slots();

  /** Tells whether KVM_MEMORY_ATTRIBUTE_PRIVATE is set on {@code gfn}. */
  boolean isPrivate(long gfn);

  /** Tells whether the whole range has exactly this privacy (kvm_range_has_memory_attributes). */
  boolean rangeIs(long gfnStart, long gfnEnd, boolean isPrivate);

  /**
   * Fills private pages of a guest_memfd and hands each to the vendor (kvm_gmem_populate). Needs
   * {@link #slotsLock} exclusive, which keeps slots, attributes and the file as they are; takes the
   * guest_memfd invalidate lock.
   *
   * @param gfn first page
   * @param userAddress source in the VMM's address space, or 0 for none
   * @param npages number of pages
   * @param each called once a block, in order; an error stops
   * @return pages done (at least 1) or a negative errno if none was
   */
  long populate(long gfn, long userAddress, long npages, PopulateCallback each);

  /**
   * Returns the guest_memfd frame of a private page, allocating it if asked.
   *
   * @return the pfn, or -1 where there is none (no slot, no guest_memfd, hole)
   */
  long gmemPfn(long gfn, boolean allocate);

  /** Reads the VMM's memory as copy_from_user would; {@link Errno#EFAULT} where it faults. */
  Errno copyFromUser(long userAddress, byte[] into, int offset, int length);

  /** Writes the VMM's memory as copy_to_user would. */
  Errno copyToUser(long userAddress, byte[] from, int offset, int length);

  /**
   * Returns the path of the device file that a descriptor of the VMM names, one of {@link
   * Backend#deviceFiles}; null where it names another file or none.
   *
   * @since 0.3
   */
  @API(status = API.Status.EXPERIMENTAL, since = "0.3")
  default @Nullable String deviceOf(long fd) {
    return null;
  }

  /**
   * Returns how many pages the VMM has locked (mm_struct's locked_vm): its mappings' and those that
   * {@link #accountLocked} added.
   *
   * @since 0.3
   */
  @API(status = API.Status.EXPERIMENTAL, since = "0.3")
  default long lockedPages() {
    return 0;
  }

  /**
   * Adds pages, below zero takes them away, that are locked on the VMM's account though no mapping
   * says so (account_locked_vm). Whether it may lock them is asked before.
   *
   * @since 0.3
   */
  @API(status = API.Status.EXPERIMENTAL, since = "0.3")
  default void accountLocked(long pages) {}

  /** Returns how many pages the VMM may lock (RLIMIT_MEMLOCK); -1 for any number. */
  default long lockedPagesLimit() {
    return -1;
  }

  /**
   * Makes the guest touch one byte in the course of its run, as {@link
   * dev.cocovisor.api.guest.GuestAction.Read} and {@code Write} do: translates, handles faults, and
   * loads or stores.
   *
   * @param gpa guest-physical address in bytes
   * @param value the byte stored
   * @return 0 to 255, a negative errno, or {@link #EXITED}
   */
  default long access(VcpuContext vcpu, long gpa, Access access, int value) {
    return -Errno.EOPNOTSUPP.number();
  }

  /** Result of {@link #access}: the run ends with the exit that was set. */
  long EXITED = -1_000_000;

  /**
   * Pins the frame behind a user address for writing (pin_user_pages), faulting it in.
   *
   * @return the pfn, or a negative errno
   */
  long pinUserPage(long userAddress);

  /**
   * As {@link #pinUserPage}, of memory that is not written: what may only be read can be pinned
   * (pin_user_pages without FOLL_WRITE).
   */
  default long pinUserPageToRead(long userAddress) {
    return pinUserPage(userAddress);
  }

  /** Gives a pin back. */
  void unpinUserPage(long pfn);

  /**
   * Reads shared guest memory as KVM itself does, through the VMM's mapping of the slot
   * (kvm_read_guest); {@link Errno#EFAULT} where there is no slot or nothing is mapped.
   *
   * @param gpa guest-physical address in bytes
   */
  default Errno readGuest(long gpa, byte[] into, int offset, int length) {
    return Errno.EFAULT;
  }

  /** Writes shared guest memory (kvm_write_guest); as {@link #readGuest}. */
  default Errno writeGuest(long gpa, byte[] from, int offset, int length) {
    return Errno.EFAULT;
  }

  /**
   * Takes what {@link #eachUserMapping} finds.
   *
   * @since 0.3
   */
  @API(status = API.Status.EXPERIMENTAL, since = "0.3")
  @FunctionalInterface
  interface UserRange {
    /** User addresses from {@code from} up to, without, {@code to} lie in one mapping. */
    void range(long from, long to);
  }

  /**
   * Calls {@code each}, with the mmap lock held, for every part of a range of user addresses that
   * lies in a mapping of the VMM's (find_vma_intersection); without an address space, for all of
   * it.
   *
   * @since 0.3
   */
  @API(status = API.Status.EXPERIMENTAL, since = "0.3")
  default void eachUserMapping(long from, long to, UserRange each) {
    each.range(from, to);
  }

  /**
   * Tells whether the local APICs are KVM's (KVM_CREATE_IRQCHIP or a split one): a vCPU that waits
   * then sleeps in KVM_RUN, which otherwise ends.
   */
  default boolean lapicInKernel() {
    return false;
  }

  // State.

  /**
   * A vCPU was tried again and again and got no further, where the real kernel would go on until a
   * signal comes. The host reports where it stood.
   *
   * @param gfn the page it stands at
   * @param tries how often it was tried
   * @return EINTR, which the run is to end with
   * @since 0.2
   */
  @API(status = API.Status.MAINTAINED, since = "0.2")
  default Errno standsStill(VcpuContext vcpu, long gfn, long tries) {
    return Errno.EINTR;
  }

  /**
   * Marks the VM dead without a bug (kvm_vm_dead): every later call answers EIO.
   *
   * @since 0.3
   */
  @API(status = API.Status.EXPERIMENTAL, since = "0.3")
  default void dead() {
    bug("the VM is dead");
  }

  /** Marks the VM dead and reports why (KVM_BUG_ON): every later call answers EIO. */
  void bug(String why);

  /** Tells whether {@link #bug} was called. */
  boolean isDead();

  /**
   * Gives frames up that a trusted half does not give back (snp_leak_pages, TDX reclaim failure,
   * free_delegated_page): each counts once, and whatever becomes of what it belongs to, nobody is
   * ever given it again.
   */
  void leak(long pfn, long count, String why);

  /**
   * Takes a frame back that was given up by {@link #leak}: the trusted half gave it back after all,
   * when it was asked once more. Nothing happens where it was not.
   *
   * @since 0.2
   */
  @API(status = API.Status.MAINTAINED, since = "0.2")
  default void regained(long pfn) {}
}
