package dev.cocovisor.script.replay;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.api.log.ReplaySummary;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What was recorded of x86 KVM, its selftests and single rules: the core answers the same. */
class RecordingsTest {
  private static final Path ROOT = Path.of(System.getProperty("cocovisor.root"), "conformance");

  static Stream<Path> recordings() throws IOException {
    List<Path> all = new ArrayList<>();
    for (Path folder :
        List.of(ROOT, ROOT.resolve("traces"), ROOT.resolve("x86"), ROOT.resolve("kernels"))) {
      try (Stream<Path> files = Files.list(folder)) {
        files
            .filter(f -> f.toString().matches(".*\\.kvmlog(\\.gz)?"))
            .filter(f -> folder != ROOT || f.getFileName().toString().startsWith("kvm-x86"))
            .forEach(all::add);
      }
    }
    assertThat(all).hasSizeGreaterThan(8);
    return all.stream().sorted();
  }

  @ParameterizedTest
  @MethodSource("recordings")
  void theCoreAnswersAsTheKernelDid(Path log) throws IOException {
    List<String> wrong = new ArrayList<>();
    ReplaySummary s =
        new KvmLogReplayer(Technologies.builtIn())
            .replay(
                LogSource.file(log),
                ReplayOptions.ALL,
                m -> wrong.add(m.line() + ": " + m.call() + " " + m.expected() + " " + m.got()));
    assertThat(wrong).isEmpty();
    assertThat(s.programs()).isPositive();
  }

  @Test
  void answersThatAnotherThreadMadeAreNamedAndCounted() throws IOException {
    ReplaySummary s =
        new KvmLogReplayer(Technologies.builtIn())
            .replay(
                LogSource.file(ROOT.resolve("traces").resolve("pre_fault_memory_test.kvmlog.gz")),
                ReplayOptions.ALL,
                _ -> {});
    assertThat(s.mismatches()).isZero();
    assertThat(s.notes()).containsEntry("raced", 2L);
  }
}
