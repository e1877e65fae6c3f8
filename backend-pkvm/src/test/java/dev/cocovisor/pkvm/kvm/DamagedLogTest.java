package dev.cocovisor.pkvm.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.script.generate.DamagedPrograms;
import dev.cocovisor.script.replay.KvmLogReplayer;
import dev.cocovisor.vmm.Technologies;
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
          "4294967295");
  private static final int QUICK = 1_500;
  private static final int THOROUGH = 40_000;

  private static void damage(int count) throws IOException {
    Path log =
        Path.of(System.getProperty("cocovisor.root", ".."), "conformance")
            .resolve("pkvm-arm64-7.3.kvmlog.gz");
    var programs = DamagedPrograms.of(log, Integer.MAX_VALUE, 0, NUMBERS);
    assertThat(programs.size()).isEqualTo(250);
    var outcome =
        programs.replay(
            Long.getLong("cocovisor.seed", 20251103L),
            count,
            text ->
                new KvmLogReplayer(Technologies.of(List.of(new PkvmBackend())))
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
