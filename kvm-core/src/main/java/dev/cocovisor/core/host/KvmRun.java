package dev.cocovisor.core.host;

import dev.cocovisor.api.guest.Exit;

/**
 * How the last run of a vCPU ended: the model's struct kvm_run. One per vCPU, overwritten by every
 * run, so that a run allocates nothing.
 */
public final class KvmRun {
  /** KVM_EXIT_UNKNOWN: also what is left when a run fails without a described exit. */
  public static final int EXIT_UNKNOWN = 0;

  /** KVM_EXIT_HYPERCALL. */
  public static final int EXIT_HYPERCALL = 3;

  /** KVM_EXIT_HLT: the guest finished its action. */
  public static final int EXIT_HLT = 5;

  /** KVM_EXIT_MMIO. */
  public static final int EXIT_MMIO = 6;

  /** KVM_EXIT_SHUTDOWN. */
  public static final int EXIT_SHUTDOWN = 8;

  /** KVM_EXIT_INTERNAL_ERROR. */
  public static final int EXIT_INTERNAL_ERROR = 17;

  /** KVM_EXIT_MEMORY_FAULT. */
  public static final int EXIT_MEMORY_FAULT = 39;

  int exitReason;
  long value;
  long physAddr;
  int len;
  boolean write;
  long nr;
  final long[] args = new long[6];
  long flags;
  long gpa;
  long size;

  KvmRun() {}

  /** Takes over how a run ended; ends this page has no fields for leave the reason only. */
  void set(Exit exit) {
    exitReason = exit.reason();
    switch (exit) {
      case Exit.Hlt e -> value = e.value() == -1 ? 0 : e.value();
      case Exit.Mmio e -> {
        physAddr = e.physAddr();
        len = e.len();
        write = e.isWrite();
      }
      case Exit.Hypercall e -> {
        nr = e.nr();
        flags = e.flags();
        java.util.Arrays.fill(args, 0);
        System.arraycopy(e.args(), 0, args, 0, e.args().length);
      }
      case Exit.MemoryFault e -> {
        flags = e.flags();
        gpa = e.gpa();
        size = e.size();
      }
      default -> {}
    }
  }

  /** Returns one of the EXIT constants, the kernel's numbers. */
  public int exitReason() {
    return exitReason;
  }

  /**
   * After {@link #EXIT_HLT}: the byte a read saw (0 to 255; 0 for a write), or rax of a hypercall,
   * signed.
   */
  public long value() {
    return value;
  }

  /** After {@link #EXIT_MMIO}: the guest-physical address. */
  public long physAddr() {
    return physAddr;
  }

  /** After {@link #EXIT_MMIO}: the number of bytes. */
  public int len() {
    return len;
  }

  /** After {@link #EXIT_MMIO}: whether the guest wrote. */
  public boolean isWrite() {
    return write;
  }

  /** After {@link #EXIT_HYPERCALL}: the number of the hypercall. */
  public long nr() {
    return nr;
  }

  /** After {@link #EXIT_HYPERCALL}: argument {@code i}, 0 to 5. */
  public long arg(int i) {
    return args[i];
  }

  /** After {@link #EXIT_HYPERCALL} and {@link #EXIT_MEMORY_FAULT}: the flags. */
  public long flags() {
    return flags;
  }

  /** After {@link #EXIT_MEMORY_FAULT}: the first guest-physical address. */
  public long gpa() {
    return gpa;
  }

  /** After {@link #EXIT_MEMORY_FAULT}: the number of bytes. */
  public long size() {
    return size;
  }
}
