package dev.cocovisor.core.vm;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.core.mem.PhysicalHost;
import dev.cocovisor.core.mmu.LeafVisitor;
import dev.cocovisor.core.mmu.SecondStage;
import dev.cocovisor.core.mmu.Spte;
import java.util.function.Consumer;

/**
 * What holds at every moment, also while calls are half done: no frame that a second stage maps, or
 * a vCPU has cached and was not told to forget, is free. What holds only when nobody acts is {@link
 * VmInvariants}'.
 */
public final class AlwaysInvariants {
  private AlwaysInvariants() {}

  /** Reports everything broken, in words that name the gfn and the frame. */
  public static void check(Vm vm, PhysicalHost memory, Consumer<String> violation) {
    LeafVisitor leaf =
        (gfn, level, spte) -> {
          long pfn = Spte.pfn(spte);
          for (long i = 0; i < PageLevel.of(level).pages(); i++) {
            if (memory.isFree(pfn + i)) {
              violation.accept(
                  "gfn 0x%x is mapped to frame 0x%x, which is free".formatted(gfn + i, pfn + i));
              return;
            }
          }
        };
    for (SecondStage stage : vm.stages()) {
      stage.visitLeafs(false, leaf);
      if (stage.hasPrivateRoot()) {
        stage.visitLeafs(true, leaf);
      }
    }
    for (Vcpu v : vm.vcpuArray()) {
      if (!v.flushPending()) {
        v.tlb()
            .visit((gfn, _, pfn, _) -> {
              if (memory.isFree(pfn)) {
                violation.accept(
                    "vcpu %d caches gfn 0x%x as frame 0x%x, which is free"
                        .formatted(v.id(), gfn, pfn));
              }
            });
      }
    }
  }
}
