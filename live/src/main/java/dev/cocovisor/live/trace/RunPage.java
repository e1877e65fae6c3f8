package dev.cocovisor.live.trace;

import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.Value;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A vCPU's struct kvm_run, as it stands in the VMM's memory. Source: {@code linux/kvm.h}, 7.3. */
final class RunPage {
  /** As much of it as is looked at. */
  static final int SIZE = 128;

  private static final int EXIT_REASON = 8;
  private static final int EXIT = 32;

  static final int HYPERCALL = 3;
  private static final int MMIO = 6;
  private static final int INTERNAL_ERROR = 17;
  private static final int SYSTEM_EVENT = 24;
  private static final int MEMORY_FAULT = 39;

  private static final Map<Integer, String> NAMES =
      Map.ofEntries(
          Map.entry(1, "KVM_EXIT_EXCEPTION"),
          Map.entry(2, "KVM_EXIT_IO"),
          Map.entry(HYPERCALL, "KVM_EXIT_HYPERCALL"),
          Map.entry(4, "KVM_EXIT_DEBUG"),
          Map.entry(5, "KVM_EXIT_HLT"),
          Map.entry(MMIO, "KVM_EXIT_MMIO"),
          Map.entry(7, "KVM_EXIT_IRQ_WINDOW_OPEN"),
          Map.entry(8, "KVM_EXIT_SHUTDOWN"),
          Map.entry(9, "KVM_EXIT_FAIL_ENTRY"),
          Map.entry(10, "KVM_EXIT_INTR"),
          Map.entry(11, "KVM_EXIT_SET_TPR"),
          Map.entry(12, "KVM_EXIT_TPR_ACCESS"),
          Map.entry(16, "KVM_EXIT_NMI"),
          Map.entry(INTERNAL_ERROR, "KVM_EXIT_INTERNAL_ERROR"),
          Map.entry(SYSTEM_EVENT, "KVM_EXIT_SYSTEM_EVENT"),
          Map.entry(26, "KVM_EXIT_IOAPIC_EOI"),
          Map.entry(27, "KVM_EXIT_HYPERV"),
          Map.entry(28, "KVM_EXIT_ARM_NISV"),
          Map.entry(29, "KVM_EXIT_X86_RDMSR"),
          Map.entry(30, "KVM_EXIT_X86_WRMSR"),
          Map.entry(31, "KVM_EXIT_DIRTY_RING_FULL"),
          Map.entry(32, "KVM_EXIT_AP_RESET_HOLD"),
          Map.entry(33, "KVM_EXIT_X86_BUS_LOCK"),
          Map.entry(37, "KVM_EXIT_NOTIFY"),
          Map.entry(MEMORY_FAULT, "KVM_EXIT_MEMORY_FAULT"));

  private final ByteBuffer page;

  RunPage(byte[] page) {
    this.page = ByteBuffer.wrap(page).order(ByteOrder.LITTLE_ENDIAN);
  }

  int reason() {
    return page.getInt(EXIT_REASON);
  }

  /** Returns what userspace answered to a hypercall's exit. */
  long hypercallAnswer() {
    return page.getLong(EXIT + 56);
  }

  /** Returns the exit in the notation of logs. */
  LogResult.Exit exit() {
    int reason = reason();
    String name = NAMES.get(reason);
    return new LogResult.Exit(
        name == null ? "KVM_EXIT_" + Integer.toUnsignedString(reason) : name, fields(reason));
  }

  private List<Value.Field> fields(int reason) {
    return switch (reason) {
      case MMIO ->
          List.of(
              hex("phys_addr", page.getLong(EXIT)),
              number("len", page.getInt(EXIT + 16)),
              number("is_write", page.get(EXIT + 20) & 0xff));
      case HYPERCALL -> {
        var args = new ArrayList<Value.Field>();
        for (int i = 0; i < 3; i++) {
          args.add(hex("", page.getLong(EXIT + 8 + 8 * i)));
        }
        yield List.of(
            number("nr", page.getLong(EXIT)),
            Value.Field.of("args", new Value.Struct(List.copyOf(args))),
            hex("flags", page.getLong(EXIT + 64)));
      }
      case MEMORY_FAULT ->
          List.of(
              hex("flags", page.getLong(EXIT)),
              hex("gpa", page.getLong(EXIT + 8)),
              hex("size", page.getLong(EXIT + 16)));
      case INTERNAL_ERROR -> List.of(number("suberror", page.getInt(EXIT)));
      case SYSTEM_EVENT -> List.of(number("type", page.getInt(EXIT)));
      default -> List.of();
    };
  }

  private static Value.Field hex(String name, long n) {
    return Value.Field.of(name, Value.Num.hex(n));
  }

  private static Value.Field number(String name, long n) {
    return Value.Field.of(name, Value.Num.of(n));
  }
}
