package dev.cocovisor.live.sys;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.guest.Exit;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Map;

/**
 * A vCPU's struct kvm_run: why KVM_RUN came back, and what userspace answers. Source: {@code
 * include/uapi/linux/kvm.h}, struct kvm_run, 7.3.
 */
public final class KvmRunStruct {
  /** As much of it as is looked at, in bytes. */
  public static final int SIZE = 128;

  /** The reason of a hypercall's exit, which userspace answers. */
  public static final int HYPERCALL = 3;

  private static final int HLT = 5;
  private static final int MMIO = 6;
  private static final int SHUTDOWN = 8;
  private static final int INTR = 10;
  private static final int INTERNAL_ERROR = 17;
  private static final int SYSTEM_EVENT = 24;
  private static final int DIRTY_RING_FULL = 31;
  private static final int MEMORY_FAULT = 39;

  /** Where a 1 makes KVM_RUN come back at once. */
  public static final int AT_IMMEDIATE_EXIT = 1;

  private static final int AT_EXIT_REASON = 8;
  private static final int AT_EXIT = 32;

  /** Where the data of a device's access stands, 8 bytes. */
  public static final int AT_MMIO_DATA = AT_EXIT + 8;

  /** Where userspace answers a hypercall, 8 bytes. */
  public static final int AT_HYPERCALL_RET = AT_EXIT + 56;

  /** Exits whose fields say nothing of memory. */
  private static final Map<Integer, String> OTHERS =
      Map.ofEntries(
          Map.entry(1, "KVM_EXIT_EXCEPTION"),
          Map.entry(2, "KVM_EXIT_IO"),
          Map.entry(4, "KVM_EXIT_DEBUG"),
          Map.entry(7, "KVM_EXIT_IRQ_WINDOW_OPEN"),
          Map.entry(9, "KVM_EXIT_FAIL_ENTRY"),
          Map.entry(11, "KVM_EXIT_SET_TPR"),
          Map.entry(12, "KVM_EXIT_TPR_ACCESS"),
          Map.entry(16, "KVM_EXIT_NMI"),
          Map.entry(26, "KVM_EXIT_IOAPIC_EOI"),
          Map.entry(27, "KVM_EXIT_HYPERV"),
          Map.entry(28, "KVM_EXIT_ARM_NISV"),
          Map.entry(29, "KVM_EXIT_X86_RDMSR"),
          Map.entry(30, "KVM_EXIT_X86_WRMSR"),
          Map.entry(32, "KVM_EXIT_AP_RESET_HOLD"),
          Map.entry(33, "KVM_EXIT_X86_BUS_LOCK"),
          Map.entry(37, "KVM_EXIT_NOTIFY"));

  private final ByteBuffer page;

  /** Looks at the first {@link #SIZE} bytes of a page. */
  public KvmRunStruct(ByteBuffer page) {
    this.page = page.duplicate().order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Returns KVM_EXIT_* as a number. */
  public int reason() {
    return page.getInt(AT_EXIT_REASON);
  }

  /** Returns the data of a store to a device. */
  public long mmioData() {
    return page.getLong(AT_MMIO_DATA);
  }

  /** Returns what userspace answered to a hypercall's exit. */
  public long hypercallAnswer() {
    return page.getLong(AT_HYPERCALL_RET);
  }

  /** Returns the exit; of a halt that no value is known. */
  public Exit exit() {
    int reason = reason();
    return switch (reason) {
      case 0 -> new Exit.Unknown();
      case HYPERCALL ->
          new Exit.Hypercall(page.getLong(AT_EXIT), new long[] {at(8), at(16), at(24)}, at(64));
      case HLT -> new Exit.Hlt(-1);
      case MMIO -> new Exit.Mmio(at(0), page.getInt(AT_EXIT + 16), page.get(AT_EXIT + 20) != 0);
      case SHUTDOWN -> new Exit.Shutdown();
      case INTR -> new Exit.Interrupted();
      case INTERNAL_ERROR -> new Exit.KvmInternalError(page.getInt(AT_EXIT));
      case SYSTEM_EVENT -> new Exit.SystemEvent(page.getInt(AT_EXIT));
      case DIRTY_RING_FULL -> new Exit.DirtyRingFull();
      case MEMORY_FAULT -> new Exit.MemoryFault(at(0), at(8), at(16));
      default ->
          new Exit.Vendor(
              reason,
              OTHERS.getOrDefault(reason, "KVM_EXIT_" + Integer.toUnsignedString(reason)),
              new Fields());
    };
  }

  private long at(int offset) {
    return page.getLong(AT_EXIT + offset);
  }
}
