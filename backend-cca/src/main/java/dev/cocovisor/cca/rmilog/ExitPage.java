package dev.cocovisor.cca.rmilog;

import dev.cocovisor.api.mem.PhysicalMemory;
import java.util.ArrayList;
import java.util.List;

/** Writes the exit half of a run page as a log does. */
final class ExitPage {
  private static final int EXIT = 0x800;
  private static final int GPRS = 31;
  private static final String[] REASONS = {
    "SYNC", "IRQ", "FIQ", "PSCI", "RIPAS_CHANGE", "HOST_CALL", "SERROR"
  };

  private ExitPage() {}

  static String describe(PhysicalMemory memory, long page, long status) {
    long reason = memory.readLong(page + EXIT);
    StringBuilder s = new StringBuilder("{status=").append(hex(status)).append(", reason=");
    if (reason < 0 || reason >= REASONS.length) {
      return s.append(hex(reason)).append('}').toString();
    }
    s.append(REASONS[(int) reason]);
    switch (REASONS[(int) reason]) {
      case "SYNC" -> {
        field(s, memory, page, "esr", 0x100);
        field(s, memory, page, "far", 0x108);
        field(s, memory, page, "hpfar", 0x110);
      }
      case "RIPAS_CHANGE" -> {
        field(s, memory, page, "ripas_base", 0x500);
        field(s, memory, page, "ripas_top", 0x508);
        s.append(", ripas_value=").append(hex(memory.readByte(page + EXIT + 0x510)));
      }
      case "HOST_CALL" -> {
        s.append(", imm=").append(hex(memory.readLong(page + EXIT + 0x600) & 0xffff));
        gprs(s, memory, page);
      }
      case "PSCI" -> gprs(s, memory, page);
      default -> {}
    }
    return s.append('}').toString();
  }

  private static void field(
      StringBuilder s, PhysicalMemory memory, long page, String name, int offset) {
    s.append(", ").append(name).append('=').append(hex(memory.readLong(page + EXIT + offset)));
  }

  private static void gprs(StringBuilder s, PhysicalMemory memory, long page) {
    List<String> values = new ArrayList<>();
    int used = 0;
    for (int i = 0; i < GPRS; i++) {
      long v = memory.readLong(page + EXIT + 0x200 + i * 8L);
      values.add(hex(v));
      used = v != 0 ? i + 1 : used;
    }
    s.append(", gprs={").append(String.join(", ", values.subList(0, used))).append('}');
  }

  static String hex(long v) {
    return "0x" + Long.toHexString(v);
  }
}
