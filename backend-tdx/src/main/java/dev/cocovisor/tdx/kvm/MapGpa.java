package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.tdx.guest.VmcallStatus;

/**
 * TDVMCALL MapGPA: the guest asks for a range to be private or shared, KVM passes it to userspace
 * in chunks of 2 MiB, each a KVM_HC_MAP_GPA_RANGE exit.
 *
 * <p>Userspace answers 0, EAGAIN or EINVAL, as positive numbers; anything else is userspace's
 * mistake and KVM_RUN fails. The module has no part in it. Source: Linux 7.3, {@code
 * arch/x86/kvm/vmx/tdx.c}, tdx_map_gpa, __tdx_map_gpa, tdx_complete_vmcall_map_gpa.
 */
final class MapGpa implements Tdvmcall.Pending {
  /** The function number of MapGPA. */
  static final long FUNCTION = 0x10001;

  static final int HC_MAP_GPA_RANGE = 12;

  private static final long CHUNK = 2L << 20;
  private static final long ENCRYPTED = 1L << 4;

  /** KVM_EXIT_HYPERCALL_LONG_MODE. */
  static final long LONG_MODE = 1;

  private final TdxVm td;
  private final long sharedBit;
  private final long gpa;
  private final long end;
  private long at;

  MapGpa(TdxVm td, long gpa, long size) {
    this.td = td;
    this.sharedBit = td.sharedGfnMask() << PageLevel.PAGE_SHIFT;
    this.gpa = gpa;
    this.end = gpa + size;
    this.at = gpa;
  }

  private static RunResult done(long status) {
    return RunResult.ok(new Exit.Hlt(status));
  }

  /** Checks the range, then exits for the first chunk. */
  RunResult begin() {
    boolean legal =
        Long.compareUnsigned(end, gpa) > 0
            && Long.compareUnsigned(end - 1, sharedBit << 1) < 0
            && (gpa & sharedBit) == ((end - 1) & sharedBit);
    if (!legal) {
      return done(VmcallStatus.INVALID_OPERAND);
    }
    if (((gpa | end) & (PageLevel.PAGE_SIZE - 1)) != 0) {
      return done(VmcallStatus.ALIGN_ERROR);
    }
    return RunResult.ok(exit());
  }

  private Exit exit() {
    long bytes = Math.min(CHUNK, end - at);
    long attributes = (at & sharedBit) == 0 ? ENCRYPTED : 0;
    long[] args = {at & ~sharedBit, bytes >>> PageLevel.PAGE_SHIFT, attributes};
    return new Exit.Hypercall(HC_MAP_GPA_RANGE, args, LONG_MODE);
  }

  /** Goes on after userspace's answer: the next chunk, the guest's result, or no run at all. */
  @Override
  public RunResult answered(long ret) {
    if (ret != 0 && !td.vm().host().kernel().on(TdxKernelRules.ANSWERS_ARE_CHECKED)) {
      return done(VmcallStatus.INVALID_OPERAND);
    }
    if (ret == Errno.EAGAIN.number()) {
      return done(VmcallStatus.RETRY);
    }
    if (ret == Errno.EINVAL.number()) {
      return done(VmcallStatus.INVALID_OPERAND);
    }
    if (ret != 0) {
      Errno e = td.refuse(Errno.EINVAL, "hypercall.ret is neither 0, EAGAIN nor EINVAL");
      return new RunResult(e, exit());
    }
    at += CHUNK;
    return at < end ? RunResult.ok(exit()) : done(VmcallStatus.SUCCESS);
  }
}
