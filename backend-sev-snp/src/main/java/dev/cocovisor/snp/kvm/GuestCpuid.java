package dev.cocovisor.snp.kvm;

import dev.cocovisor.api.Fields;
import java.util.List;

/**
 * What the CPUID that user space gave a vCPU says of the width of its addresses.
 *
 * <p>A vCPU without CPUID, or without leaf 0x80000008, has 36 bits. Where a log leaves entries out,
 * as strace does, all of an architecture's 52 are taken. Source: {@code arch/x86/kvm/cpuid.c},
 * cpuid_query_maxphyaddr (7.3).
 */
final class GuestCpuid {
  static final int BITS_WITHOUT = 36;
  private static final int MOST_BITS = 52;
  private static final long EXTENDED = 0x8000_0000L;
  private static final long ADDRESSES = 0x8000_0008L;

  private GuestCpuid() {}

  /** Returns the bits of a guest-physical address. */
  static int addressBits(Fields in) {
    if (!(in.asMap().get("entries") instanceof List<?> entries)) {
      return MOST_BITS;
    }
    long largest = eax(entries, EXTENDED);
    long widths = eax(entries, ADDRESSES);
    if (largest >= ADDRESSES && widths >= 0) {
      return (int) (widths & 0xff);
    }
    boolean whole =
        entries.stream().allMatch(Fields.class::isInstance)
            && entries.size() >= in.number("nent", entries.size());
    return whole ? BITS_WITHOUT : MOST_BITS;
  }

  /** EAX of a leaf, -1 if there is none. */
  private static long eax(List<?> entries, long leaf) {
    for (Object o : entries) {
      if (o instanceof Fields e && e.number("function", -1) == leaf) {
        return e.number("eax", 0) & 0xffff_ffffL;
      }
    }
    return -1;
  }
}
