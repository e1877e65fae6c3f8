package dev.cocovisor.core.vm;

import dev.cocovisor.api.view.EntryKind;
import dev.cocovisor.api.view.TableSink;
import dev.cocovisor.core.gmem.BackingStore;
import dev.cocovisor.core.gmem.Folio;
import dev.cocovisor.core.mmu.Spte;
import dev.cocovisor.core.slot.DirtyBitmap;
import dev.cocovisor.core.slot.MemSlot;
import dev.cocovisor.core.slot.MemSlots;
import java.util.function.Consumer;
import java.util.function.LongConsumer;

/**
 * Shows what KVM keeps of a VM's memory, table by table, by gfn. Costs what is in the tables, never
 * the size of the memory; between calls only.
 */
public final class VmTables {
  private final Vm vm;

  /** Looks at a VM, which must not be destroyed. */
  public VmTables(Vm vm) {
    this.vm = vm;
  }

  private void eachSlot(Consumer<MemSlot> each) {
    MemSlots slots = vm.slotsOf(0);
    for (int i = 0; i < slots.size(); i++) {
      each.accept(slots.at(i));
    }
  }

  /** Shows the memory slots, each once. */
  public void slots(TableSink.Entries into) {
    eachSlot(s ->
        into.entries(
            s.baseGfn(),
            s.npages(),
            0,
            TableSink.NOWHERE,
            EntryKind.EMPTY,
            "slot "
                + s.id()
                + (s.hasGuestMemfd() ? ", guest_memfd" : "")
                + (s.isReadonly() ? ", read-only" : "")
                + (s.isDirtyLogged() ? ", dirty log" : "")));
  }

  /** Shows the memory attributes of every slot, if the VM has any. */
  public void attributes(TableSink.Entries into) {
    if (vm.rules().supportedAttributes() != 0) {
      eachSlot(s -> runs(s.baseGfn(), s.endGfn(), into));
    }
  }

  private void runs(long start, long end, TableSink.Entries into) {
    int value = vm.attributes().get(start);
    if (vm.attributes().rangeIs(start, end, 0xff, value)) {
      boolean isPrivate = (value & MemoryAttributesIoctl.PRIVATE) != 0;
      into.entries(
          start,
          end - start,
          0,
          TableSink.NOWHERE,
          isPrivate ? EntryKind.PRIVATE : EntryKind.SHARED,
          isPrivate ? "private" : "shared");
      return;
    }
    // Split where the largest aligned piece of the range begins or ends: few questions, no page.
    long middle = -1L << (63 - Long.numberOfLeadingZeros(start ^ (end - 1))) & (end - 1);
    runs(start, middle, into);
    runs(middle, end, into);
  }

  /** Shows the pages that the slots' private files have. */
  public void backing(TableSink.Entries into) {
    eachSlot(s -> {
      BackingStore store = s.gmem();
      if (store == null) {
        return;
      }
      long offset = s.gmemPage() - s.baseGfn();
      long end = s.gmemPage() + s.npages();
      for (long i = next(store, s.gmemPage(), end); i >= 0; i = next(store, i, end)) {
        long folio = store.peek(i);
        int order = Folio.order(folio);
        // A large folio may begin before the slot or end behind it.
        long pages = Math.min(((i >>> order) + 1) << order, end) - i;
        into.entries(
            i - offset,
            pages,
            pages == 1L << order ? order : 0,
            Folio.pfn(folio),
            EntryKind.PRIVATE,
            Folio.prepared(folio) ? "allocated, prepared" : "allocated");
        i += pages;
      }
    });
  }

  private static long next(BackingStore store, long from, long end) {
    return from < end && store.peek(from) != 0 ? from : store.next(from, end);
  }

  /** Tells whether private memory has a root of its own in the core. */
  public boolean hasMirror() {
    return vm.stage().hasPrivateRoot();
  }

  /** Shows the leaves of one root. */
  public void stage(boolean mirror, TableSink.Entries into) {
    vm.stage()
        .visitLeafs(
            mirror,
            (gfn, level, spte) ->
                into.entry(
                    gfn,
                    9 * (level - 1),
                    Spte.pfn(spte),
                    Spte.isPrivate(spte) ? EntryKind.PRIVATE : EntryKind.SHARED,
                    (Spte.isPrivate(spte) ? "private" : "shared")
                        + (Spte.isWritable(spte) ? "" : ", read-only")));
  }

  /** Returns the ids of the vCPUs, ascending. */
  public int[] vcpus() {
    Vcpu[] all = vm.vcpuArray();
    int[] ids = new int[all.length];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = all[i].id();
    }
    return ids;
  }

  /** Shows the translations of one vCPU, in no order. */
  public void cached(int vcpu, TableSink.Entries into) {
    Vcpu v = vm.vcpu(vcpu);
    if (v != null) {
      String flush = v.flushPending() ? ", to be flushed" : "";
      v.tlb()
          .visit((gfn, isPrivate, pfn, writable) ->
              into.entry(
                  gfn,
                  0,
                  pfn,
                  isPrivate ? EntryKind.PRIVATE : EntryKind.SHARED,
                  (isPrivate ? "private" : "shared") + (writable ? "" : ", read-only") + flush));
    }
  }

  /** Names the pages in the log of dirty pages. */
  public void dirty(LongConsumer gfn) {
    eachSlot(s -> {
      DirtyBitmap log = s.dirtyBitmap();
      for (int w = 0; log != null && w < log.size(); w++) {
        for (long word = log.word(w); word != 0; word &= word - 1) {
          gfn.accept(s.baseGfn() + 64L * w + Long.numberOfTrailingZeros(word));
        }
      }
    });
  }
}
