package dev.cocovisor.snp.psp;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class FwCommandTest {
  private static final Path MAIN =
      Path.of(System.getProperty("cocovisor.root"), "backend-sev-snp", "src", "main", "java");

  private static List<String> sources() throws IOException {
    try (Stream<Path> all = Files.walk(MAIN)) {
      return all.filter(p -> p.toString().endsWith(".java")).map(FwCommandTest::text).toList();
    }
  }

  private static String text(Path p) {
    try {
      return Files.readString(p);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** So traces, plans of failures and logs see each command, and none twice. */
  @ParameterizedTest
  @EnumSource
  void aCommandRunsInOnePlaceThatNamesItsRow(FwCommand command) throws IOException {
    Pattern row = Pattern.compile("FwCommand\\." + command.name() + "\\b");
    assertThat(sources().stream().mapToLong(s -> row.matcher(s).results().count()).sum())
        .isEqualTo(1);
  }
}
