package dev.cocovisor.script.generate;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.LogSyntaxException;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/**
 * Recorded programs with lines lost, doubled, swapped and changed: whatever they say, who replays a
 * log finds differences or a line it cannot read, and never fails otherwise.
 */
public final class DamagedPrograms {
  private static final Pattern NUMBER = Pattern.compile("(?<![\\w.])-?(0x[0-9a-f]+|\\d+)(?!\\w)");
  private static final int MOST_WOUNDS = 6;

  private final List<List<String>> programs;
  private final int kept;
  private final List<String> numbers;

  private DamagedPrograms(List<List<String>> programs, int kept, List<String> numbers) {
    this.programs = programs;
    this.kept = kept;
    this.numbers = numbers;
  }

  /**
   * Reads the programs of a log.
   *
   * @param mostLines longer programs are left out
   * @param kept how many lines at the beginning of each are never touched
   * @param numbers what numbers become, among other things: the edges of what the log is about
   */
  public static DamagedPrograms of(Path log, int mostLines, int kept, List<String> numbers)
      throws IOException {
    List<List<String>> programs = new ArrayList<>();
    try (BufferedReader reader = LogSource.file(log).opener().open()) {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        if (line.startsWith("# program ")) {
          programs.add(new ArrayList<>());
        } else if (!programs.isEmpty() && !line.isBlank()) {
          programs.getLast().add(line);
        }
      }
    }
    programs.removeIf(p -> p.size() > mostLines || p.size() <= kept);
    return new DamagedPrograms(List.copyOf(programs), kept, List.copyOf(numbers));
  }

  /** Returns how many programs there are. */
  public int size() {
    return programs.size();
  }

  /** Replays a log's text. */
  @FunctionalInterface
  public interface Replay {
    /**
     * Returns the number of mismatches.
     *
     * @throws LogSyntaxException if there is a line it cannot read
     */
    long mismatches(String text) throws IOException;
  }

  /**
   * What came of it.
   *
   * @param refused logs with a line that could not be read
   * @param mismatches answers that differed in the others
   */
  public record Outcome(int refused, long mismatches) {}

  /**
   * Replays damaged programs.
   *
   * @param seed names the first; each has the next number
   * @throws AssertionError if one fails otherwise; it has the seed and the program
   */
  public Outcome replay(long seed, int count, Replay how) throws IOException {
    int refused = 0;
    long mismatches = 0;
    for (int n = 0; n < count; n++) {
      String text = damaged(seed + n);
      try {
        mismatches += how.mismatches(text);
      } catch (LogSyntaxException e) {
        refused++;
      } catch (RuntimeException | Error e) {
        throw new AssertionError(
            "again by -Dcocovisor.seed=" + (seed + n) + ": " + e + "\n" + text, e);
      }
    }
    return new Outcome(refused, mismatches);
  }

  private String damaged(long seed) {
    var dice = new SplittableRandom(seed);
    List<String> program = new ArrayList<>(any(programs, dice));
    for (int i = 1 + dice.nextInt(MOST_WOUNDS); i > 0; i--) {
      wound(program, dice);
    }
    return "# program 0\n" + String.join("\n", program) + "\n";
  }

  private static <T> T any(List<T> of, SplittableRandom dice) {
    return of.get(dice.nextInt(of.size()));
  }

  private void wound(List<String> program, SplittableRandom dice) {
    int at = kept + dice.nextInt(program.size() - kept);
    int other = kept + dice.nextInt(program.size() - kept);
    String line = program.get(at);
    switch (dice.nextInt(11)) {
      case 0 -> program.remove(at);
      case 1 -> program.add(other, line);
      case 2 -> {
        program.set(at, program.get(other));
        program.set(other, line);
      }
      case 3 -> program.add(at, any(any(programs, dice), dice));
      case 4 -> program.set(at, line.substring(0, dice.nextInt(line.length()) + 1));
      case 5 -> program.subList(Math.min(at, other), Math.max(at, other)).clear();
      case 6 -> program.set(at, oneDigit(line, dice));
      case 7 -> program.set(at, oneNumber(line, oneOf(program.get(other), dice), dice));
      default -> program.set(at, oneNumber(line, any(numbers, dice), dice));
    }
    if (program.size() <= kept) {
      program.add(any(any(programs, dice), dice));
    }
  }

  /** Changes a digit, if one is found in a few tries. */
  private static String oneDigit(String line, SplittableRandom dice) {
    for (int tries = 0; tries < 50; tries++) {
      int at = dice.nextInt(line.length());
      if (Character.digit(line.charAt(at), 16) >= 0) {
        char digit = Character.forDigit(dice.nextInt(16), 16);
        return line.substring(0, at) + digit + line.substring(at + 1);
      }
    }
    return line;
  }

  /** Returns a number of a line; 0 if it has none. */
  private static String oneOf(String line, SplittableRandom dice) {
    List<MatchResult> found = NUMBER.matcher(line).results().toList();
    return found.isEmpty() ? "0" : any(found, dice).group();
  }

  private static String oneNumber(String line, String number, SplittableRandom dice) {
    List<MatchResult> found = NUMBER.matcher(line).results().toList();
    if (found.isEmpty()) {
      return line;
    }
    MatchResult m = any(found, dice);
    return line.substring(0, m.start()) + number + line.substring(m.end());
  }
}
