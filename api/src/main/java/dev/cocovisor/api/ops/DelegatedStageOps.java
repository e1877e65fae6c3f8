package dev.cocovisor.api.ops;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VcpuContext;
import org.apiguardian.api.API;

/**
 * Asks the trusted half to map and unmap, where it keeps the tables ({@link StageShape#DELEGATED}).
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public interface DelegatedStageOps {
  /**
   * Gets what {@link #mapDelegated} may need, before the core looks for the page: pKVM tops up the
   * vCPU's cache of table pages, and keeps them where no page is found.
   *
   * <p>Locks: vCPU mutex. Errors: any, ends the access (ENOMEM). Default: OK. Source: {@code
   * arch/arm64/kvm/mmu.c}, pkvm_mem_abort, user_mem_abort.
   */
  default Errno prepareDelegated(VcpuContext vcpu, boolean isPrivate) {
    return Errno.OK;
  }

  /**
   * Maps frames at a guest address: pKVM donates or shares them, CCA delegates and creates data or
   * maps unprotected. The core has pinned or allocated the frames and records them in its registry
   * after OK.
   *
   * <p>Locks: mmu shared, vCPU mutex. Errors: EAGAIN or EEXIST (already mapped by another vCPU:
   * spurious) retry the access, others end it. Default: OK.
   *
   * @param gfn aligned to {@code level}, without shared bit
   * @param writable whether the slot lets the guest write
   */
  default Errno mapDelegated(
      VcpuContext vcpu, long gfn, long pfn, PageLevel level, boolean isPrivate, boolean writable) {
    return Errno.OK;
  }

  /**
   * Judges a guest's fault on an address that the registry holds a page for. Locks: mmu shared,
   * vCPU mutex. Default: EAGAIN, another vCPU was faster and the guest tries again; any other error
   * ends the run (pKVM: EFAULT once the page was taken by force). Source: {@code
   * arch/arm64/kvm/pkvm.c}, pkvm_pgtable_stage2_map.
   */
  default Errno refaultDelegated(VcpuContext vcpu, long gfn, boolean isPrivate) {
    return Errno.EAGAIN;
  }

  /**
   * Limits the level of a delegated mapping. Locks: slots read-side. Default: 4 KiB.
   *
   * @param wanted what slot, backing and attributes allow
   */
  default PageLevel delegatedMaxLevel(long gfn, long pfn, PageLevel wanted, boolean isPrivate) {
    return PageLevel.PG_4K;
  }

  /**
   * Unmaps what {@link #mapDelegated} mapped and takes the frames back. Locks: mmu exclusive.
   * Errors: any; the frames stay in the registry and cannot be freed. Default: OK.
   */
  default Errno unmapDelegated(long gfn, long pfn, PageLevel level, boolean isPrivate) {
    return Errno.OK;
  }

  /**
   * Splits a mapping of many pages into pages of 4 KiB, because only some of them are to be
   * unmapped (CCA unfolds a block). Locks: mmu exclusive. Errors: EOPNOTSUPP (the default) lets the
   * core unmap the mapping as a whole; any other ends what was asked for before anything is
   * unmapped, as far as it can be refused (ENOMEM for a table).
   */
  default Errno splitDelegated(long gfn, PageLevel level, boolean isPrivate) {
    return Errno.EOPNOTSUPP;
  }

  /**
   * Takes write access to a mapping away, so that writes are logged. Locks: mmu exclusive. Errors:
   * EOPNOTSUPP (the default) lets the core unmap it instead, to come back read-only; after any
   * other the mapping stays as it is.
   */
  default Errno protectDelegated(long gfn, PageLevel level, boolean isPrivate) {
    return Errno.EOPNOTSUPP;
  }

  /**
   * Tells whether an MMU notifier may take the frames of this mapping (pKVM's protected guests: no,
   * their pages are pinned until the VM ends). Locks: mmu exclusive. Default: yes.
   */
  default boolean notifierMayUnmap(long gfn, boolean isPrivate) {
    return true;
  }

  /**
   * Returns how many pages the trusted half uses for this VM's tables; 0 where the core has all.
   */
  default long trustedTablePages() {
    return 0;
  }
}
