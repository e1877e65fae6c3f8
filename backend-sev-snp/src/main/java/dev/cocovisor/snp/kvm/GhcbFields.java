package dev.cocovisor.snp.kvm;

import dev.cocovisor.api.Fields;

/**
 * Which fields of a GHCB have to be marked valid for which event.
 *
 * <p>A field that the action does not give is not marked. Source: {@code arch/x86/kvm/svm/sev.c},
 * sev_es_are_required_ghcb_fields_valid, is_snp_only_vmgexit (7.3); numbers: {@code
 * arch/x86/include/uapi/asm/svm.h}.
 */
final class GhcbFields {
  static final long WRITE_DR7 = 0x37;
  static final long RDPMC = 0x6f;
  static final long CPUID = 0x72;
  static final long IOIO = 0x7b;
  static final long MSR = 0x7c;
  static final long VMMCALL = 0x81;
  static final long MONITOR = 0x8a;
  static final long MWAIT = 0x8b;
  static final long MMIO_READ = 0x8000_0001L;
  static final long MMIO_WRITE = 0x8000_0002L;
  static final long PAGE_STATE = 0x8000_0010L;
  static final long GUEST_REQUEST = 0x8000_0011L;
  static final long EXTENDED_REQUEST = 0x8000_0012L;
  static final long AP_CREATION = 0x8000_0013L;

  /** The CPUID leaf whose answer depends on XCR0. */
  private static final long EXTENDED_STATE = 0xd;

  /** SW_EXITINFO1 of IO: a string instruction, an input. */
  private static final long IO_STRING = 1 << 2;

  private static final long IO_INPUT = 1;

  private GhcbFields() {}

  static boolean snpOnly(long code) {
    return code == AP_CREATION
        || code == GUEST_REQUEST
        || code == EXTENDED_REQUEST
        || code == PAGE_STATE;
  }

  static boolean complete(long code, Fields f) {
    if (!has(f, "exit_code", "exitinfo1", "exitinfo2")) {
      return false;
    }
    long info1 = f.number("exitinfo1");
    if (code == AP_CREATION) {
      return f.has("rax") || (int) info1 == ApCreation.DESTROY;
    }
    if (code == MMIO_READ || code == MMIO_WRITE || code == PAGE_STATE) {
      return f.has("scratch");
    }
    return code >>> 32 != 0 || instruction((int) code, info1, f);
  }

  private static boolean instruction(int code, long info1, Fields f) {
    return switch (code) {
      case (int) WRITE_DR7 -> f.has("rax");
      case (int) RDPMC -> f.has("rcx");
      case (int) CPUID ->
          has(f, "rax", "rcx") && (f.number("rax") != EXTENDED_STATE || f.has("xcr0"));
      case (int) IOIO -> io(info1, f);
      case (int) MSR -> f.has("rcx") && (info1 == 0 || has(f, "rax", "rdx"));
      case (int) VMMCALL -> has(f, "rax", "cpl");
      case (int) MONITOR -> has(f, "rax", "rcx", "rdx");
      case (int) MWAIT -> has(f, "rax", "rcx");
      default -> true;
    };
  }

  /** The kernel's own names: what a string instruction moves, and what an output writes. */
  private static boolean io(long info1, Fields f) {
    if ((info1 & IO_STRING) != 0) {
      return f.has("scratch");
    }
    return (info1 & IO_INPUT) != 0 || f.has("rax");
  }

  private static boolean has(Fields f, String... names) {
    for (String name : names) {
      if (!f.has(name)) {
        return false;
      }
    }
    return true;
  }
}
