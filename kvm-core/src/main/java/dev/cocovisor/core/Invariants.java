package dev.cocovisor.core;

import dev.cocovisor.api.Architecture;
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
    if (kvm.architecture().equals(Architecture.X86_64) && kvm.memory().allocatedFrames() < 1) {
      violation.accept("the page of zeros was freed");
    }
  }
}
