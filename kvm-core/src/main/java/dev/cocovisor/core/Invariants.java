package dev.cocovisor.core;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Platform;
import dev.cocovisor.core.vm.Vm;
import dev.cocovisor.core.vm.VmInvariants;
import java.util.function.Consumer;

/** The checks of a whole host. */
final class Invariants {
  private Invariants() {}

  static void check(Kvm kvm, Consumer<String> violation) {
    for (Vm vm : kvm.vms()) {
      VmInvariants.check(vm, s -> violation.accept("vm " + vm.id() + ": " + s));
      vm.ops().checkInvariants(s -> violation.accept("vm " + vm.id() + ": " + s));
    }
    kvm.physicalMemory().checkInvariants(violation);
    // A kernel that said that something went wrong frees what a trusted half would not give back.
    if (!kvm.anyVmDied() && kvm.warnings().isEmpty()) {
      for (Platform p : kvm.platforms()) {
        p.showFrames(
            _ -> (first, pages, _, _, _, state) -> held(kvm, p, first, pages, state, violation));
      }
    }
    if (kvm.architecture().equals(Architecture.X86_64) && kvm.memory().allocatedFrames() < 1) {
      violation.accept("the page of zeros was freed");
    }
  }

  /** Whatever a trusted half keeps from the host is nobody's to hand out. */
  private static void held(
      Kvm kvm, Platform p, long first, long pages, String state, Consumer<String> violation) {
    for (long pfn = first; pfn < first + pages; pfn++) {
      if (kvm.memory().isFree(pfn) && p.ownerOf(pfn) != null) {
        violation.accept("frame 0x%x is free and not the host's: %s".formatted(pfn, state));
      }
    }
  }
}
