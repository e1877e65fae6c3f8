package dev.cocovisor.core.host;

import dev.cocovisor.api.Platform;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.mmu.SecondStage;
import dev.cocovisor.core.vm.Vm;

/**
 * What a host counts for all its VMs: VmLck and nr_sec_page_table_pages.
 *
 * @param lockedPages pages that guests pin on the account of their VMM, and those of its mappings
 *     that are locked
 * @param secondaryTablePages pages that back second-stage tables, those in caches of a trusted half
 *     included
 */
public record HostCounters(long lockedPages, long secondaryTablePages) {
  /** Returns what the host of a VMM counts now, and what that VMM has locked. */
  public static HostCounters of(KvmProcess process) {
    Kvm kvm = process.kvm();
    long locked = process.space().mlockedPages();
    long tables = 0;
    for (Platform p : kvm.platforms()) {
      locked += p.lockedPages();
      tables += p.secondaryTablePages();
    }
    for (Vm vm : kvm.vms()) {
      for (SecondStage stage : vm.stages()) {
        tables += stage.tablePages() + stage.externalTablePages();
      }
    }
    return new HostCounters(locked, tables);
  }
}
