package dev.cocovisor.snp.kvm;

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
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The scenario logs replay without a difference. */
class ScenarioLogsTest {
  private static List<Path> logs() throws IOException {
    Path dir = Path.of(System.getProperty("cocovisor.root"), "conformance", "sev-snp");
    try (Stream<Path> files = Files.list(dir)) {
      return files.filter(f -> f.toString().endsWith(".kvmlog")).sorted().toList();
    }
  }

  @TestFactory
  Stream<DynamicTest> replay() throws IOException {
    return logs().stream()
        .map(f ->
            DynamicTest.dynamicTest(
                f.getFileName().toString(), () -> assertThat(differences(f)).isEmpty()));
  }

  private static List<Mismatch> differences(Path file) throws IOException {
    List<Mismatch> all = new ArrayList<>();
    ReplaySummary s =
        new KvmLogReplayer(Technologies.of(List.of(new SevBackend())))
            .replay(LogSource.file(file), ReplayOptions.ALL, all::add);
    assertThat(s.calls()).isGreaterThan(4);
    return all;
  }

  @Test
  void thereAreAtLeastTwentyAndEachCitesItsSource() throws IOException {
    assertThat(logs()).hasSizeGreaterThanOrEqualTo(20);
    for (Path f : logs()) {
      assertThat(Files.readAllLines(f).subList(0, 2)).allMatch(l -> l.startsWith("# "));
    }
  }
}
