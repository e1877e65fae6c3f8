package dev.cocovisor.script.scenario;

import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.mmu.Spte;
import dev.cocovisor.core.slot.MemSlot;
import dev.cocovisor.core.vm.Vm;
import dev.cocovisor.core.vm.VmTables;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Notices when frames of guests change hands.
 *
 * <p>Looks at every frame that private memory of the VMs has after a step and asks the platforms
 * who holds it; frames that held a page before are asked about once more when they leave. Costs
 * what the VMs have, not how large they are; a slot larger than 1 GiB is not looked at: this is for
 * scenarios that people read.
 */
final class FrameWatch {
  private static final long MOST_PAGES = 1L << 18;

  /** Owners that are not the host, by frame. */
  private TreeMap<Long, String> held = new TreeMap<>();

  /** Says what changed since the last look, neighbours with the same change in one line. */
  List<String> look(Kvm kvm, Collection<Vm> vms) {
    var now = new TreeMap<Long, String>();
    for (Vm vm : vms) {
      if (!vm.isDestroyed()) {
        ofFiles(kvm, vm, now);
        ofMappings(kvm, vm, now);
      }
    }
    held.keySet().stream().filter(pfn -> !now.containsKey(pfn)).forEach(p -> note(kvm, p, now));
    List<String> changes = changes(held, now);
    held = now;
    return changes;
  }

  /** Frames of private files, mapped or not. */
  private static void ofFiles(Kvm kvm, Vm vm, Map<Long, String> into) {
    new VmTables(vm)
        .backing((first, pages, _, leadsTo, _, _) -> {
          MemSlot slot = vm.slotsOf(0).find(first);
          for (long i = 0; looksAt(slot) && i < pages; i++) {
            note(kvm, leadsTo + i, into);
          }
        });
  }

  /** Frames of private memory that is the VMM's own: those that are mapped. */
  private static void ofMappings(Kvm kvm, Vm vm, Map<Long, String> into) {
    vm.stage()
        .visitLeafs(
            vm.stage().hasPrivateRoot(),
            (gfn, level, spte) -> {
              long pages = 1L << (9 * (level - 1));
              for (long i = 0; i < pages; i++) {
                MemSlot slot = vm.slotsOf(0).find(gfn + i);
                if (slot != null && !slot.hasGuestMemfd() && looksAt(slot)) {
                  note(kvm, Spte.pfn(spte) + i, into);
                }
              }
            });
  }

  private static boolean looksAt(@Nullable MemSlot slot) {
    return slot != null && slot.npages() <= MOST_PAGES;
  }

  private static void note(Kvm kvm, long pfn, Map<Long, String> into) {
    if (pfn >= 0) {
      String owner = HostView.ownerOf(kvm, pfn);
      if (!owner.equals("host")) {
        into.put(pfn, owner);
      }
    }
  }

  private static List<String> changes(Map<Long, String> before, Map<Long, String> after) {
    var frames = new TreeMap<Long, String>();
    before.forEach((pfn, owner) -> {
      String now = after.getOrDefault(pfn, "host");
      if (!now.equals(owner)) {
        frames.put(pfn, owner + " -> " + now);
      }
    });
    after.forEach((pfn, owner) -> {
      if (!before.containsKey(pfn)) {
        frames.put(pfn, "host -> " + owner);
      }
    });
    var lines = new ArrayList<String>();
    long first = -2;
    long last = -2;
    String change = "";
    for (Map.Entry<Long, String> e : frames.entrySet()) {
      if (e.getKey() != last + 1 || !e.getValue().equals(change)) {
        line(first, last, change, lines);
        first = e.getKey();
        change = e.getValue();
      }
      last = e.getKey();
    }
    line(first, last, change, lines);
    return lines;
  }

  private static void line(long first, long last, String change, List<String> into) {
    if (first >= 0) {
      into.add(
          "pfn=0x%x%s: %s"
              .formatted(first, last > first ? "..0x%x".formatted(last + 1) : "", change));
    }
  }
}
