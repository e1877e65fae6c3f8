package dev.cocovisor.live.strace;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.script.lift.LogLift;
import dev.cocovisor.script.replay.KvmLogReplayer;
import dev.cocovisor.vmm.Technologies;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Damaged traces: whatever is cut off, swapped or overwritten, an import, the replay of its log and
 * the lift of it give answers or say where the syntax is wrong.
 */
class StraceFuzzTest {
  private static final String[] SAMPLES = {
    "memslot_modification_stress_test",
    "pre_fault_memory_test",
    "private_mem_kvm_exits_test",
    "vm_types_test",
    "qemu-start",
    "options/6.1-terminal-names",
    "options/7.2-names-verbose"
  };

  private static final String SIGNS = "(){}[]<>=,\"'|.-+*/ \\0x9aKVM_\u20ac\0\t";

  private static List<String> lines(String name) throws IOException {
    Path file =
        Path.of(System.getProperty("cocovisor.root"), "conformance/strace", name + ".strace.gz");
    try (BufferedReader in = LogSource.file(file).opener().open();
        Stream<String> lines = in.lines()) {
      List<String> all = lines.toList();
      // Of a long trace the part with its slots and first runs.
      return all.size() > 1700 ? all.subList(570, 1700) : all;
    }
  }

  private static String damaged(List<String> lines, Random random) {
    var all = new ArrayList<>(lines);
    int wounds = 1 + random.nextInt(6);
    for (int i = 0; i < wounds; i++) {
      int at = random.nextInt(all.size());
      String line = all.get(at);
      int from = line.isEmpty() ? 0 : random.nextInt(line.length());
      switch (random.nextInt(8)) {
        case 0 -> all.set(at, line.substring(0, from));
        case 1 -> all.set(at, line.substring(from));
        case 2 -> all.set(at, line.substring(0, from) + sign(random) + line.substring(from));
        case 3 ->
            all.set(
                at,
                line.substring(0, from)
                    + sign(random)
                    + line.substring(Math.min(from + 1, line.length())));
        case 4 -> all.set(at, all.get(random.nextInt(all.size())));
        case 5 -> all.set(at, line.replaceAll("0x[0-9a-f]+", number(random)));
        case 6 -> all.set(at, line.replaceAll("= \\d+", "= " + number(random)));
        default -> all.set(at, line.replaceAll("\\b\\d+\\b", number(random)));
      }
      if (random.nextInt(20) == 0) {
        all.subList(random.nextInt(all.size()), all.size()).clear();
        if (all.isEmpty()) {
          return "";
        }
      }
    }
    return String.join("\n", all);
  }

  private static char sign(Random random) {
    return SIGNS.charAt(random.nextInt(SIGNS.length()));
  }

  private static String number(Random random) {
    return switch (random.nextInt(6)) {
      case 0 -> "0xffffffffffffffff";
      case 1 -> "-1";
      case 2 -> "0x8000000000000000";
      case 3 -> "99999999999999999999999";
      case 4 -> Integer.toString(random.nextInt(20));
      default -> "0x" + Long.toHexString(random.nextLong());
    };
  }

  /** Returns 1 if the trace was read, 0 if its syntax was refused. */
  private static int judged(String trace) throws IOException {
    try {
      var importer = new StraceImport();
      importer.read(LogSource.text("damaged", trace));
      var log = new StringBuilder();
      ImportSummary s = importer.write(log);
      assertThat(s.dropped()).isBetween(0L, s.calls());
      var source = LogSource.text("imported", log.toString());
      var _ =
          new KvmLogReplayer(Technologies.builtIn())
              .passingOver(_ -> {})
              .replay(source, ReplayOptions.ALL, _ -> {});
      var _ = LogLift.of(source).text();
      return 1;
    } catch (LogSyntaxException e) {
      assertThat(e.getMessage()).matches("(?s)\\w+:\\d+:\\d+: .*");
      return 0;
    }
  }

  private static int run(String name, int rounds) throws IOException {
    List<String> lines = lines(name);
    int read = 0;
    for (int seed = 0; seed < rounds; seed++) {
      String trace = damaged(lines, new Random(seed));
      try {
        read += judged(trace);
      } catch (RuntimeException | AssertionError e) {
        throw new AssertionError(name + ", seed " + seed, e);
      }
    }
    return read;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "memslot_modification_stress_test",
        "vm_types_test",
        "options/6.1-terminal",
        "options/7.2-colours"
      })
  void aFewDamagedTraces(String name) throws IOException {
    assertThat(run(name, 60)).isGreaterThan(50);
  }

  @Test
  @Tag("slow")
  void fifteenThousandDamagedTraces() throws IOException {
    int read = 0;
    for (String name : SAMPLES) {
      read += run(name, name.equals("qemu-start") ? 500 : 2_500);
    }
    assertThat(read).isGreaterThan(13_000);
  }
}
