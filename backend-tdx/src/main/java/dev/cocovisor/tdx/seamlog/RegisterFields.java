package dev.cocovisor.tdx.seamlog;

import dev.cocovisor.tdx.module.abi.Registers;

/** Registers as a log writes them, {@code name=0x…}; numbered RAX 0, RCX, RDX, R8 to R11. */
final class RegisterFields {
  static final int R8 = 3;
  static final int R9 = 4;

  private static final String[] NAMES = {"rax", "rcx", "rdx", "r8", "r9", "r10", "r11"};

  private RegisterFields() {}

  /** Reads {@code name=value} into a register and returns its number. */
  static int read(SeamLine scan, Registers into) {
    for (int n = NAMES.length - 1; n >= 0; n--) {
      if (scan.take(NAMES[n] + "=")) {
        long v = scan.hex(NAMES[n]);
        switch (n) {
          case 0 -> into.rax = v;
          case 1 -> into.rcx = v;
          case 2 -> into.rdx = v;
          case R8 -> into.r8 = v;
          case R9 -> into.r9 = v;
          case 5 -> into.r10 = v;
          default -> into.r11 = v;
        }
        return n;
      }
    }
    throw scan.error("a register");
  }

  /** Writes {@code name=value}. */
  static String text(Registers from, int n) {
    return NAMES[n] + "=" + StateView.hex(value(from, n));
  }

  private static long value(Registers from, int n) {
    return switch (n) {
      case 0 -> from.rax;
      case 1 -> from.rcx;
      case 2 -> from.rdx;
      case R8 -> from.r8;
      case R9 -> from.r9;
      case 5 -> from.r10;
      default -> from.r11;
    };
  }

  static void copy(Registers from, Registers to) {
    to.rax = from.rax;
    to.rcx = from.rcx;
    to.rdx = from.rdx;
    to.r8 = from.r8;
    to.r9 = from.r9;
    to.r10 = from.r10;
    to.r11 = from.r11;
  }

  /** What the host finds after a TD exit, as {@code {rcx=…, rdx=…, r8=…}}. */
  static String exit(Registers e) {
    return "{" + text(e, 1) + ", " + text(e, 2) + ", " + text(e, R8) + "}";
  }

  /** Reads the text {@link #exit} writes. */
  static void readExit(SeamLine scan) {
    scan.expect("{");
    scan.field("rcx");
    scan.expect(", ");
    scan.field("rdx");
    scan.expect(", ");
    scan.field("r8");
    scan.expect("}");
  }
}
