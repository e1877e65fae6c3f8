package dev.cocovisor.tdx.seamlog;

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
          "0x0",
          "0x1",
          "0xffffffffffffffff",
          "0x8000000000000000",
          "0x8000000000000",
          "0x40000000",
          "0xc0000000",
          "0x3fffffffffffff");

  /** Longer programs are mostly the same 512 calls over and over. */
  private static final int MOST_LINES = 420;

  /** The first line of a program sets it up. */
  private static final int SETUP = 1;

  private static final int QUICK = 2_000;
  private static final int THOROUGH = 20_000;

  private static void damage(int count) throws IOException {
    Path log =
        Path.of(System.getProperty("cocovisor.root", ".."), "conformance")
            .resolve("tdx-module-1.5.seamlog.gz");
    var programs = DamagedPrograms.of(log, MOST_LINES, SETUP, NUMBERS);
    assertThat(programs.size()).isGreaterThan(150);
    var outcome =
        programs.replay(
            Long.getLong("cocovisor.seed", 20250424L),
            count,
            text ->
                new SeamLogReplayer()
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
