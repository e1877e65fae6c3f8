package dev.cocovisor.tdx.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.api.log.ReplaySummary;
import dev.cocovisor.script.replay.KvmLogReplayer;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ScenarioLogsTest {
  @Test
  void everyScenarioLogIsAnsweredAsWritten() throws IOException {
    Path folder =
        Path.of(System.getProperty("cocovisor.root", "..")).resolve("conformance").resolve("tdx");
    List<Path> logs;
    try (var files = Files.list(folder)) {
      logs = files.filter(f -> f.toString().endsWith(".kvmlog")).sorted().toList();
    }
    assertThat(logs).hasSizeGreaterThanOrEqualTo(20);
    List<Mismatch> found = new ArrayList<>();
    long calls = 0;
    for (Path log : logs) {
      ReplaySummary s =
          new KvmLogReplayer(Technologies.of(List.of(new TdxBackend())))
              .replay(LogSource.file(log), ReplayOptions.ALL, found::add);
      calls += s.calls();
    }
    assertThat(found).isEmpty();
    assertThat(calls).isGreaterThan(800);
  }
}
