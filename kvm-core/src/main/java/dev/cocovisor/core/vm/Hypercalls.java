package dev.cocovisor.core.vm;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;

/**
 * KVM's own hypercalls, of which KVM_HC_MAP_GPA_RANGE is modelled; those that only hint at
 * scheduling succeed and do nothing.
 *
 * <p>Source: {@code arch/x86/kvm/x86.c}, ____kvm_emulate_hypercall and complete_hypercall_exit. A
 * guest in 32-bit mode passes 32-bit arguments and gets a 32-bit answer.
 */
final class Hypercalls {
  private static final long VAPIC_POLL_IRQ = 1;
  private static final long KICK_CPU = 5;
  private static final long SCHED_YIELD = 11;

  /** KVM_HC_MAP_GPA_RANGE. */
  static final long MAP_GPA_RANGE = 12;

  private static final long KVM_ENOSYS = 1000;
  private static final long KVM_EINVAL = 22;

  private final Vm vm;
  private final Vcpu vcpu;
  private boolean pending;
  private long pendingCode = GuestAction.NO_CODE;

  Hypercalls(Vm vm, Vcpu vcpu) {
    this.vm = vm;
    this.vcpu = vcpu;
  }

  RunResult call(long nr, long[] args, long code) {
    RunResult vendor = vm.ops().hypercall(vcpu, nr, args);
    if (vendor != null) {
      return vendor;
    }
    boolean narrow = vm.host().architecture().equals(Architecture.X86_64);
    long a0 = argument(args, 0, narrow);
    long a1 = argument(args, 1, narrow);
    long a2 = argument(args, 2, narrow);
    if (narrow && (nr == VAPIC_POLL_IRQ || nr == KICK_CPU || nr == SCHED_YIELD)) {
      return vcpu.halted(0);
    }
    if (nr != MAP_GPA_RANGE || !vm.capabilities().exitsOn(nr)) {
      return vcpu.halted(-KVM_ENOSYS);
    }
    if ((a0 & 4095) != 0 || a1 == 0 || Long.compareUnsigned((a0 >>> 12) + a1, a0 >>> 12) <= 0) {
      return vcpu.halted(-KVM_EINVAL);
    }
    pending = true;
    pendingCode = code;
    return RunResult.ok(new Exit.Hypercall(nr, new long[] {a0, a1, a2}, 0));
  }

  private static long argument(long[] args, int i, boolean narrow) {
    long a = i < args.length ? args[i] : 0;
    return narrow ? a & 0xffffffffL : a;
  }

  /**
   * Userspace answered: rax is set and the guest goes on to its halt.
   *
   * @throws IllegalArgumentException if no hypercall waits for an answer
   */
  RunResult resume(long ret) {
    if (!pending) {
      throw new IllegalArgumentException("no hypercall waits for an answer");
    }
    pending = false;
    long r = vcpu.fetchHypercall(pendingCode);
    boolean narrow = vm.host().architecture().equals(Architecture.X86_64);
    return r < 0 ? vcpu.ended(r) : vcpu.halted(narrow ? (int) ret : ret);
  }
}
