package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Manual pages, and starts that make one command alone. */
class ManCommandTest {
  @TempDir Path dir;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private int run(String... args) {
    out.reset();
    err.reset();
    return Main.run(
        new Console(new PrintStream(out, true), new PrintStream(err, true), false, false), args);
  }

  @Test
  void everyCommandHasAPage() throws Exception {
    assertThat(run("man", dir.toString())).isZero();
    try (Stream<Path> files = Files.list(dir)) {
      assertThat(files.map(f -> f.getFileName().toString()))
          .contains(
              "cocovisor.1", "cocovisor-run.1", "cocovisor-plugins-list.1", "cocovisor-man.1");
    }
    String measure = Files.readString(dir.resolve("cocovisor-measure.1"));
    assertThat(measure)
        .startsWith(".TH COCOVISOR-MEASURE 1 ")
        .contains(".SH SYNOPSIS", ".SH OPTIONS", "\\-\\-host\\-kernel VALUE", ".SH SEE ALSO")
        .doesNotContain("${DEFAULT-VALUE}");
    // A line of text that begins with a dot would be a request.
    assertThat(measure.lines().filter(l -> l.startsWith(".")))
        .allMatch(l -> l.matches("\\.(TH|SH|TP|B|br|nf|fi)( .*)?"));
    assertThat(run("man", dir.toString())).isEqualTo(ExitCode.USAGE);
    assertThat(run("man", dir.toString(), "--force")).isZero();
  }

  @Test
  void aMisspeltCommandIsHeldAgainstAllOfThem() {
    assertThat(run("compair", "x")).isEqualTo(ExitCode.USAGE);
    assertThat(err.toString(StandardCharsets.UTF_8)).contains("compare");
    assertThat(run("--help")).isZero();
    assertThat(out.toString(StandardCharsets.UTF_8)).contains("  replay", "  tck", "  measure");
  }
}
