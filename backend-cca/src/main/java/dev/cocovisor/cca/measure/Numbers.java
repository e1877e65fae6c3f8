package dev.cocovisor.cca.measure;

import dev.cocovisor.api.measure.MeasureException;

/** Numbers as people write addresses and sizes. */
final class Numbers {
  private Numbers() {}

  /** Parses {@code 0x…} or decimal, with an optional K, M, G or T for powers of 1024. */
  static long parse(String what, String text) {
    try {
      if (text.startsWith("0x")) {
        return Long.parseUnsignedLong(text, 2, text.length(), 16);
      }
      int unit = text.isEmpty() ? -1 : "KMGT".indexOf(text.charAt(text.length() - 1));
      long n = Long.parseLong(unit < 0 ? text : text.substring(0, text.length() - 1));
      return unit < 0 ? n : Math.multiplyExact(n, 1L << (10 * (unit + 1)));
    } catch (NumberFormatException | ArithmeticException e) {
      throw new MeasureException(what + " is not a number: '" + text + "'", e);
    }
  }
}
