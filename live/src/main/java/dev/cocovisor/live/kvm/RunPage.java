package dev.cocovisor.live.kvm;

import static dev.cocovisor.live.agent.Syscall.*;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.guest.Exit;

/** A vCPU's kvm_run page: what KVM_RUN left there, and what userspace answers. */
final class RunPage {
  static final int EXIT_HYPERCALL = 3;
  static final int EXIT_HLT = 5;
  static final int EXIT_MMIO = 6;
  static final int EXIT_SHUTDOWN = 8;
  static final int EXIT_INTERNAL_ERROR = 17;
  static final int EXIT_SYSTEM_EVENT = 24;
  static final int EXIT_MEMORY_FAULT = 39;

  private static final int IMMEDIATE_EXIT = 1;
  private static final int EXIT_REASON = 8;
  private static final int UNION = 32;
  private static final int MMIO_DATA = UNION + 8;
  private static final int HYPERCALL_RET = UNION + 56;
  private static final int LOOKED_AT = 128;

  private final Kernel kernel;

  RunPage(Kernel kernel) {
    this.kernel = kernel;
  }

  /** Lets the guest run; 0 or the negative number of the error. */
  long run(LiveVcpu vcpu) {
    return kernel.ioctl(vcpu.fd(), Kernel.RUN, 0);
  }

  /** Fetches the page and returns why the guest stopped. */
  int reason(LiveVcpu vcpu) {
    var _ = kernel.agent().copy(kernel.agent().scratchAddress(), vcpu.run(), LOOKED_AT);
    return (int) kernel.get32(EXIT_REASON);
  }

  /**
   * Returns the exit of the page that was fetched last.
   *
   * @param halted what a halt means here
   */
  Exit exit(int reason, Exit halted) {
    return switch (reason) {
      case 0 -> new Exit.Unknown();
      case EXIT_HLT -> halted;
      case EXIT_MMIO ->
          new Exit.Mmio(
              kernel.get64(UNION), (int) kernel.get32(UNION + 16), kernel.get8(UNION + 20) != 0);
      case EXIT_SHUTDOWN -> new Exit.Shutdown();
      case EXIT_HYPERCALL ->
          new Exit.Hypercall(
              kernel.get64(UNION),
              new long[] {
                kernel.get64(UNION + 8), kernel.get64(UNION + 16), kernel.get64(UNION + 24)
              },
              kernel.get64(UNION + 64));
      case EXIT_INTERNAL_ERROR -> new Exit.KvmInternalError((int) kernel.get32(UNION));
      case EXIT_SYSTEM_EVENT -> new Exit.SystemEvent((int) kernel.get32(UNION));
      case EXIT_MEMORY_FAULT ->
          new Exit.MemoryFault(
              kernel.get64(UNION), kernel.get64(UNION + 8), kernel.get64(UNION + 16));
      default -> new Exit.Vendor(reason, "KVM_EXIT_" + reason, new Fields());
    };
  }

  /** Completes an MMIO exit, without letting the guest go on: a read sees ones. */
  void completeMmio(LiveVcpu vcpu) {
    answerMmio(vcpu, -1);
    immediate(vcpu, 1);
    var _ = run(vcpu);
    immediate(vcpu, 0);
  }

  /** Puts what the device answers to a read. */
  void answerMmio(LiveVcpu vcpu, long value) {
    kernel.put64(0, value);
    var _ = kernel.agent().copy(vcpu.run() + MMIO_DATA, kernel.agent().scratchAddress(), 8);
  }

  /** Returns what the guest wrote to a device, from the page that was fetched last. */
  long mmioData() {
    return kernel.get64(MMIO_DATA);
  }

  /** Puts userspace's answer to a hypercall. */
  void answerHypercall(LiveVcpu vcpu, long ret) {
    kernel.put64(0, ret);
    var _ = kernel.agent().copy(vcpu.run() + HYPERCALL_RET, kernel.agent().scratchAddress(), 8);
  }

  private void immediate(LiveVcpu vcpu, int on) {
    var _ = kernel.agent().store(vcpu.run() + IMMEDIATE_EXIT, on);
  }

  /** Maps the page of a new vCPU; the negative number of the error where that fails. */
  long map(long vcpu, long at, long size) {
    // PROT_READ|PROT_WRITE; MAP_SHARED|MAP_FIXED_NOREPLACE
    return kernel.call(MMAP, at, size, 3, 0x100001, vcpu, 0);
  }

  void unmap(LiveVcpu vcpu, long size) {
    var _ = kernel.call(MUNMAP, vcpu.run(), size);
  }
}
