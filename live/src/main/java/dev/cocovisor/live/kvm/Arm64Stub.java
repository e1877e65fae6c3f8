package dev.cocovisor.live.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.live.agent.Listing;
import dev.cocovisor.live.sys.KvmRunStruct;
import dev.cocovisor.script.call.KvmCall;

/**
 * An arm64 guest at EL1 without translation of its own, whose code page is at 0x80000000 as that of
 * the recordings. It is told what to do by {@link Arm64Mailbox}: of a protected VM's registers the
 * host sets none after the first run. Source: {@code arch/arm64/kvm/mmio.c}, {@code
 * include/uapi/linux/kvm.h}.
 */
final class Arm64Stub implements GuestStub {
  private static final long CODE_GPA = 0x8000_0000L;
  private static final int VECTOR_AT = 0xa00;
  private static final int MOST_EXITS = 64;

  private static final long SET_ONE_REG = 0x4010_aeacL;
  private static final long PREFERRED_TARGET = 0x8020_aeafL;
  private static final long VCPU_INIT = 0x4020_aeaeL;

  /** KVM_REG_ARM64, of 64 bits, of the core, regs.pc. */
  private static final long PC = 0x6030_0000_0010_0040L;

  private static final long GENERIC_V8 = 5;
  private static final int ENOEXEC = 8;

  private final Kernel kernel;
  private final RunPage page;

  Arm64Stub(Kernel kernel) {
    this.kernel = kernel;
    this.page = new RunPage(kernel);
  }

  @Override
  public byte[] code() {
    return listing();
  }

  /** The listing with its last part where the vectors have it. */
  static byte[] listing() {
    Listing listing = Listing.of(Arm64Stub.class, "aarch64-guest.listing");
    byte[] parts = listing.code();
    int vector = listing.at("vector");
    byte[] code = new byte[VECTOR_AT + parts.length - vector];
    System.arraycopy(parts, 0, code, 0, vector);
    System.arraycopy(parts, vector, code, VECTOR_AT, parts.length - vector);
    // The listing's jumps are those of the places where the parts lie.
    return code;
  }

  /**
   * KVM_ARM_VCPU_INIT.
   *
   * @param vm the VM's descriptor, whose host says which target is preferred
   * @param features features[0]
   * @return 0 or the negative number of the error
   */
  long init(long vm, long vcpu, long features) {
    long ret = kernel.struct(32).ioctl(vm, PREFERRED_TARGET);
    long target = ret < 0 ? GENERIC_V8 : kernel.get32(0);
    return kernel.struct(32).put32(0, target).put32(4, features).ioctl(vcpu, VCPU_INIT);
  }

  @Override
  public RunResult run(LiveVcpu vcpu, KvmCall.GuestRun call) {
    if (call.action() instanceof GuestAction.Vendor v && v.name().equals("run")) {
      throw new Unsupported("a KVM_RUN without an action: what the guest does is the stub's own");
    }
    Arm64Mailbox box = Arm64Mailbox.of(call.action(), call.what());
    if (!vcpu.ready()) {
      begin(vcpu);
    }
    for (int i = 0; i < MOST_EXITS; i++) {
      long ret = page.run(vcpu);
      KvmRunStruct run = page.fetch(vcpu);
      Exit exit = run.exit();
      if (ret < 0) {
        // Where it stands is where it would go on.
        vcpu.setReady(false);
        return new RunResult(
            errno(-ret), exit instanceof Exit.MemoryFault ? exit : new Exit.Unknown());
      }
      if (!(exit instanceof Exit.Mmio m)) {
        return new RunResult(Errno.OK, exit);
      }
      if (!Arm64Mailbox.holds(m.physAddr())) {
        page.completeMmio(vcpu);
        return new RunResult(Errno.OK, exit);
      }
      if (m.isWrite()) {
        Exit end = box.stored(m.physAddr(), run.mmioData());
        if (end != null) {
          return new RunResult(Errno.OK, end);
        }
      } else {
        page.answerMmio(vcpu, box.load(m.physAddr()));
      }
    }
    throw new Unsupported("guest_" + call.what() + ": the stub did not end it");
  }

  /** The guest begins at the code page: at first, and where a run failed. */
  private void begin(LiveVcpu vcpu) {
    kernel.struct(24).put64(0, PC).put64(8, kernel.agent().scratchAddress() + 16);
    long ret = kernel.put64(16, CODE_GPA).ioctl(vcpu.fd(), SET_ONE_REG);
    if (ret < 0 && ret != -ENOEXEC) {
      throw new Unsupported(
          "KVM_SET_ONE_REG = "
              + ErrorNames.of(-ret)
              + ": a protected guest stays at the access that failed");
    }
    vcpu.setReady(ret == 0);
  }

  private static Errno errno(long number) {
    try {
      return Errno.of((int) number);
    } catch (IllegalArgumentException e) {
      throw new Unsupported("KVM_RUN = " + ErrorNames.of(number) + ": an error the model has not");
    }
  }
}
