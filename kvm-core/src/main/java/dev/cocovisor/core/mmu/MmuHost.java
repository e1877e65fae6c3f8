package dev.cocovisor.core.mmu;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.core.mem.PhysicalHost;

/** What the second stage needs from its VM. */
public interface MmuHost {
  /** Returns the hooks. */
  VmOps ops();

  /** Returns the host's memory, for external table pages. */
  PhysicalHost memory();

  /** Returns {@code mmu_lock}. */
  ModelLock mmuLock();

  /** Drops every vCPU's cached translations. */
  void flushRemoteTlbs();

  /** KVM_BUG_ON. */
  void bug(String why);

  /** Says why something is refused, and returns the error. */
  default Errno refuse(Errno error, String why) {
    return error;
  }

  /** Counts frames lost for good. */
  void leak(long pfn, long count, String why);

  /** Emits a trace event of the core, if anybody listens. */
  void traceCore(String name, long gfnStart, long gfnEnd);
}
