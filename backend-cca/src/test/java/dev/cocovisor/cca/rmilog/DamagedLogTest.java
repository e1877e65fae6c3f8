package dev.cocovisor.cca.rmilog;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.script.generate.DamagedPrograms;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * The replay of recorded programs that were damaged finds differences, or a line it cannot read.
 */
class DamagedLogTest {
  private static final List<String> NUMBERS =
      List.of(
          "0",
          "1",
          "-1",
          "2",
          "3",
          "4",
          "16",
          "0xff",
          "0x100",
          "0x1000",
          "0x1001",
          "0x200000",
          "0x40000000",
          "0x8000000000",
          "0x80000000000",
          "0x800000000000",
          "0x1000000000000",
          "0x7fffffffffffffff",
          "0x8000000000000000",
          "0xffffffffffffffff",
          "0xfffffffffffff000");
  private static final int QUICK = 1_500;
  private static final int THOROUGH = 40_000;

  private static void damage(int count) throws IOException {
    Path log =
        Path.of(System.getProperty("cocovisor.root", ".."), "conformance")
            .resolve("rmm-1.0.rmilog.gz");
    var programs = DamagedPrograms.of(log, Integer.MAX_VALUE, 0, NUMBERS);
    assertThat(programs.size()).isEqualTo(400);
    var outcome =
        programs.replay(
            Long.getLong("cocovisor.seed", 20251210L),
            count,
            text ->
                new RmiLogReplayer()
                    .replay(LogSource.text("damaged", text), ReplayOptions.ALL, m -> {})
                    .mismatches());
    assertThat(outcome.refused()).isBetween(1, count - 1);
    assertThat(outcome.mismatches()).isPositive();
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
