package dev.cocovisor.script.generate;

import java.util.ArrayList;
import java.util.List;

/**
 * The places and sizes that programs draw: few values around the borders of 4 KiB and 2 MiB pages,
 * and often where something was put before, so that calls meet each other's memory.
 */
final class DrawnPlaces {
  /** A bank of the process's memory in small pages. */
  static final long ANON = 0x7f1000000000L;

  /** A bank in huge pages. */
  static final long HUGE = 0x7f2000000000L;

  /** Where files are mapped, a bank apart. */
  static final long MAPPED = 0x7f3000000000L;

  /** Bytes of a bank. */
  static final long BANK = 0x4000000;

  /** The first size that is negative where it is read with a sign. */
  private static final long HALF = 1L << 63;

  private final Choices choose;
  private final List<Long> mappings = new ArrayList<>();
  private final List<Long> plugged = new ArrayList<>();

  DrawnPlaces(Choices choose) {
    this.choose = choose;
  }

  /** Returns addresses that something is mapped at; may be added to. */
  List<Long> mappings() {
    return mappings;
  }

  /** A slot begins at an address of the guest's. */
  void plug(long gpa) {
    plugged.add(gpa);
  }

  /** Draws an address of the guest's. */
  long gpa() {
    if (!plugged.isEmpty() && choose.percent(65)) {
      return plugged.get(choose.below(plugged.size())) + choose.of(0, 0, 0x1000, 0x3000, 0x200000);
    }
    return choose.of(0x200000, 0x200000, 0x400000, 0x800000, 0x1000000, 0x2000000)
        + choose.of(0, 0, 0x1000, 0x3000, 0x1ff000, 0x200000);
  }

  /** Draws one that a call may refuse for not being a page's. */
  long gpaPerhapsInAPage() {
    return choose.percent(3) ? gpa() + 0x800 : gpa();
  }

  /** Draws a size. */
  long length() {
    return choose.of(0x1000, 0x3000, 0x8000, 0x1ff000, 0x200000, 0x201000, 0x400000, 0x800000);
  }

  /** Draws a size that a call may refuse: none, half a page, or beyond all there is. */
  long lengthPerhapsWrong() {
    return choose.percent(3) ? choose.of(0, 0x800, HALF, -4096) : length();
  }

  /** Draws the size of a slot. */
  long slotLength() {
    return choose.percent(10) ? choose.of(0, 0, 0, HALF, -4096) : length();
  }

  /** Draws where a slot has its memory in the process. */
  long slotMemory() {
    return !mappings.isEmpty() && choose.percent(25)
        ? mappings.get(choose.below(mappings.size()))
        : (choose.percent(60) ? ANON : HUGE) + 0x200000 + choose.below(20) * 0x200000L;
  }

  /** Draws an address that the process loads from and stores to. */
  long hostAddress() {
    long base =
        choose.percent(30) && !mappings.isEmpty()
            ? mappings.get(choose.below(mappings.size()))
            : choose.of(ANON, HUGE, MAPPED);
    return base + choose.of(0x200000, 0x201000, 0x400000, 0, 0x1000);
  }
}
