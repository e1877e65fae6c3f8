package dev.cocovisor.snp.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.script.replay.KvmLogReplayer;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Damaged scenario logs end in a syntax error or in plain mismatches, never otherwise. */
class ScenarioFuzzTest {
  private static final Pattern NUMBER = Pattern.compile("(?<==|\\()(0x[0-9a-f]+|-?[0-9]+)");
  private static final String[] VALUES = {
    "0",
    "1",
    "-1",
    "2",
    "7",
    "0xfff",
    "0x1000",
    "0x200000",
    "0x7f0000000000",
    "0x80000000",
    "0x7fffffff",
    "0xffffffff",
    "0x100000000",
    "0x7fffffffffffffff",
    "0xffffffffffffffff",
    "255"
  };

  @TempDir Path dir;

  private static List<Path> logs() throws IOException {
    Path dir = Path.of(System.getProperty("cocovisor.root"), "conformance", "sev-snp");
    try (Stream<Path> files = Files.list(dir)) {
      return files.filter(f -> f.toString().endsWith(".kvmlog")).sorted().toList();
    }
  }

  @Test
  void damagedLogsNeverFailOtherwise() throws IOException {
    fuzz(8);
  }

  @Test
  @Tag("slow")
  void damagedLogsNeverFailOtherwiseAtLength() throws IOException {
    fuzz(Integer.getInteger("cocovisor.fuzz.rounds", 150));
  }

  private void fuzz(int rounds) throws IOException {
    long seed = Long.getLong("cocovisor.seed", 1);
    int broken = 0;
    int ran = 0;
    for (Path log : logs()) {
      List<String> lines = Files.readAllLines(log);
      for (int round = 0; round < rounds; round++) {
        Random random = new Random(seed * 1_000_003 + log.getFileName().hashCode() + round);
        List<String> damaged = damage(lines, random);
        Path file = dir.resolve("damaged.kvmlog");
        Files.write(file, damaged);
        try {
          var summary =
              new KvmLogReplayer(Technologies.of(List.of(new SevBackend())))
                  .replay(LogSource.file(file), ReplayOptions.ALL, _ -> {});
          assertThat(summary).isNotNull();
          ran++;
        } catch (LogSyntaxException e) {
          broken++;
        } catch (RuntimeException e) {
          fail(
              "%s round %d failed with %s; reproduce: -Dtest=ScenarioFuzzTest -Dcocovisor.seed=%d\n"
                  + "%s",
              log.getFileName(), round, e, seed, String.join("\n", damaged), e);
        }
      }
    }
    System.out.printf(
        "seed=%d damaged=%d replayed=%d refused=%d%n", seed, ran + broken, ran, broken);
    assertThat(ran).as("most damage leaves a log that can be read").isGreaterThan(broken);
  }

  private static List<String> damage(List<String> lines, Random random) {
    List<String> out = new ArrayList<>(lines);
    for (int n = 1 + random.nextInt(3); n > 0; n--) {
      int at = random.nextInt(out.size());
      String line = out.get(at);
      if (line.startsWith("#") || line.startsWith("host_config")) {
        continue;
      }
      switch (random.nextInt(6)) {
        case 0 -> out.remove(at);
        case 1 -> out.add(at, line);
        case 2 -> out.add(random.nextInt(at, out.size()), line);
        case 3 -> out.set(at, line.replaceFirst(", [a-z_]+=[^,}]*", ""));
        default -> out.set(at, changed(line, random));
      }
    }
    return out;
  }

  private static String changed(String line, Random random) {
    Matcher m = NUMBER.matcher(line);
    List<int[]> found = new ArrayList<>();
    while (m.find()) {
      found.add(new int[] {m.start(), m.end()});
    }
    if (found.isEmpty()) {
      return line;
    }
    int[] one = found.get(random.nextInt(found.size()));
    return line.substring(0, one[0])
        + VALUES[random.nextInt(VALUES.length)]
        + line.substring(one[1]);
  }
}
