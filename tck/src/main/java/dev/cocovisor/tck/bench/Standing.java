package dev.cocovisor.tck.bench;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.ops.ExternalTableOps;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.mmu.Spte;
import dev.cocovisor.core.vm.NoProgress;
import dev.cocovisor.core.vm.Vm;
import java.util.ArrayList;
import java.util.List;

/**
 * Whether guests get on. One that faults again and again where the host says that a page is mapped
 * would do so for ever; that is told with the page, what each table says of it, and the hook that
 * stopped the core last.
 */
final class Standing {
  private final Kvm kvm;
  private int told;

  Standing(Kvm kvm) {
    this.kvm = kvm;
  }

  /** Claims that no vCPU has stood still since the last call. */
  void claimProgress() {
    List<NoProgress> all = kvm.standstills();
    if (all.size() > told) {
      told = all.size();
      throw new AssertionError("a guest stands still: " + describe(all.getLast()));
    }
  }

  private String describe(NoProgress stuck) {
    var words = new ArrayList<String>();
    words.add(stuck.toString());
    for (Vm vm : kvm.vms()) {
      if (vm.id() == stuck.vm()) {
        long there = vm.stage().walk(stuck.gfn(), true);
        words.add("private: " + entry(there));
        words.add("shared: " + entry(vm.stage().walk(stuck.gfn(), false)));
        long external =
            vm.ops().externalPfn(stuck.gfn(), PageLevel.of(Math.max(1, Spte.level(there))));
        if (external != ExternalTableOps.UNKNOWN) {
          words.add("external table: " + (external < 0 ? "nothing" : "frame " + hex(external)));
        }
        owner(there, words);
      }
    }
    return String.join("; ", words);
  }

  private void owner(long entry, List<String> words) {
    for (Platform p : kvm.platforms()) {
      String owner = Spte.isLeaf(entry) ? p.ownerOf(Spte.pfn(entry)) : null;
      if (owner != null) {
        words.add("the frame is " + owner);
      }
    }
  }

  private static String entry(long e) {
    return Spte.isLeaf(e)
        ? "frame " + hex(Spte.pfn(e)) + " at level " + Spte.level(e)
        : "nothing is mapped";
  }

  private static String hex(long n) {
    return "0x" + Long.toHexString(n);
  }
}
