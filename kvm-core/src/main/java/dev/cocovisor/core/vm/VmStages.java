package dev.cocovisor.core.vm;

import dev.cocovisor.core.mmu.SecondStage;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The second stages of a VM, one for each address space of slots ({@code kvm_mmu_page_as_id}): that
 * of SMM is made for the first vCPU that enters it. All their roots are thrown away together.
 */
final class VmStages {
  private final Vm vm;
  private final SecondStage main;
  private volatile @Nullable SecondStage smm;
  private volatile long generation;

  VmStages(Vm vm) {
    this.vm = vm;
    this.main = create(vm);
  }

  private static SecondStage create(Vm vm) {
    return vm.parts().secondStage().create(vm, vm.traits().shape());
  }

  /** Returns that of address space 0. */
  SecondStage main() {
    return main;
  }

  /** As {@link Vm#stage(int)}. */
  @Nullable SecondStage of(int as) {
    return as == 0 ? main : smm;
  }

  /** Returns those there are. */
  List<SecondStage> all() {
    SecondStage there = smm;
    return there == null ? List.of(main) : List.of(main, there);
  }

  /** Returns that of SMM, made for the first vCPU that needs it. */
  SecondStage ofSmm() {
    SecondStage there = smm;
    if (there != null) {
      return there;
    }
    vm.mmuLock().lock();
    try {
      SecondStage made = smm;
      if (made == null) {
        made = create(vm);
        smm = made;
      }
      return made;
    } finally {
      vm.mmuLock().unlock();
    }
  }

  /** Returns how many pages of a level are mapped in all of them. */
  long mappedPages(int level) {
    SecondStage there = smm;
    return main.counters().get(level) + (there == null ? 0 : there.counters().get(level));
  }

  /** Takes the leaves of an address space that overlap a range away; whether to flush. */
  boolean zapLeafs(int as, long start, long end, int roots, boolean notifier) {
    SecondStage there = of(as);
    return there != null && there.zapLeafs(start, end, roots, notifier);
  }

  /** The roots that hold private or shared memory (kvm_gfn_range_filter_to_root_types). */
  int rootsOf(boolean privateSide) {
    return main.hasPrivateRoot() && privateSide ? SecondStage.PRIVATE_ROOT : SecondStage.DIRECT;
  }

  /** Returns which roots are the current ones; it grows whenever all were thrown away. */
  long rootGeneration() {
    return generation;
  }

  /** Throws all roots away with what is mapped under them (kvm_mmu_zap_all_fast). */
  void zapAllRoots() {
    vm.mmuLock().assertExclusive();
    long next = generation + 1;
    generation = next;
    SecondStage there = smm;
    Runnable zap =
        there == null
            ? main::zapAllDirect
            : () -> {
              main.zapAllDirect();
              there.zapAllDirect();
            };
    vm.slotSteps().zapAll(zap, vm::flushRemoteTlbs);
  }
}
