package dev.cocovisor.script.generate;

import java.util.ArrayList;
import java.util.List;
import java.util.StringJoiner;
import java.util.random.RandomGenerator;

/**
 * What a random program follows from: a seed, and from certain choices on other ones. A program
 * that went somewhere new is varied by another seed behind some choice; what comes before stays as
 * it is. It reads {@code 17} or {@code 17@120~55}: as seed 17, but from choice 120 on as seed 55.
 */
public final class ProgramSeed {
  private final long[] seeds;
  private final int[] from;

  private ProgramSeed(long[] seeds, int[] from) {
    this.seeds = seeds;
    this.from = from;
  }

  /** Returns the program of a seed. */
  public static ProgramSeed of(long seed) {
    return new ProgramSeed(new long[] {seed}, new int[1]);
  }

  /**
   * Reads what {@link #toString} wrote.
   *
   * @throws IllegalArgumentException if it is something else
   */
  public static ProgramSeed parse(String text) {
    List<Long> seeds = new ArrayList<>();
    List<Integer> from = new ArrayList<>(List.of(0));
    for (String part : text.split("~", -1)) {
      int at = part.indexOf('@');
      try {
        seeds.add(Long.parseLong(at < 0 ? part : part.substring(0, at)));
        if (at >= 0) {
          from.add(Integer.parseInt(part.substring(at + 1)));
        }
      } catch (NumberFormatException e) {
        throw new IllegalArgumentException("'" + text + "': a seed as 17 or 17@120~55 expected", e);
      }
    }
    if (seeds.size() != from.size()) {
      throw new IllegalArgumentException("'" + text + "': a seed as 17 or 17@120~55 expected");
    }
    return new ProgramSeed(
        seeds.stream().mapToLong(Long::longValue).toArray(),
        from.stream().mapToInt(Integer::intValue).toArray());
  }

  /**
   * Returns a program that is as this one up to some choice, and another one behind it.
   *
   * @param choices how many choices this program makes, at least 1
   */
  public ProgramSeed varied(int choices, RandomGenerator random) {
    int cut = random.nextInt(choices);
    var all = new StringJoiner("~");
    for (int i = 0; i < seeds.length && from[i] <= cut; i++) {
      boolean last = i + 1 == seeds.length || from[i + 1] > cut;
      all.add(seeds[i] + "@" + (last ? cut : from[i + 1]));
    }
    return parse(all.add(Integer.toString(random.nextInt())).toString());
  }

  /** Returns how many seeds there are, one behind the other. */
  int parts() {
    return seeds.length;
  }

  long seed(int part) {
    return seeds[part];
  }

  /** Returns the number of the first choice that a part makes. */
  int from(int part) {
    return from[part];
  }

  @Override
  public String toString() {
    var all = new StringJoiner("~");
    for (int i = 0; i < seeds.length; i++) {
      all.add(i + 1 < seeds.length ? seeds[i] + "@" + from[i + 1] : Long.toString(seeds[i]));
    }
    return all.toString();
  }
}
