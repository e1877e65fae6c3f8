package com.example.cove.kvm;

import com.example.cove.tsm.GuestCall;
import com.example.cove.tsm.SbiStatus;
import com.example.cove.tsm.Tsm;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.guest.Access;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.ops.MappingOps;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Running a vCPU: each step of the guest is one entry, the step, and the trap that ends it. A share
 * or unshare leaves to the VMM as KVM_EXIT_MEMORY_FAULT; until host and TSM are through with it the
 * vCPU cannot be entered and every run ends with the same exit.
 */
final class TvmRun {
  // scause of the access faults a guest takes itself: RISC-V privileged specification.
  private static final long INSTRUCTION_ACCESS_FAULT = 1;
  private static final long LOAD_ACCESS_FAULT = 5;
  private static final long STORE_ACCESS_FAULT = 7;

  private final Tsm tsm;
  private final TvmLife life;

  TvmRun(Tsm tsm, TvmLife life) {
    this.tsm = tsm;
    this.life = life;
  }

  /** Walks as the hart does; see {@link MappingOps#guestWalk}. */
  long walk(VcpuContext vcpu, TvmVcpuState v, long gpa, Access access) {
    long result;
    v.inGuest.lock();
    try {
      if (!tsm.enterVcpu(life.gid(), v.id).ok()) {
        vcpu.setExit(new Exit.Unknown());
        return MappingOps.WALK_EXIT;
      }
      result = tsm.access(life.gid(), gpa, access == Access.WRITE);
      tsm.leaveVcpu(life.gid(), v.id);
    } finally {
      v.inGuest.unlock();
    }
    if (result == Tsm.ACCESS_FAULT) {
      vcpu.setExit(
          new Exit.GuestAbort(
              switch (access) {
                case FETCH -> INSTRUCTION_ACCESS_FAULT;
                case READ -> LOAD_ACCESS_FAULT;
                case WRITE -> STORE_ACCESS_FAULT;
              }));
      return MappingOps.WALK_EXIT;
    }
    return result == Tsm.PAGE_FAULT ? MappingOps.WALK_FAULT : result;
  }

  /** Ends a run before its entry while a change of assignment is open. */
  Errno preRun(VcpuContext vcpu, TvmVcpuState v) {
    Exit.MemoryFault asked = v.asked;
    if (asked != null && blocked(v)) {
      vcpu.setExit(asked);
      return Errno.EFAULT;
    }
    return Errno.OK;
  }

  private boolean blocked(TvmVcpuState v) {
    v.inGuest.lock();
    try {
      if (!tsm.enterVcpu(life.gid(), v.id).ok()) {
        return true;
      }
      tsm.leaveVcpu(life.gid(), v.id);
      return false;
    } finally {
      v.inGuest.unlock();
    }
  }

  /**
   * Lets the guest make a call of the guest extension.
   *
   * @param fields {@code fn}: a name of {@link GuestCall} in lower case; {@code gpa}, {@code len}
   */
  RunResult covg(TvmVcpuState v, Fields fields) {
    String name = fields.text("fn", "").toUpperCase(Locale.ROOT);
    GuestCall call = null;
    for (GuestCall c : GuestCall.values()) {
      call = c.name().equals(name) ? c : call;
    }
    if (call == null) {
      return answer(SbiStatus.NOT_SUPPORTED);
    }
    long gpa = fields.number("gpa", 0);
    long length = fields.number("len", 0);
    SbiStatus s;
    v.inGuest.lock();
    try {
      if (!tsm.enterVcpu(life.gid(), v.id).ok()) {
        return new RunResult(Errno.EIO, new Exit.Unknown());
      }
      s = tsm.guestCall(life.gid(), v.id, call, gpa, length);
      tsm.leaveVcpu(life.gid(), v.id);
    } finally {
      v.inGuest.unlock();
    }
    boolean share = call == GuestCall.SHARE_MEMORY_REGION;
    if (!s.ok() || (!share && call != GuestCall.UNSHARE_MEMORY_REGION)) {
      return answer(s); // an error, or a region of MMIO, about which KVM has nothing to do
    }
    var exit = new Exit.MemoryFault(share ? 0 : Exit.MemoryFault.PRIVATE, gpa, length);
    v.asked = exit;
    return new RunResult(Errno.EFAULT, exit);
  }

  /** Goes on after a share or unshare that the host has carried out; null if none is open. */
  @Nullable RunResult resume(TvmVcpuState v) {
    if (v.asked == null) {
      return null;
    }
    v.asked = null;
    return answer(SbiStatus.SUCCESS);
  }

  private static RunResult answer(SbiStatus status) {
    return RunResult.ok(new Exit.Vendor(-1, "SBIRET", new Fields().put("status", status.code())));
  }
}
