package dev.cocovisor.core.vm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.core.mm.Vma;
import dev.cocovisor.core.mmu.PageFault;
import dev.cocovisor.core.mmu.RetPf;
import dev.cocovisor.core.slot.MemSlot;
import java.util.function.Consumer;

/**
 * Private pages that are the VMM's own, each pinned as long as the guest has it, so that the frame
 * outlives its mapping. Source: {@code arch/arm64/kvm/mmu.c}, pkvm_mem_abort.
 */
final class PinnedPages implements PageSource {
  private final Vm vm;

  PinnedPages(Vm vm) {
    this.vm = vm;
  }

  @Override
  public int get(Vcpu vcpu, PageFault f, MemSlot slot) {
    if (f.write && slot.isReadonly()) {
      return RetPf.EMULATE;
    }
    long pfn = vm.space().pin(slot.userAddressOf(f.gfn));
    if (pfn < 0) {
      return -MappedPages.refuse(vm, f, pfn).number();
    }
    Vma vma = vm.space().find(slot.userAddressOf(f.gfn));
    if (vma == null || !vma.isSwapBacked()) {
      vm.space().unpin(pfn);
      return -vm.refuse(Errno.EIO, "the page is a file's: it cannot be kept from its file system")
          .number();
    }
    f.pfn = pfn;
    f.mapWritable = true;
    f.maxLevel = 1;
    return RetPf.CONTINUE;
  }

  /** The pin stays with a page that was given, only. */
  @Override
  public void giveBack(PageFault f) {
    vm.space().unpin(f.pfn);
  }

  @Override
  public boolean allowsLevel(MemSlot slot, long gfn, PageLevel level) {
    return slot.allowsLevel(gfn, level, false);
  }

  @Override
  public int limit(MemSlot slot, long gfn, int level) {
    return 1;
  }

  /** The frame may have outlived its mapping: nothing to compare it with. */
  @Override
  public void check(
      MemSlot slot, long gfn, long pfn, boolean writable, Consumer<String> violation) {}

  @Override
  public boolean followsUserMapping() {
    return true;
  }
}
