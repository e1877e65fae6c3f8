package dev.cocovisor.cca.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.script.replay.KvmLogReplayer;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The host flow of conformance/cca, on the core itself. Each log's head cites its rules. */
class ScenarioLogsTest {
  private static final Path ROOT =
      Path.of(System.getProperty("cocovisor.root", "."), "conformance");

  private static List<Path> logs(String folder) throws IOException {
    try (Stream<Path> files = Files.list(ROOT.resolve(folder))) {
      return files.filter(f -> f.toString().endsWith(".kvmlog")).sorted().toList();
    }
  }

  private static Stream<DynamicTest> each(String folder) throws IOException {
    return logs(folder).stream()
        .map(f ->
            DynamicTest.dynamicTest(
                String.valueOf(f.getFileName()), () -> replay(LogSource.file(f))));
  }

  @TestFactory
  Stream<DynamicTest> everyScenarioAnswersAsItsLogSays() throws IOException {
    return each("cca");
  }

  @TestFactory
  Stream<DynamicTest> everyScenarioOfAnRmmOf2AnswersAsItsLogSays() throws IOException {
    return each("cca-2.0");
  }

  /** What the VMM and the realm see is the same; only the offer of RSI 1.1 is new. */
  @TestFactory
  Stream<DynamicTest> scenariosOf1RunUnderAnRmmOf2() throws IOException {
    return logs("cca").stream()
        .map(f ->
            DynamicTest.dynamicTest(
                String.valueOf(f.getFileName()),
                () ->
                    replay(
                        LogSource.text(
                            f + " on 2.0",
                            Files.readString(f)
                                .replace("{backend=cca", "{backend=cca, cca.rmm=\"2.0\"")
                                .replace("x2=0x10000)", "x2=0x10001)")))));
  }

  @ParameterizedTest
  @ValueSource(strings = {"cca", "cca-2.0"})
  void thereAreAtLeastFifteenAndEachSaysWhy(String folder) throws IOException {
    assertThat(logs(folder)).hasSizeGreaterThanOrEqualTo(15);
    for (Path f : logs(folder)) {
      assertThat(Files.readAllLines(f).subList(0, 2)).allMatch(l -> l.startsWith("# "));
    }
  }

  private static void replay(LogSource source) throws IOException {
    List<Mismatch> mismatches = new ArrayList<>();
    new KvmLogReplayer(Technologies.of(List.of(new CcaBackend())))
        .replay(source, ReplayOptions.ALL, mismatches::add);
    assertThat(mismatches).isEmpty();
  }
}
