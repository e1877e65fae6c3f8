package dev.cocovisor.core.vm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.core.gmem.Binding;
import dev.cocovisor.core.gmem.BindingOwner;
import dev.cocovisor.core.gmem.PageFilter;
import dev.cocovisor.core.kernel.KernelRules;
import dev.cocovisor.core.mmu.SecondStage;
import java.util.List;

/**
 * What a VM does when the pages of a guest_memfd bound to it change.
 *
 * <p>Huge private leaves that cross an end of the range are split before the pages of a slot are
 * zapped; what an earlier slot lost stays lost where a later one runs out of memory, unless the
 * host splits all of them first ({@code core.split-order}).
 */
final class PrivateFiles implements BindingOwner {
  private final Vm vm;

  PrivateFiles(Vm vm) {
    this.vm = vm;
  }

  @Override
  public Errno gmemInvalidateBegin(
      List<? extends Binding> bound, long startPage, long endPage, PageFilter filter) {
    bound.forEach(Binding::assertLive);
    vm.mmuLock().lock();
    try {
      int roots = roots(filter);
      boolean splits = (roots & SecondStage.PRIVATE_ROOT) != 0;
      if (splits && vm.rules().splitsAllFirst()) {
        for (Binding s : bound) {
          Errno r = vm.stage().splitBoundaryLeafs(first(s, startPage), last(s, endPage));
          if (!r.ok()) {
            vm.flushRemoteTlbs();
            return r;
          }
        }
      }
      vm.invalidation().begin(Invalidation.Cause.PRIVATE_FILE);
      boolean flush = false;
      for (Binding s : bound) {
        long first = first(s, startPage);
        long last = last(s, endPage);
        vm.invalidation().add(first, last);
        Errno r = splits ? vm.stage().splitBoundaryLeafs(first, last) : Errno.OK;
        if (!r.ok()) {
          vm.flushRemoteTlbs();
          vm.invalidation().end(Invalidation.Cause.PRIVATE_FILE);
          return r;
        }
        flush |= vm.secondStages().zapLeafs(s.asId(), first, last, roots, false);
        vm.ops().gmemInvalidateRange(first, last);
      }
      if (flush) {
        vm.flushRemoteTlbs();
      }
      return Errno.OK;
    } finally {
      vm.mmuLock().unlock();
    }
  }

  private int roots(PageFilter filter) {
    return switch (filter) {
      case SHARED -> vm.secondStages().rootsOf(false);
      case PRIVATE -> vm.secondStages().rootsOf(true);
      case BOTH -> vm.secondStages().rootsOf(false) | vm.secondStages().rootsOf(true);
    };
  }

  @Override
  public PageFilter filterOfPages(boolean beginsShared) {
    return vm.rules().filesKeepAttributes()
        ? PageFilter.BOTH
        : BindingOwner.super.filterOfPages(beginsShared);
  }

  @Override
  public void gmemBecamePrivate(List<? extends Binding> bound, long startPage, long endPage) {
    for (Binding s : bound) {
      vm.kernelAccess().becomesPrivate(first(s, startPage), last(s, endPage));
    }
  }

  @Override
  public boolean mayBePrivate() {
    return vm.traits().hasPrivateMemory();
  }

  @Override
  public long attributeEntries() {
    return vm.rules().attributeEntries();
  }

  private static long first(Binding s, long startPage) {
    return s.baseGfn() + Math.max(s.gmemPage(), startPage) - s.gmemPage();
  }

  private static long last(Binding s, long endPage) {
    return s.baseGfn() + Math.min(s.gmemPage() + s.npages(), endPage) - s.gmemPage();
  }

  @Override
  public void gmemInvalidateEnd() {
    vm.mmuLock().lock();
    vm.invalidation().end(Invalidation.Cause.PRIVATE_FILE);
    vm.mmuLock().unlock();
  }

  @Override
  public void gmemFreed(long pfnStart, long pfnEnd) {
    vm.ops().gmemInvalidate(pfnStart, pfnEnd);
  }

  @Override
  public TraceSink trace() {
    return vm.host().trace();
  }

  @Override
  public Errno boundAlready() {
    return vm.rules().kernel().on(KernelRules.BIND_OVERLAP);
  }

  @Override
  public boolean takesRangesThatWrap() {
    return vm.rules().kernel().on(KernelRules.BIND_OFFSET_WRAPS);
  }

  @Override
  public void gmemOpened() {
    vm.get();
  }

  @Override
  public void gmemClosed() {
    vm.put();
  }

  @Override
  public void lockSlots() {
    vm.slotsLock().lock();
  }

  @Override
  public void unlockSlots() {
    vm.slotsLock().unlock();
  }
}
