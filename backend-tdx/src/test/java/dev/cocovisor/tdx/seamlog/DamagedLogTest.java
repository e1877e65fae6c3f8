package dev.cocovisor.tdx.seamlog;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.api.log.MismatchSink;
import dev.cocovisor.api.log.ReplayOptions;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Recorded programs with lines lost, doubled, swapped and changed: whatever they say, the replayer
 * finds differences or a line it cannot read, and never fails otherwise.
 */
class DamagedLogTest {
  private static final int QUICK = 2_000;
  private static final int THOROUGH = 20_000;

  /** Longer programs are mostly the same 512 calls over and over. */
  private static final int MAX_LINES = 420;

  private static final int MAX_WOUNDS = 6;

  private static long seed() {
    return Long.getLong("cocovisor.seed", 20250424L);
  }

  private static List<List<String>> programs() throws IOException {
    Path log =
        Path.of(System.getProperty("cocovisor.root", ".."), "conformance")
            .resolve("tdx-module-1.5.seamlog.gz");
    List<List<String>> programs = new ArrayList<>();
    try (BufferedReader reader = LogSource.file(log).opener().open()) {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        if (line.startsWith("# program ")) {
          programs.add(new ArrayList<>());
        }
        if (!programs.isEmpty()) {
          programs.getLast().add(line);
        }
      }
    }
    programs.removeIf(p -> p.size() > MAX_LINES);
    return programs;
  }

  private static void wound(List<String> program, Random dice, List<List<String>> all) {
    // The first line names the program, the second sets it up.
    int at = 2 + dice.nextInt(program.size() - 2);
    int other = 2 + dice.nextInt(program.size() - 2);
    switch (dice.nextInt(9)) {
      case 0 -> program.remove(at);
      case 1 -> program.add(other, program.get(at));
      case 2 -> {
        String kept = program.get(at);
        program.set(at, program.get(other));
        program.set(other, kept);
      }
      case 3 -> {
        List<String> stranger = all.get(dice.nextInt(all.size()));
        program.add(at, stranger.get(1 + dice.nextInt(stranger.size() - 1)));
      }
      case 4 -> program.set(at, oneDigit(program.get(at), dice));
      case 5 -> program.set(at, oneNumber(program.get(at), program.get(other), dice));
      case 6 -> {
        String line = program.get(at);
        program.set(at, line.substring(0, dice.nextInt(line.length()) + 1));
      }
      case 7 -> program.set(at, oneNumber(program.get(at), extreme(dice), dice));
      default -> program.subList(Math.min(at, other), Math.max(at, other)).clear();
    }
    if (program.size() < 4) {
      program.add("unlock()");
      program.add("unlock()");
    }
  }

  private static String extreme(Random dice) {
    long[] values = {0, 1, -1L, 1L << 63, 1L << 51, 0x40000000L, 0xc0000000L, 0x3fffffffffffffL};
    return "0x" + Long.toHexString(values[dice.nextInt(values.length)]);
  }

  /** Changes one digit anywhere. */
  private static String oneDigit(String line, Random dice) {
    StringBuilder out = new StringBuilder(line);
    for (int tries = 0; tries < 50; tries++) {
      int at = dice.nextInt(line.length());
      if (Character.digit(line.charAt(at), 16) >= 0) {
        out.setCharAt(at, Character.forDigit(dice.nextInt(16), 16));
        break;
      }
    }
    return out.toString();
  }

  /** Puts a number of {@code from} in the place of one of {@code line}. */
  private static String oneNumber(String line, String from, Random dice) {
    List<int[]> places = numbers(line);
    List<int[]> values = numbers(from);
    if (places.isEmpty() || values.isEmpty()) {
      return line;
    }
    int[] place = places.get(dice.nextInt(places.size()));
    int[] value = values.get(dice.nextInt(values.size()));
    return line.substring(0, place[0])
        + from.substring(value[0], value[1])
        + line.substring(place[1]);
  }

  private static List<int[]> numbers(String line) {
    List<int[]> found = new ArrayList<>();
    for (int i = line.indexOf("0x"); i >= 0; i = line.indexOf("0x", i + 2)) {
      int end = i + 2;
      while (end < line.length() && Character.digit(line.charAt(end), 16) >= 0) {
        end++;
      }
      found.add(new int[] {i, end});
    }
    return found;
  }

  private static void damage(int count) throws IOException {
    List<List<String>> programs = programs();
    assertThat(programs).hasSizeGreaterThan(150);
    long seed = seed();
    int refused = 0;
    long mismatches = 0;
    for (int n = 0; n < count; n++) {
      Random dice = new Random(seed + n);
      List<String> program = new ArrayList<>(programs.get(dice.nextInt(programs.size())));
      int wounds = 1 + dice.nextInt(MAX_WOUNDS);
      for (int i = 0; i < wounds; i++) {
        wound(program, dice, programs);
      }
      try {
        mismatches +=
            new SeamLogReplayer()
                .replay(
                    LogSource.text("damaged.seamlog", String.join("\n", program) + "\n"),
                    ReplayOptions.ALL,
                    MismatchSink.NONE)
                .mismatches();
      } catch (LogSyntaxException e) {
        refused++;
      } catch (RuntimeException e) {
        throw new AssertionError(
            "seed "
                + (seed + n)
                + "; reproduce: mvn -pl backend-tdx -am test -Dtest=DamagedLogTest"
                + " -Dcocovisor.seed="
                + (seed + n),
            e);
      }
    }
    assertThat(refused).isPositive().isLessThan(count);
    assertThat(mismatches).isPositive();
  }

  @Test
  void aDamagedProgramDiffersOrCannotBeReadAndNothingElse() throws IOException {
    damage(QUICK);
  }

  @Test
  @Tag("slow")
  void manyDamagedProgramsDifferOrCannotBeRead() throws IOException {
    damage(THOROUGH);
  }
}
