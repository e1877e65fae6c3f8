package dev.cocovisor.pkvm.hyp;

import dev.cocovisor.api.view.EntryKind;
import dev.cocovisor.api.view.TableSink;

/** Shows what EL2 keeps: who has a frame that is not the host's alone, and a guest's stage 2. */
final class HypTables {
  private HypTables() {}

  static void frames(MemProtect mp, TableSink.Entries into) {
    mp.pages.forEachTouched(pfn -> {
      long pte = mp.host.entry(pfn);
      PageState host = mp.pages.host(pfn);
      Owner owner = Pte.valid(pte) ? Owner.HOST : Pte.owner(pte);
      switch (owner) {
        case GUEST ->
            into.entry(pfn, 0, Pte.ownerGfn(pte), EntryKind.PRIVATE, "guest, host has " + host);
        case HYP -> into.entry(pfn, 0, TableSink.NOWHERE, EntryKind.CONTROL, "EL2");
        case HOST -> {
          if (host != PageState.OWNED) {
            into.entry(pfn, 0, TableSink.NOWHERE, EntryKind.SHARED, "host has " + host);
          }
        }
      }
    });
  }

  static void guest(VmTable vms, int handle, TableSink.Entries into) {
    HypVm vm = vms.get(handle);
    if (vm == null) {
      return;
    }
    vm.stage2.forEach((gfn, level, pte) -> {
      PageState state = Pte.state(pte);
      into.entry(
          gfn,
          HypPageTable.shift(level),
          Pte.valid(pte) ? Pte.pfn(pte) : TableSink.NOWHERE,
          switch (state) {
            case OWNED -> EntryKind.PRIVATE;
            case SHARED_OWNED, SHARED_BORROWED -> EntryKind.SHARED;
            case NOPAGE -> EntryKind.EMPTY;
            case POISON -> EntryKind.LOST;
          },
          state.name());
    });
  }
}
