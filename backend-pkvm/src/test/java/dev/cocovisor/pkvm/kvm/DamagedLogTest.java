package dev.cocovisor.pkvm.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.script.replay.KvmLogReplayer;
import dev.cocovisor.vmm.Technologies;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Recorded programs with lines lost, doubled, swapped and changed: whatever they say, the replay
 * finds differences or a line it cannot read, and never fails otherwise.
 */
class DamagedLogTest {
  private static final Pattern NUMBER = Pattern.compile("(?<![\\w.])-?(0x[0-9a-f]+|\\d+)(?!\\w)");
  private static final String[] NUMBERS = {
    "0",
    "1",
    "-1",
    "2",
    "6",
    "7",
    "0xfff",
    "0x1000",
    "0x200000",
    "0x80000000",
    "0x100000000",
    "0x7fffffffffffffff",
    "0x8000000000000000",
    "0xffffffffff000",
    "0xffffffffffff000",
    "3322937347",
    "0xc6000003",
    "0xc6000004",
    "0x10000000000",
    "4294967295"
  };
  private static final int QUICK = 1_500;
  private static final int THOROUGH = 40_000;

  private static List<List<String>> programs() throws IOException {
    Path log =
        Path.of(System.getProperty("cocovisor.root", ".."), "conformance")
            .resolve("pkvm-arm64-7.3.kvmlog.gz");
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
    return programs;
  }

  private static void wound(List<String> program, Random dice, List<List<String>> all) {
    int at = dice.nextInt(program.size());
    int other = dice.nextInt(program.size());
    String line = program.get(at);
    switch (dice.nextInt(8)) {
      case 0 -> program.remove(at);
      case 1 -> program.add(other, line);
      case 2 -> {
        program.set(at, program.get(other));
        program.set(other, line);
      }
      case 3 -> {
        List<String> stranger = all.get(dice.nextInt(all.size()));
        program.add(at, stranger.get(dice.nextInt(stranger.size())));
      }
      case 4 -> program.set(at, line.substring(0, dice.nextInt(line.length()) + 1));
      default -> program.set(at, oneNumber(line, NUMBERS[dice.nextInt(NUMBERS.length)], dice));
    }
    if (program.isEmpty()) {
      program.add("close(3) = 0");
    }
  }

  private static String oneNumber(String line, String number, Random dice) {
    List<MatchResult> found = NUMBER.matcher(line).results().toList();
    if (found.isEmpty()) {
      return line;
    }
    MatchResult m = found.get(dice.nextInt(found.size()));
    return line.substring(0, m.start()) + number + line.substring(m.end());
  }

  private static void damage(int count) throws IOException {
    List<List<String>> programs = programs();
    assertThat(programs).hasSize(250);
    long seed = Long.getLong("cocovisor.seed", 20251103L);
    int refused = 0;
    long mismatches = 0;
    for (int n = 0; n < count; n++) {
      Random dice = new Random(seed + n);
      List<String> program = new ArrayList<>(programs.get(dice.nextInt(programs.size())));
      for (int i = 1 + dice.nextInt(5); i > 0; i--) {
        wound(program, dice, programs);
      }
      String text = String.join("\n", program) + "\n";
      try {
        mismatches +=
            new KvmLogReplayer(Technologies.of(List.of(new PkvmBackend())))
                .replay(LogSource.text("damaged", text), ReplayOptions.ALL, m -> {})
                .mismatches();
      } catch (LogSyntaxException e) {
        refused++;
      } catch (RuntimeException | Error e) {
        throw new AssertionError(
            "seed "
                + (seed + n)
                + "; reproduce: mvn -pl backend-pkvm -am test -Dtest=DamagedLogTest"
                + " -Dcocovisor.seed="
                + (seed + n)
                + "\n"
                + text,
            e);
      }
    }
    assertThat(refused).isBetween(1, count - 1);
    assertThat(mismatches).isPositive();
  }

  @Test
  void damagedProgramsEndInDifferencesOrSyntaxErrors() throws IOException {
    damage(QUICK);
  }

  @Test
  @Tag("slow")
  void manyMoreDoToo() throws IOException {
    damage(THOROUGH);
  }
}
