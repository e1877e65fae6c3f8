package dev.cocovisor.cli.print;

import dev.cocovisor.api.log.Mismatch;
import java.util.Map;
import java.util.TreeMap;

/** Counts answers that differ by what they have in common: the call and answers without numbers. */
public final class MismatchKinds {
  private final Map<String, Long> kinds = new TreeMap<>();

  /** Counts one. */
  public void add(Mismatch m) {
    kinds.merge(of(m), 1L, Long::sum);
  }

  /** Prints each kind with its count, the most frequent first. */
  public void print(Console console) {
    kinds.entrySet().stream()
        .sorted(Map.Entry.<String, Long>comparingByValue().reversed())
        .forEach(e -> console.out().printf("%6d  %s%n", e.getValue(), e.getKey()));
  }

  /** Returns what a difference has in common with others of one cause. */
  public static String of(Mismatch m) {
    return shape(m.call()) + ": expected " + shape(m.expected()) + ", got " + shape(m.got());
  }

  private static String shape(String text) {
    return text.replaceAll("-?\\b(0x[0-9a-f]+|\\d+)\\b", "N");
  }
}
