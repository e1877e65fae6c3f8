package dev.cocovisor.live.trace;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A traced thread: the call it is in, and what its process shares. */
final class Tracee {
  /** What the threads of a process have in common. */
  static final class Shared {
    final int pid;

    /** Where a vCPU's shared page is mapped, by the vCPU's descriptor. */
    final Map<Long, Long> runPages = new HashMap<>();

    /** The type of a VM, by its descriptor. */
    final Map<Long, Long> vmTypes = new HashMap<>();

    Shared(int pid) {
      this.pid = pid;
    }

    Shared copy(int child) {
      var shared = new Shared(child);
      shared.runPages.putAll(runPages);
      shared.vmTypes.putAll(vmTypes);
      return shared;
    }
  }

  final int tid;
  Shared shared;

  /** Whether a filter stops the thread only where somebody looks. */
  boolean filtered;

  /** The call between its two stops; null outside. */
  @Nullable SystemCall call;

  /** The call's arguments. */
  final long[] args = new long[6];

  /** What the structure held when the call began; null if there is none. */
  byte @Nullable [] before;

  /** What the structure points to held, for commands; null if there is none. */
  byte @Nullable [] passed;

  /** A string argument; null if there is none. */
  @Nullable String text;

  /** The descriptor of the vCPU that the thread ran last, -1 if none. */
  long vcpu = -1;

  /** Whether the last exit of that vCPU was a hypercall whose answer comes with the next run. */
  boolean resuming;

  Tracee(int tid, Shared shared) {
    this.tid = tid;
    this.shared = shared;
  }
}
