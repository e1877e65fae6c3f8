package dev.cocovisor.pkvm.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.api.log.ReplaySummary;
import dev.cocovisor.script.replay.KvmLogReplayer;
import dev.cocovisor.vmm.Technologies;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What real protected guests on a real kernel answered. */
class RecordedLogTest {
  private static LogSource log(String name) {
    return LogSource.file(
        Path.of(
            System.getProperty("cocovisor.root", ".."),
            "conformance",
            "pkvm-arm64-7.3" + name + ".kvmlog.gz"));
  }

  private final List<Mismatch> mismatches = new ArrayList<>();

  private ReplaySummary replay(LogSource log) throws IOException {
    return new KvmLogReplayer(Technologies.of(List.of(new PkvmBackend())))
        .replay(log, ReplayOptions.ALL, mismatches::add);
  }

  @ParameterizedTest
  @CsvSource({
    "'', 250, 11000",
    "-wide, 64, 3000",
    "-wide-deep, 186, 9800",
    "-rules, 162, 3800",
    "-memlock, 15, 690",
    "-counters, 50, 3000",
    "-beyond, 20, 850",
    "-beyond-rules, 90, 1320",
    "-reordered, 25, 1400",
    "-run, 76, 1790"
  })
  void everyRecordedProgramReplaysWithoutADifference(String name, int programs, long calls)
      throws IOException {
    ReplaySummary s = replay(log(name));
    assertThat(mismatches).isEmpty();
    assertThat(s.programs()).isEqualTo(programs);
    assertThat(s.calls()).isGreaterThan(calls);
  }

  @Test
  void aChangedAnswerIsNoticed() throws IOException {
    String text;
    try (BufferedReader r = log("").opener().open()) {
      text = r.lines().limit(2000).collect(Collectors.joining("\n"));
    }
    String lie = text.replace("(DONE, x0=29)", "(DONE, x0=31)").replace("= -1 SIGSEGV", "= 0");
    long lies = lie.lines().count() - text.lines().filter(lie.lines().toList()::contains).count();
    ReplaySummary s = replay(LogSource.text("lie.kvmlog", lie));
    assertThat(lies).isPositive();
    assertThat(s.mismatches()).isPositive();
    assertThat(mismatches).allMatch(m -> m.call().startsWith("host_") || m.call().contains("hvc"));
  }
}
