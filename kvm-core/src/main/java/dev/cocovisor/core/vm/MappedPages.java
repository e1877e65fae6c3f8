package dev.cocovisor.core.vm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.core.mm.AddressSpace;
import dev.cocovisor.core.mmu.PageFault;
import dev.cocovisor.core.mmu.RetPf;
import dev.cocovisor.core.slot.MemSlot;
import java.util.function.Consumer;

/**
 * Pages that the VMM has mapped at the slot's user address. Sources: {@code
 * arch/x86/kvm/mmu/mmu.c}, kvm_mmu_faultin_pfn; {@code virt/kvm/kvm_main.c}, hva_to_pfn.
 */
final class MappedPages implements PageSource {
  private final Vm vm;
  private final boolean waitsForWrite;

  /**
   * Makes the source.
   *
   * @param waitsForWrite whether a page of a logged slot is mapped writable on a write only
   */
  MappedPages(Vm vm, boolean waitsForWrite) {
    this.vm = vm;
    this.waitsForWrite = waitsForWrite;
  }

  @Override
  public int get(Vcpu vcpu, PageFault f, MemSlot slot) {
    if (f.write && slot.isReadonly()) {
      return RetPf.EMULATE;
    }
    long hva = slot.userAddressOf(f.gfn);
    AddressSpace space = vm.space();
    long pte = space.fault(hva, f.write);
    if (pte < 0) {
      return -refuse(vm, f, pte).number();
    }
    f.pfn = AddressSpace.frameOf(pte);
    // x86 maps what the host lets be written writable at once, and logs it; arm64 waits for a write
    // while a slot is logged. Sources: spte.c, make_spte; arch/arm64/kvm/mmu.c, user_mem_abort.
    boolean waits = waitsForWrite && slot.isDirtyLogged() && !f.write;
    f.mapWritable = AddressSpace.isWritable(pte) && !slot.isReadonly() && !waits;
    return RetPf.CONTINUE;
  }

  static Errno refuse(Vm vm, PageFault f, long why) {
    return vm.refuse(
        Errno.EFAULT,
        why == AddressSpace.BUS
            ? "the page behind the slot's user address cannot be had"
            : f.write
                ? "the VMM has no writable mapping at the slot's user address"
                : "the VMM has no mapping at the slot's user address");
  }

  @Override
  public boolean allowsLevel(MemSlot slot, long gfn, PageLevel level) {
    return slot.allowsLevel(gfn, level, false);
  }

  @Override
  public int limit(MemSlot slot, long gfn, int level) {
    return level > 1 && vm.space().mappingShift(slot.userAddressOf(gfn)) == PageLevel.PAGE_SHIFT
        ? 1
        : Math.min(level, 2);
  }

  @Override
  public void check(
      MemSlot slot, long gfn, long pfn, boolean writable, Consumer<String> violation) {
    long hva = slot.userAddressOf(gfn);
    long pte = vm.space().peek(hva);
    if (pte == 0 || AddressSpace.frameOf(pte) != pfn) {
      violation.accept("maps a frame the process does not have there");
    } else if (writable && !AddressSpace.isWritable(pte)) {
      violation.accept("is writable where the process may not write");
    }
  }

  @Override
  public boolean followsUserMapping() {
    return true;
  }
}
