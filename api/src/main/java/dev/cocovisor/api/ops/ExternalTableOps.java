package dev.cocovisor.api.ops;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.view.TableSink;
import org.apiguardian.api.API;

/**
 * Carries each change of a {@link StageShape#MIRRORED} root to the external table.
 *
 * <p>While a hook runs the mirror's entry is FROZEN, so that nobody else changes it; after success
 * the new value is written, after an error the old one is put back. gfn is aligned to {@code
 * level}.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public interface ExternalTableOps {
  /** Answer of {@link #externalPfn}: this backend cannot tell. */
  long UNKNOWN = -2;

  /** Answer of {@link #externalPfn}: nothing is mapped there at that level. */
  long NONE = -1;

  /**
   * Links a table page ({@code link_external_spt}): none → table.
   *
   * <p>Locks: mmu shared or exclusive. Errors: EBUSY or EAGAIN retry the fault, others end it.
   * Default: OK. Source: {@code arch/x86/kvm/mmu/tdp_mmu.c}, of 6.16 set_external_spte_present, of
   * 7.3 __handle_changed_spte.
   *
   * @param level the level of the entry that will point to the table
   * @param sptPfn frame of the external table page
   */
  default Errno linkExternalSpt(long gfn, PageLevel level, long sptPfn) {
    return Errno.OK;
  }

  /**
   * Maps a leaf ({@code set_external_spte}): none → leaf. Locks and errors as {@link
   * #linkExternalSpt}.
   */
  default Errno setExternalSpte(long gfn, PageLevel level, long pfn) {
    return Errno.OK;
  }

  /**
   * Takes a leaf away ({@code remove_external_spte}): leaf → none. It must not fail for lack of
   * memory; an error is a bug of the vendor half and kills the VM (KVM_BUG_ON). Locks: mmu
   * exclusive. Default: OK. Source: {@code arch/x86/kvm/mmu/tdp_mmu.c}, of 6.16
   * remove_external_spte, of 7.3 __handle_changed_spte.
   */
  default Errno removeExternalSpte(long gfn, PageLevel level, long pfn) {
    return Errno.OK;
  }

  /**
   * Turns a huge leaf into a table of the next level that maps the same frames ({@code
   * split_external_spt}). Locks: mmu exclusive; RFC v1 calls it under the shared lock too and takes
   * EBUSY for an answer; EAGAIN there asks for the exclusive lock. Errors: EBUSY, EAGAIN, ENOMEM,
   * EIO; the leaf stays. Default: OK.
   *
   * @param level the huge leaf's level
   * @param pfn the huge leaf's first frame
   * @param sptPfn frame of the new external table page
   * @param shared whether mmu lock is only held shared
   */
  default Errno splitExternalSpt(long gfn, PageLevel level, long pfn, long sptPfn, boolean shared) {
    return Errno.OK;
  }

  /**
   * Gives a table page back at teardown or after its parent was cut ({@code free_external_spt}).
   * Locks: mmu exclusive. Errors: any; the page is leaked. Default: OK.
   */
  default Errno freeExternalSpt(long gfn, PageLevel level, long sptPfn) {
    return Errno.OK;
  }

  /**
   * Tells what the external table maps, for checkers: mirror = external table, leaf by leaf. Locks:
   * none. Default: {@link #UNKNOWN}.
   */
  default long externalPfn(long gfn, PageLevel level) {
    return UNKNOWN;
  }

  /**
   * Shows the tables that the trusted half keeps of this VM's memory, by gfn: S-EPT, RTT, a second
   * stage of its own. For reports, between calls. Locks: none. Default: it has none.
   */
  default void showTables(TableSink into) {}
}
