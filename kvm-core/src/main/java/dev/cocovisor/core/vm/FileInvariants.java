package dev.cocovisor.core.vm;

import dev.cocovisor.core.gmem.BackingStore;
import dev.cocovisor.core.gmem.Binding;
import dev.cocovisor.core.gmem.Folio;
import dev.cocovisor.core.mem.PhysicalHost;
import dev.cocovisor.core.slot.MemSlot;
import dev.cocovisor.core.slot.MemSlots;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;
import java.util.function.Consumer;

/**
 * What must hold between calls of the files that a VM's private memory comes from. Costs time
 * proportional to their folios.
 *
 * <ul>
 *   <li>a slot with a file is bound there, at its place;
 *   <li>what is bound to a file is a slot that the VM has, and has so;
 *   <li>no folio is a frame that is free.
 * </ul>
 */
final class FileInvariants {
  private final Vm vm;
  private final Consumer<String> violation;
  private final Set<BackingStore> seen = Collections.newSetFromMap(new IdentityHashMap<>());

  FileInvariants(Vm vm, Consumer<String> violation) {
    this.vm = vm;
    this.violation = violation;
  }

  /** Looks at the slots of one address space and the files they name. */
  void check(int as) {
    MemSlots slots = vm.slotsOf(as);
    for (int i = 0; i < slots.size(); i++) {
      MemSlot slot = slots.at(i);
      BackingStore store = slot.gmem();
      if (store == null) {
        continue;
      }
      if (!store.isBound(slot, slot.gmemPage())) {
        violation.accept("slot " + slot.id() + " is not bound to its guest_memfd");
      }
      folios(slot, store);
      if (seen.add(store)) {
        store.bindings().forEach(this::bound);
      }
    }
  }

  private void bound(Binding b) {
    MemSlot slot = vm.slotsOf(b.asId()).byId(b.id());
    boolean live =
        slot != null
            && !slot.isInvalid()
            && slot.gmem() != null
            && slot.baseGfn() == b.baseGfn()
            && slot.npages() == b.npages()
            && slot.gmemPage() == b.gmemPage();
    if (!live) {
      violation.accept(
          "guest_memfd page 0x%x is bound to slot %d, which the VM does not have so"
              .formatted(b.gmemPage(), b.id()));
    }
  }

  private void folios(MemSlot slot, BackingStore store) {
    PhysicalHost memory = vm.memory();
    long end = slot.gmemPage() + slot.npages();
    for (long i = store.next(slot.gmemPage(), end); i >= 0; i = store.next(i, end)) {
      long folio = store.peek(i);
      long pages = 1L << Folio.order(folio);
      if (memory.isFree(Folio.pfn(folio))) {
        violation.accept(
            "guest_memfd page 0x%x is frame 0x%x, which is free".formatted(i, Folio.pfn(folio)));
      }
      i = (i & -pages) + pages;
    }
  }
}
