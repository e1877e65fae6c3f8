package dev.cocovisor.pkvm.kvm;

import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import org.jspecify.annotations.Nullable;

/**
 * Where in its code the guest is, which a KVM_RUN alone goes on from; under the vCPU's mutex.
 *
 * <p>Each action has a piece of code: it sets the vectors, acts, tells the VMM by a store to a
 * doorbell and spins. What ended with an error, or left for the VMM without a syndrome, stands at
 * the same instruction and is done again; what left by MMIO is finished first, whatever is mapped
 * there by now, and the doorbell comes next. Source: Linux 7.3, {@code arch/arm64/kvm/arm.c},
 * kvm_arch_vcpu_ioctl_run; {@code mmio.c}, kvm_handle_mmio_return, io_mem_abort; {@code reset.c},
 * kvm_reset_vcpu.
 */
final class GuestProgress {
  /** The name of a KVM_RUN without an action of its own. */
  static final String RUN = "run";

  /** What the guest does next. */
  enum At {
    /** Fetches from {@link #start}, where the guest has no code. */
    START,
    /** Acts. */
    ACTION,
    /** Rings the doorbell: the action is done. */
    DOORBELL,
    /** Takes an abort at its vectors. */
    VECTORS,
    /** Spins. */
    END
  }

  private At at = At.START;
  private long start;
  private boolean hasVectors;
  private @Nullable GuestAction action;

  /** Returns what the guest does next. */
  At at() {
    return at;
  }

  /** Returns the address of the next instruction in {@link At#START}. */
  long start() {
    return start;
  }

  /** Returns what is done next in {@link At#ACTION}. */
  @Nullable GuestAction action() {
    return action;
  }

  /** The vCPU was reset: all registers are 0 but the program counter. */
  void reset(long pc) {
    at = At.START;
    start = pc;
    hasVectors = false;
  }

  /** A run begins: with an action of its own, or where the last run left the guest. */
  void begin(VcpuContext vcpu) {
    GuestAction wanted = vcpu.action();
    if (wanted instanceof GuestAction.Vendor v && v.name().equals(RUN)) {
      RunResult last = vcpu.lastRun();
      if (at == At.ACTION && last != null && last.errno().ok()) {
        at = after(last.exit());
      }
      return;
    }
    at = At.ACTION;
    action = wanted;
  }

  private static At after(Exit exit) {
    if (exit.equals(LoadsAndStores.NISV)) {
      return At.ACTION;
    }
    // A guest that is suspended, or off, has left its HVC behind.
    return exit instanceof Exit.Mmio || exit instanceof Exit.SystemEvent ? At.DOORBELL : At.END;
  }

  /** The next instruction was fetched. */
  void fetched() {
    hasVectors |= at == At.ACTION;
  }

  /** No memory was there: the guest takes an abort, where it has vectors. */
  void aborted() {
    at = hasVectors ? At.VECTORS : At.START;
    start = 0;
  }

  /** The action is done, though its run did not end by itself. */
  void acted() {
    at = At.DOORBELL;
  }

  /** The VMM was told; the guest spins. */
  void told() {
    at = At.END;
  }
}
