package dev.cocovisor.pkvm.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.guest.Access;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.pkvm.guest.LoadStore;
import dev.cocovisor.pkvm.guest.LoadStore.Kind;

/**
 * Guest instructions that touch more than one plain byte, and what becomes of them where no memory
 * is.
 *
 * <p>Emulation by user space needs a syndrome; without one a protected guest takes an external
 * abort, another VM's run ends with ENOSYS unless its VMM asked for the exit. Source: {@code
 * arch/arm64/kvm/mmio.c}, io_mem_abort; {@code mmu.c}, kvm_handle_guest_abort.
 *
 * <p>A cache operation by address translates nothing on the recorded machine, whose emulator has no
 * caches: it gives the guest no page and meets none that was taken away. A processor may fault
 * there, and KVM then skips it outside all slots.
 */
final class LoadsAndStores {
  /** The exit of an access without a syndrome that the VMM wanted to see. */
  static final Exit NISV = new Exit.Vendor(28, "KVM_EXIT_ARM_NISV", new Fields());

  private static final long PC_ALIGNMENT_FAULT = 0x8a00_0000L;

  /** An undefined instruction: what zeros, and most data, are. */
  private static final long UNDEFINED = 0x200_0000L;

  private final VmContext vm;
  private final boolean isProtected;
  private final long pages;
  private final VmFlags flags;

  /**
   * Prepares a VM's.
   *
   * @param pages how many guest pages can be addressed
   */
  LoadsAndStores(VmContext vm, boolean isProtected, long pages, VmFlags flags) {
    this.vm = vm;
    this.isProtected = isProtected;
    this.pages = pages;
    this.flags = flags;
  }

  RunResult run(VcpuContext vcpu, LoadStore op) {
    Kind kind = op.kind();
    if (kind == Kind.DC_CIVAC) {
      return RunResult.ok(new Exit.Done(-1));
    }
    Access access = kind == Kind.EXEC ? Access.FETCH : kind.stores() ? Access.WRITE : Access.READ;
    long first = op.first();
    // A jump to an address between instructions faults once the first byte's page is there (on the
    // recorded machine; the architecture has it fault before), an instruction never crosses pages.
    int bytes = kind == Kind.EXEC ? 1 : kind.bytes();
    for (int i = 0; i < bytes; i++) {
      long at = first + i;
      if (pageOf(at) >= pages) {
        return RunResult.ok(new Exit.GuestAbort(GuestRuns.addressSize(access)));
      }
      if (vm.slotOf(pageOf(at)) == null) {
        return noMemory(op, i == 0 ? op.gpa() : at);
      }
      long r = vm.access(vcpu, at, access, op.byteAt(i));
      if (r == VmContext.EXITED) {
        // Memory, but not for a store.
        return noMemory(op, i == 0 ? op.gpa() : at);
      }
      if (r < 0) {
        return new RunResult(Errno.of((int) -r), new Exit.Unknown());
      }
    }
    if (kind != Kind.EXEC) {
      return RunResult.ok(new Exit.Done(-1));
    }
    return RunResult.ok(new Exit.GuestAbort((op.gpa() & 3) != 0 ? PC_ALIGNMENT_FAULT : UNDEFINED));
  }

  private static long pageOf(long gpa) {
    return gpa >>> PageLevel.PAGE_SHIFT;
  }

  private RunResult noMemory(LoadStore op, long at) {
    Kind kind = op.kind();
    if (kind == Kind.EXEC) {
      return RunResult.ok(new Exit.GuestAbort(GuestRuns.ESR_FETCH_EXTERNAL_ABORT));
    }
    if (kind.hasSyndrome()) {
      return RunResult.ok(new Exit.Mmio(at, kind.bytes(), kind.stores()));
    }
    if (isProtected) {
      return RunResult.ok(new Exit.GuestAbort(GuestRuns.ESR_EXTERNAL_ABORT));
    }
    return flags.nisvToUser
        ? RunResult.ok(NISV)
        : new RunResult(
            vm.host().trace().refuse(Errno.ENOSYS, "an access without a syndrome"),
            new Exit.Unknown());
  }
}
