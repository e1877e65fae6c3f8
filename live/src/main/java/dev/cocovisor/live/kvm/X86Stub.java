package dev.cocovisor.live.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.script.call.KvmCall;

/**
 * An x86 guest in 32-bit protected mode without paging, as that of the recordings: a page of code
 * with a store at its start, a load at 16 and a hypercall at 32, each with a halt behind it.
 */
final class X86Stub implements GuestStub {
  private static final int WRITE_AT = 0;
  private static final int READ_AT = 16;
  private static final int HYPERCALL_AT = 32;

  private static final long GET_REGS = 0x8090_ae81L;
  private static final long SET_REGS = 0x4090_ae82L;
  private static final long GET_SREGS = 0x8138_ae83L;
  private static final long SET_SREGS = 0x4138_ae84L;
  private static final int SIZE_OF_REGS = 144;
  private static final int RIP = 128;
  private static final int RFLAGS = 136;
  private static final int SEGMENT = 24;
  private static final int CR0 = 224;
  private static final int EFER = 264;
  private static final int CODE_SEGMENT = 11;
  private static final int DATA_SEGMENT = 3;

  private final Kernel kernel;
  private final RunPage page;
  private final byte[] code = new byte[48];

  private final boolean emulated;

  /** Creates the stub for a machine. */
  X86Stub(Kernel kernel, Machine machine) {
    this.kernel = kernel;
    this.emulated = machine.mmu() == MmuKind.EMULATED;
    this.page = new RunPage(kernel);
    put(WRITE_AT, 0x88, 0x03, 0xf4); // mov [ebx], al; hlt
    put(READ_AT, 0x8a, 0x03, 0xf4); // mov al, [ebx]; hlt
    put(
        HYPERCALL_AT,
        0x0f,
        0x01,
        machine.hasVmmcall() ? 0xd9 : 0xc1,
        0xf4); // vmmcall or vmcall; hlt
  }

  private void put(int at, int... bytes) {
    for (int i = 0; i < bytes.length; i++) {
      code[at + i] = (byte) bytes[i];
    }
  }

  @Override
  public byte[] code() {
    return code.clone();
  }

  @Override
  public RunResult run(LiveVcpu vcpu, KvmCall.GuestRun call) {
    switch (call.action()) {
      case GuestAction.Read a -> registers(vcpu, a.code(), READ_AT, 0, a.gpa(), 0, 0);
      case GuestAction.Write a -> registers(vcpu, a.code(), WRITE_AT, a.value(), a.gpa(), 0, 0);
      case GuestAction.Hypercall _ when emulated ->
          throw new Unsupported("guest_hypercall: PVM's emulator never gets past the instruction");
      case GuestAction.Resume _ when emulated ->
          throw new Unsupported("guest_resume: there was no hypercall");
      case GuestAction.Hypercall a ->
          registers(vcpu, a.code(), HYPERCALL_AT, a.nr(), a.args()[0], a.args()[1], a.args()[2]);
      case GuestAction.Resume a -> page.answerHypercall(vcpu, a.ret());
      case GuestAction.Vendor a when a.name().equals("run") -> {}
      default -> throw new Unsupported("guest_" + call.what() + ": not an action of the x86 stub");
    }
    long ret = page.run(vcpu);
    boolean failed = ret < 0;
    Exit exit = page.fetch(vcpu).exit();
    if (failed && !(exit instanceof Exit.MemoryFault)) {
      exit = new Exit.Unknown();
    }
    switch (exit) {
      case Exit.Hlt _ -> exit = new Exit.Hlt(answer(vcpu, call));
      case Exit.Mmio _ -> page.completeMmio(vcpu);
      case Exit.Hypercall _ -> {}
      default -> vcpu.setReady(false);
    }
    return new RunResult(failed ? errno(-ret) : Errno.OK, exit);
  }

  /** Returns what the halted guest has in its register. */
  private long answer(LiveVcpu vcpu, KvmCall.GuestRun call) {
    boolean reads = call.action() instanceof GuestAction.Read;
    boolean calls =
        call.action() instanceof GuestAction.Hypercall
            || call.action() instanceof GuestAction.Resume;
    if (!reads && !calls) {
      return -1;
    }
    var _ = kernel.struct(SIZE_OF_REGS).ioctl(vcpu.fd(), GET_REGS);
    return reads ? kernel.get8(0) : (int) kernel.get32(0);
  }

  private static Errno errno(long number) {
    try {
      return Errno.of((int) number);
    } catch (IllegalArgumentException e) {
      throw new Unsupported("KVM_RUN = " + ErrorNames.of(number) + ": an error the model has not");
    }
  }

  /** The four registers a to d, and where the guest goes on. */
  private void registers(LiveVcpu vcpu, long codePage, int entry, long a, long b, long c, long d) {
    if (codePage == GuestAction.NO_CODE) {
      throw new Unsupported("a guest action that names no code page");
    }
    if (codePage >>> 32 != 0 || (entry != HYPERCALL_AT && b >>> 32 != 0)) {
      throw new Unsupported("a guest access from 4 GiB on: the stub has 32 bits");
    }
    if (!vcpu.ready()) {
      protectedMode(vcpu);
      vcpu.setReady(true);
    }
    var _ =
        kernel
            .struct(SIZE_OF_REGS)
            .put64(0, a)
            .put64(8, b)
            .put64(16, c)
            .put64(24, d)
            .put64(RIP, codePage + entry)
            .put64(RFLAGS, 2)
            .ioctl(vcpu.fd(), SET_REGS);
  }

  private void protectedMode(LiveVcpu vcpu) {
    var _ = kernel.struct(312).ioctl(vcpu.fd(), GET_SREGS);
    // cs, ds, es, fs, gs, ss: flat, of 4 GiB.
    for (int i = 0; i < 6; i++) {
      int at = i * SEGMENT;
      int type = i == 0 ? CODE_SEGMENT : DATA_SEGMENT;
      kernel.put64(at, 0).put32(at + 8, 0xffffffffL).put8(at + 12, i == 0 ? 8 : 16);
      kernel.put8(at + 13, 0).put8(at + 14, type).put8(at + 15, 1).put8(at + 16, 0);
      kernel.put8(at + 17, 1).put8(at + 18, 1).put8(at + 19, 0).put8(at + 20, 1);
      kernel.put8(at + 21, 0).put8(at + 22, 0);
    }
    // PE and ET; caches on, no paging.
    long ret = kernel.put64(CR0, 0x11).put64(EFER, 0).ioctl(vcpu.fd(), SET_SREGS);
    if (ret < 0) {
      throw new Unsupported("KVM_SET_SREGS = " + ErrorNames.of(-ret));
    }
  }
}
