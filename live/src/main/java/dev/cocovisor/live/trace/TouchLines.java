package dev.cocovisor.live.trace;

import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads the lines of {@code trace_pipe} that tell what a guest touched. */
final class TouchLines {
  /** Takes what a guest touched. */
  @FunctionalInterface
  interface Taker {
    /** Thread {@code tid}'s guest touched a byte. */
    void touched(int tid, long gpa, boolean write);
  }

  private static final Pattern LINE =
      Pattern.compile("^.{1,20}?-(\\d{1,9})\\s+\\[\\d+].*?: (kvm_\\w+): (.*)$");
  private static final Pattern FAULT =
      Pattern.compile("address 0x([0-9a-f]{1,16}) error_code 0x([0-9a-f]{1,16})");
  private static final Pattern GFN = Pattern.compile("gfn ([0-9a-f]{1,16})");
  private static final Pattern ARM =
      Pattern.compile("ipa 0x([0-9a-f]{1,16}), hsr 0x([0-9a-f]{1,16})");

  /** PFERR_WRITE_MASK. */
  private static final long ERROR_WRITE = 2;

  private final boolean shadow;

  /** Whether the last fault of a thread was a write. */
  private final Map<Integer, Boolean> writes = new HashMap<>();

  /**
   * Creates a reader.
   *
   * @param shadow whether faults are at the guest's own addresses, so that only the page it got
   *     tells what it touched
   */
  TouchLines(boolean shadow) {
    this.shadow = shadow;
  }

  /** Reads a line; most tell nothing. */
  void read(String text, Taker to) {
    Matcher m = LINE.matcher(text);
    if (!m.matches()) {
      return;
    }
    int tid = Integer.parseInt(m.group(1));
    switch (m.group(2)) {
      case "kvm_page_fault" -> {
        Matcher f = FAULT.matcher(m.group(3));
        if (f.find()) {
          boolean write = (Long.parseUnsignedLong(f.group(2), 16) & ERROR_WRITE) != 0;
          writes.put(tid, write);
          if (!shadow) {
            to.touched(tid, Long.parseUnsignedLong(f.group(1), 16), write);
          }
        }
      }
      case "kvm_mmu_spte_requested" -> {
        Matcher f = GFN.matcher(m.group(3));
        if (shadow && f.find()) {
          to.touched(
              tid, Long.parseUnsignedLong(f.group(1), 16) << 12, writes.getOrDefault(tid, false));
        }
      }
      case "kvm_guest_fault" -> {
        Matcher f = ARM.matcher(m.group(3));
        if (f.find()) {
          // ESR_EL2: an abort of data (EC 0x24) with WnR set.
          long syndrome = Long.parseUnsignedLong(f.group(2), 16);
          to.touched(
              tid,
              Long.parseUnsignedLong(f.group(1), 16),
              syndrome >>> 26 == 0x24 && (syndrome & 0x40) != 0);
        }
      }
      default -> {}
    }
  }
}
