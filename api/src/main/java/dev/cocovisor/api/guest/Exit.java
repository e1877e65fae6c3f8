package dev.cocovisor.api.guest;

import dev.cocovisor.api.Fields;
import org.apiguardian.api.API;

/**
 * How a run of a vCPU ended, with the kernel's names and fields.
 *
 * <p>Source of names and numbers: {@code include/uapi/linux/kvm.h}, struct kvm_run.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public sealed interface Exit {
  /** Returns KVM_EXIT_* as a number; -1 for ends that are no exit to userspace. */
  int reason();

  /** Returns the name as logs write it. */
  String name();

  /**
   * The action completed and the x86 guest halted.
   *
   * @param value the byte read, rax of a hypercall, or -1 where there is none
   * @since 0.1
   */
  @API(status = API.Status.MAINTAINED, since = "0.1")
  record Hlt(long value) implements Exit {
    @Override
    public int reason() {
      return 5;
    }

    @Override
    public String name() {
      return "KVM_EXIT_HLT";
    }
  }

  /**
   * The action completed; the guest goes on (arm64).
   *
   * @param value the byte read or the call's result, or -1 where there is none
   * @since 0.1
   */
  @API(status = API.Status.MAINTAINED, since = "0.1")
  record Done(long value) implements Exit {
    @Override
    public int reason() {
      return -1;
    }

    @Override
    public String name() {
      return "DONE";
    }
  }

  /**
   * The guest took an exception instead of completing the action (arm64).
   *
   * @param esr the exception syndrome
   * @since 0.1
   */
  @API(status = API.Status.MAINTAINED, since = "0.1")
  record GuestAbort(long esr) implements Exit {
    @Override
    public int reason() {
      return -1;
    }

    @Override
    public String name() {
      return "GUEST_ABORT";
    }
  }

  /**
   * The access hit no slot: userspace emulates it.
   *
   * @since 0.1
   */
  @API(status = API.Status.MAINTAINED, since = "0.1")
  record Mmio(long physAddr, int len, boolean isWrite) implements Exit {
    @Override
    public int reason() {
      return 6;
    }

    @Override
    public String name() {
      return "KVM_EXIT_MMIO";
    }
  }

  /**
   * A triple fault, or a guest asking for its end.
   *
   * @since 0.1
   */
  @API(status = API.Status.MAINTAINED, since = "0.1")
  record Shutdown() implements Exit {
    @Override
    public int reason() {
      return 8;
    }

    @Override
    public String name() {
      return "KVM_EXIT_SHUTDOWN";
    }
  }

  /**
   * KVM cannot go on.
   *
   * @since 0.1
   */
  @API(status = API.Status.MAINTAINED, since = "0.1")
  record KvmInternalError(int suberror) implements Exit {
    @Override
    public int reason() {
      return 17;
    }

    @Override
    public String name() {
      return "KVM_EXIT_INTERNAL_ERROR";
    }
  }

  /**
   * Entry failed before a reason was set.
   *
   * @since 0.1
   */
  @API(status = API.Status.MAINTAINED, since = "0.1")
  record Unknown() implements Exit {
    @Override
    public int reason() {
      return 0;
    }

    @Override
    public String name() {
      return "KVM_EXIT_UNKNOWN";
    }
  }

  /**
   * A hypercall is userspace's to answer.
   *
   * @since 0.1
   */
  @API(status = API.Status.MAINTAINED, since = "0.1")
  record Hypercall(long nr, long[] args, long flags) implements Exit {
    @Override
    public int reason() {
      return 3;
    }

    @Override
    public String name() {
      return "KVM_EXIT_HYPERCALL";
    }
  }

  /**
   * The access and the memory's state do not fit: userspace may convert.
   *
   * @param flags KVM_MEMORY_EXIT_FLAG_PRIVATE (8) or 0
   * @since 0.1
   */
  @API(status = API.Status.MAINTAINED, since = "0.1")
  record MemoryFault(long flags, long gpa, long size) implements Exit {
    /** KVM_MEMORY_EXIT_FLAG_PRIVATE. */
    public static final long PRIVATE = 1L << 3;

    @Override
    public int reason() {
      return 39;
    }

    @Override
    public String name() {
      return "KVM_EXIT_MEMORY_FAULT";
    }
  }

  /**
   * The guest asked for reset or shutdown, or crashed.
   *
   * @since 0.1
   */
  @API(status = API.Status.MAINTAINED, since = "0.1")
  record SystemEvent(int type) implements Exit {
    @Override
    public int reason() {
      return 24;
    }

    @Override
    public String name() {
      return "KVM_EXIT_SYSTEM_EVENT";
    }
  }

  /**
   * A signal was pending for the thread that ran the vCPU; KVM_RUN answers EINTR.
   *
   * @since 0.2
   */
  @API(status = API.Status.MAINTAINED, since = "0.2")
  record Interrupted() implements Exit {
    @Override
    public int reason() {
      return 10;
    }

    @Override
    public String name() {
      return "KVM_EXIT_INTR";
    }
  }

  /**
   * The vCPU's ring of dirty pages has no room: userspace takes entries and resets the rings.
   *
   * @since 0.2
   */
  @API(status = API.Status.MAINTAINED, since = "0.2")
  record DirtyRingFull() implements Exit {
    @Override
    public int reason() {
      return 31;
    }

    @Override
    public String name() {
      return "KVM_EXIT_DIRTY_RING_FULL";
    }
  }

  /**
   * An end only the backend knows.
   *
   * @param reason KVM_EXIT_* number, or -1
   * @param name as logs write it
   * @param fields printed and compared in order
   * @since 0.1
   */
  @API(status = API.Status.MAINTAINED, since = "0.1")
  record Vendor(int reason, String name, Fields fields) implements Exit {}
}
