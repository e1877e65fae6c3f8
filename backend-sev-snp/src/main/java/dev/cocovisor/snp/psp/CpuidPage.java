package dev.cocovisor.snp.psp;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The CPUID page of SNP_LAUNCH_UPDATE: a count and up to 64 functions.
 *
 * <p>A page that the firmware does not accept is corrected in place and the command answers
 * INVALID_PARAM, so that the caller can try again. Source: AMD's SNP firmware ABI document, CPUID
 * page; {@code arch/x86/include/asm/sev.h}, snp_cpuid_table.
 */
final class CpuidPage {
  private static final int HEADER = 16;
  private static final int ENTRY = 48;
  private static final int MAX = 64;
  private static final int REGISTERS = 24;
  private static final int RESERVED = 40;

  private CpuidPage() {}

  /** Checks and corrects a page; returns true if it was acceptable as it was. */
  static boolean accept(byte[] page, int offset, CpuidFilter filter) {
    ByteBuffer b = ByteBuffer.wrap(page).order(ByteOrder.LITTLE_ENDIAN);
    int count = b.getInt(offset);
    if (Integer.compareUnsigned(count, MAX) > 0) {
      return false;
    }
    boolean good = true;
    int[] registers = new int[4];
    for (int i = 0; i < count; i++) {
      int at = offset + HEADER + i * ENTRY;
      for (int r = 0; r < 4; r++) {
        registers[r] = b.getInt(at + REGISTERS + 4 * r);
      }
      if (!filter.accept(b.getInt(at), b.getInt(at + 4), registers)) {
        good = false;
        for (int r = 0; r < 4; r++) {
          b.putInt(at + REGISTERS + 4 * r, registers[r]);
        }
      }
      if (b.getLong(at + RESERVED) != 0) {
        good = false;
        b.putLong(at + RESERVED, 0);
      }
    }
    return good;
  }
}
