package dev.cocovisor.cca.rmilog;

import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.cca.rmm.page.RecExit;
import java.util.ArrayList;
import java.util.List;

/** Writes the exit half of a run page as a log does. */
final class ExitPage {
  private static final int EXIT = 0x800;
  private static final int GPRS = 31;
  private static final int S2AP_CHANGE = RecExit.S2AP_CHANGE;
  private static final String[] REASONS = {
    "SYNC", "IRQ", "FIQ", "PSCI", "RIPAS_CHANGE", "HOST_CALL", "SERROR"
  };

  private ExitPage() {}

  static String describe(PhysicalMemory memory, long page, long status, RmmVersion version) {
    long reason = memory.readLong(page + EXIT);
    if (version == RmmVersion.V2 && reason == S2AP_CHANGE) {
      StringBuilder change = new StringBuilder("{status=").append(hex(status));
      change.append(", reason=S2AP_CHANGE");
      field(change, memory, page, "s2ap_base", RecExit.AT_S2AP_BASE);
      field(change, memory, page, "s2ap_top", RecExit.AT_S2AP_TOP);
      return change.append('}').toString();
    }
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
        if (version == RmmVersion.V2) {
          field(s, memory, page, "rtt_tree", RecExit.AT_RTT_TREE);
          field(s, memory, page, "rtt_level", RecExit.AT_RTT_LEVEL);
        }
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
