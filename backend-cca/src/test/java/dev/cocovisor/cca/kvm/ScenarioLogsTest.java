package dev.cocovisor.cca.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.vmm.Technologies;
import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.script.replay.KvmLogReplayer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The host flow of conformance/cca, on the core itself. Each log's head cites its rules. */
class ScenarioLogsTest {
  private static final Path LOGS =
      Path.of(System.getProperty("cocovisor.root", "."), "conformance", "cca");

  private static List<Path> logs() throws IOException {
    try (Stream<Path> files = Files.list(LOGS)) {
      return files.filter(f -> f.toString().endsWith(".kvmlog")).sorted().toList();
    }
  }

  @TestFactory
  Stream<DynamicTest> everyScenarioAnswersAsItsLogSays() throws IOException {
    return logs().stream()
        .map(f -> DynamicTest.dynamicTest(String.valueOf(f.getFileName()), () -> replay(f)));
  }

  @Test
  void thereAreAtLeastFifteenAndEachSaysWhy() throws IOException {
    assertThat(logs()).hasSizeGreaterThanOrEqualTo(15);
    for (Path f : logs()) {
      assertThat(Files.readAllLines(f).subList(0, 2)).allMatch(l -> l.startsWith("# "));
    }
  }

  private static void replay(Path f) throws IOException {
    List<Mismatch> mismatches = new ArrayList<>();
    new KvmLogReplayer(Technologies.of(List.of(new CcaBackend()))).replay(LogSource.file(f), ReplayOptions.ALL, mismatches::add);
    assertThat(mismatches).isEmpty();
  }
}
