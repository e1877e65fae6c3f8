package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.tdx.guest.VmcallStatus;
import dev.cocovisor.tdx.module.abi.Registers;
import org.jspecify.annotations.Nullable;

/**
 * TDVMCALL MapGPA: the guest asks for a range to be private or shared, KVM passes it to userspace
 * in chunks of 2 MiB, each a KVM_HC_MAP_GPA_RANGE exit.
 *
 * <p>The module has no part in it. Source: {@code arch/x86/kvm/vmx/tdx.c}, tdx_map_gpa,
 * __tdx_map_gpa, tdx_complete_vmcall_map_gpa.
 */
final class MapGpa {
  /** The function number of MapGPA. */
  static final long FUNCTION = 0x10001;

  private static final long CHUNK = 2L << 20;
  static final int HC_MAP_GPA_RANGE = 12;
  private static final long ENCRYPTED = 1L << 4;
  private static final long LONG_MODE = 1;

  private final long sharedBit;
  private final long gpa;
  private final long size;
  private long at;
  private long chunk;

  private MapGpa(long gpa, long size, long sharedBit) {
    this.gpa = gpa;
    this.size = size;
    this.sharedBit = sharedBit;
    this.at = gpa;
  }

  /** Returns the function number an action names in {@code fn}. */
  static long function(Fields f) {
    return f.text("fn", "").equals("MapGPA") ? FUNCTION : f.number("fn", 0);
  }

  /**
   * Reads what the host got in its registers: R10 0 for a standard call, R11 the function, R12 the
   * address, R13 the size; null for another function.
   */
  static @Nullable MapGpa of(Registers r, long sharedBit) {
    return r.r10 != 0 || r.r11 != FUNCTION ? null : new MapGpa(r.r12, r.r13, sharedBit);
  }

  private static RunResult done(long status) {
    return RunResult.ok(new Exit.Hlt(status));
  }

  /** Checks the range, then exits for the first chunk. */
  RunResult next() {
    long end = gpa + size;
    boolean legal =
        size > 0
            && gpa >= 0
            && end > gpa
            && end - 1 < sharedBit << 1
            && (gpa & sharedBit) == ((end - 1) & sharedBit);
    if (!legal) {
      return done(VmcallStatus.INVALID_OPERAND);
    }
    if (((gpa | size) & 4095) != 0) {
      return done(VmcallStatus.ALIGN_ERROR);
    }
    return exit();
  }

  private RunResult exit() {
    chunk = Math.min(CHUNK, gpa + size - at);
    long attributes = (gpa & sharedBit) == 0 ? ENCRYPTED : 0;
    long[] args = {at & ~sharedBit, chunk >>> 12, attributes};
    return RunResult.ok(new Exit.Hypercall(HC_MAP_GPA_RANGE, args, LONG_MODE));
  }

  /** Goes on after userspace's answer: the next chunk, or the guest's result. */
  RunResult answered(long ret) {
    if (ret != 0) {
      return done(
          ret == Errno.EAGAIN.number() || ret == -Errno.EAGAIN.number()
              ? VmcallStatus.RETRY
              : VmcallStatus.INVALID_OPERAND);
    }
    at += chunk;
    return at < gpa + size ? exit() : done(VmcallStatus.SUCCESS);
  }
}
