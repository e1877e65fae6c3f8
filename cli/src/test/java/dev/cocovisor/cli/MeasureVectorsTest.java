package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.measure.VectorResult;
import dev.cocovisor.cli.find.Measurers;
import dev.cocovisor.cli.measure.MeasureVectors;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Every case of every vector file, and that the check itself can fail. */
class MeasureVectorsTest {
  static final Path VECTORS =
      Path.of(System.getProperty("cocovisor.root"), "conformance", "vectors");

  @TempDir Path folder = Path.of(".");

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private int run(String... args) {
    return Main.run(
        new Console(new PrintStream(out, true), new PrintStream(err, true), false, false), args);
  }

  private String output() {
    return out.toString(StandardCharsets.UTF_8);
  }

  @TestFactory
  Stream<DynamicTest> everyVectorIsReproduced() throws IOException {
    var check =
        new MeasureVectors(
            new Console(System.out, System.err, false, false),
            new Measurers(java.util.ServiceLoader.load(dev.cocovisor.api.Backend.class)));
    List<Path> files;
    try (var listed = Files.newDirectoryStream(VECTORS, "vectors-*.json")) {
      files = StreamSupport.stream(listed.spliterator(), false).sorted().toList();
    }
    return files.stream()
        .map(file -> check.check(file, null))
        .flatMap(report ->
            Stream.concat(report.cases().stream(), report.tables().stream())
                .map(r -> test(report.kind(), r)));
  }

  private static DynamicTest test(String kind, VectorResult result) {
    return DynamicTest.dynamicTest(
        kind + " " + result.name(), () -> assertThat(result.passed()).as(result.detail()).isTrue());
  }

  @ParameterizedTest
  @CsvSource({
    "snp,132",
    "snp-hosts,47",
    "tdx,42",
    "cca,48",
    "igvm-snp,20",
    "igvm-tdx,4",
    "rtmr,49"
  })
  void summaryCountsTheCases(String kind, int cases) {
    assertThat(run("measure", "--vectors", VECTORS.resolve("vectors-" + kind + ".json").toString()))
        .isZero();
    assertThat(output().lines().toList().getLast())
        .isEqualTo("cases=%d passed=%d failed=0".formatted(cases, cases));
  }

  @ParameterizedTest
  @CsvSource({
    "snp, svsm-2, 462b2355ab5b1e75, 462b2355ab5b1e76",
    "tdx, tdvf-b-two-pass, 637d2e3ebdfbe174, 637d2e3ebdfbe175",
    "tdx, one-add, \"adds\": 1, \"adds\": 2",
    "cca, chain5-sha256, 8205f0b27f08b8af, 8205f0b27f08b8a0",
    "cca, chain5-sha256, 1e48afce5ef9597f, 1e48afce5ef9597e"
  })
  void aChangedAnswerIsFoundAndNamed(String kind, String name, String from, String to)
      throws IOException {
    String text = Files.readString(VECTORS.resolve("vectors-" + kind + ".json"));
    int at = text.indexOf(from, text.indexOf("\"name\": \"" + name + "\""));
    assertThat(at).isPositive();
    Path changed = folder.resolve("changed.json");
    Files.writeString(changed, text.substring(0, at) + to + text.substring(at + from.length()));
    for (String inputs : new String[] {"images", "files"}) {
      Files.createSymbolicLink(folder.resolve(inputs), VECTORS.resolve(inputs).toAbsolutePath());
    }
    assertThat(run("measure", "--vectors", changed.toString())).isEqualTo(ExitCode.FOUND);
    assertThat(output())
        .contains("FAILED " + name + ": ")
        .contains("reproduce: ./cocovisor measure --vectors " + changed + " --case " + name)
        .contains(" failed=1");
  }

  @Test
  void aMissingImageIsAFailureEvenWhereARefusalIsExpected() throws IOException {
    Path alone = folder.resolve("vectors-tdx.json");
    Files.copy(VECTORS.resolve("vectors-tdx.json"), alone);
    assertThat(run("measure", "--vectors", alone.toString(), "--case", "err-tbad-gpa"))
        .isEqualTo(ExitCode.FOUND);
    assertThat(output()).contains("cannot read").contains("cases=1 passed=0 failed=1");
  }

  @Test
  void oneCaseCanBeRunAlone() {
    String file = VECTORS.resolve("vectors-snp.json").toString();
    assertThat(run("measure", "--vectors", file, "--case", "svsm-1")).isZero();
    assertThat(output().strip()).isEqualTo("cases=1 passed=1 failed=0");
    assertThat(run("measure", "--vectors", file, "--case", "svsm-99")).isEqualTo(ExitCode.USAGE);
    assertThat(err.toString(StandardCharsets.UTF_8)).contains("has a case 'svsm-99'");
  }

  @Test
  void jsonNamesFailuresAndCounts() {
    assertThat(
            run("measure", "--json", "--vectors", VECTORS.resolve("vectors-cca.json").toString()))
        .isZero();
    assertThat(output())
        .contains("\"format\" : \"cocovisor-measure/1\"")
        .contains("\"cases\" : 48")
        .contains("\"failures\" : [ ]");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "[1] | not a JSON object",
        "{\"a\": | not JSON",
        "{\"a\":1,\"a\":2} | not JSON",
        "{\"format\":\"x/1\"} | not launch vectors: x/1",
        "{\"format\":\"launch-vectors/1\",\"kind\":\"zz\"} | no measurer understands vectors of"
            + " kind 'zz'",
        "{\"format\":\"launch-vectors/1\",\"kind\":\"tdx\"} | \"cases\" is missing"
      })
  void aFileThatIsNoVectorFileIsAUsageError(String text, String message) throws IOException {
    Path file = Files.writeString(folder.resolve("x.json"), text);
    assertThat(run("measure", "--vectors", file.toString())).isEqualTo(ExitCode.USAGE);
    assertThat(err.toString(StandardCharsets.UTF_8)).contains(message);
  }
}
