package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.networknt.schema.Error;
import com.networknt.schema.InputFormat;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import dev.cocovisor.cli.print.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.json.JsonMapper;

/** What commands print as JSON is what the schemas in the documentation say. */
class SchemasTest {
  private static final Path ROOT = Path.of(System.getProperty("cocovisor.root"));
  private static final SchemaRegistry SCHEMAS =
      SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12);

  @TempDir Path dir;

  private static Schema schema(String name) throws IOException {
    return SCHEMAS.getSchema(
        Files.readString(ROOT.resolve("docs/schemas/" + name + ".schema.json")));
  }

  private static List<Error> errors(String name, String json) throws IOException {
    return schema(name).validate(json, InputFormat.JSON);
  }

  private static String example(String name) {
    return ROOT.resolve("examples/" + name + ".kvmlog").toString();
  }

  private static String vectors(String name) {
    return ROOT.resolve("conformance/vectors/" + name).toString();
  }

  private static String strace(String name) {
    return ROOT.resolve("conformance/strace/" + name).toString();
  }

  static Stream<Arguments> commands() {
    String race = example("races/fault-and-punch");
    return Stream.of(
        Arguments.of("run", List.of("run", example("convert-small-in-huge"), "--backend", "tdx")),
        Arguments.of("run", List.of("run", example("first-boot"), "--backend", "cca")),
        Arguments.of("compare", List.of("compare", example("convert-small-in-huge"))),
        Arguments.of("explore", List.of("explore", race, "--bound", "0")),
        Arguments.of("races", List.of("races", "pkvm", "--meeting", "fault,mmap", "--bound", "0")),
        Arguments.of("tck", List.of("tck", "sev-snp", "--rule", "C01,M01")),
        Arguments.of("backends", List.of("backends")),
        Arguments.of("plugins", List.of("plugins", "list")),
        Arguments.of(
            "diff",
            List.of(
                "diff",
                example("convert-small-in-huge"),
                "--backend",
                "tdx",
                "--set-b",
                "tdx.page-size-policy=upstream")),
        Arguments.of(
            "measure", List.of("measure", "tdx", vectors("images/tdvf-a.fd"), "--explain")),
        Arguments.of("measure", List.of("measure", "igvm", vectors("igvm/coconut-a.igvm"))),
        Arguments.of(
            "measure",
            List.of("measure", "igvm:snp", vectors("igvm/signed.igvm"), "--id-block", "make")),
        Arguments.of(
            "measure",
            List.of(
                "measure",
                "tdx",
                "--diff",
                vectors("images/tdvf-a.fd"),
                vectors("images/combo.fd"))),
        Arguments.of("measure", List.of("measure", "--vectors", vectors("vectors-rtmr.json"))),
        Arguments.of("import", List.of("import", strace("options/6.1-hex.strace.gz"))),
        Arguments.of(
            "compare-kernels",
            List.of("compare", "--kernels", "6.12,7.3", example("convert-small-in-huge"))),
        Arguments.of("bugs", List.of("bugs")),
        Arguments.of(
            "plugins",
            List.of("plugins", "check", "--no-load", ROOT.resolve("README.md").toString())),
        Arguments.of("error", List.of("run", "/nowhere/at-all")),
        Arguments.of("error", List.of("explore", race, "--bound", "-1")));
  }

  @ParameterizedTest
  @MethodSource("commands")
  void whatIsPrintedIsWhatTheSchemaSays(String schema, List<String> words) throws IOException {
    String[] args = Stream.concat(words.stream(), Stream.of("--json")).toArray(String[]::new);
    String out = Ran.of(args).out();
    assertThat(errors(schema, out)).as(out.substring(0, Math.min(400, out.length()))).isEmpty();
  }

  @Test
  @Tag("slow")
  void aCampaignToo() throws IOException {
    Path file = dir.resolve("c.yaml");
    Files.writeString(
        file, "campaign: c\nprograms: {technologies: sw-protected, seeds: 1..2, length: 5}\n");
    assertThat(errors("campaign", Ran.of("campaign", "run", file.toString(), "--json").out()))
        .isEmpty();
  }

  @Test
  void aReplayThatFindsSomethingToo() throws IOException {
    Path log = dir.resolve("a.kvmlog");
    Files.writeString(log, "fallocate(-1, 0, 0x200000, 0x1000) = -1 EINVAL\n");
    String out = Ran.of("replay", "--json", log.toString()).out();
    assertThat(new JsonMapper().readTree(out).get("found").size()).isEqualTo(1);
    assertThat(errors("replay", out)).isEmpty();
  }

  @Test
  void aMachineWithKvmAndOneWithoutBothPrintADocument() throws IOException {
    Ran ran = Ran.of("live", "host", "--json");
    boolean there = ran.code() == ExitCode.CLEAN;
    assertThat(errors(there ? "live" : "error", ran.out())).as(ran.out()).isEmpty();
    assertThat(ran.code()).isIn(ExitCode.CLEAN, ExitCode.USAGE);
  }

  @Test
  void theSchemasSeeWhatIsWrong() throws IOException {
    String run = Ran.of("run", example("first-boot"), "--backend", "cca", "--json").out();
    assertThat(errors("run", run.replace("\"version\" : 2", "\"version\" : 1"))).isNotEmpty();
    assertThat(errors("run", run.replaceFirst("\"call\"", "\"cal\""))).isNotEmpty();
    assertThat(errors("run", "{}")).isNotEmpty();
    assertThat(errors("compare", run)).isNotEmpty();
  }
}
