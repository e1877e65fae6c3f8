package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Kernels side by side, and the page about them. */
class KernelsTest {
  private static final Path ROOT = Path.of(System.getProperty("cocovisor.root"));

  private record Ran(int code, String out) {}

  private static Ran run(String... args) {
    var out = new ByteArrayOutputStream();
    var stream = new PrintStream(out, true, StandardCharsets.UTF_8);
    int code = Main.run(new Console(stream, stream, false, false), args);
    return new Ran(code, out.toString(StandardCharsets.UTF_8));
  }

  private static String example(String name) {
    return ROOT.resolve("examples").resolve(name + ".kvmlog").toString();
  }

  @Test
  void thePageIsWhatTheTableSays() throws IOException {
    Ran ran = run("kernels");
    assertThat(ran.code()).isEqualTo(ExitCode.CLEAN);
    assertThat(Files.readString(ROOT.resolve("docs/kernels.md")))
        .as("print it anew: ./cocovisor kernels > docs/kernels.md")
        .isEqualTo(ran.out());
  }

  @ParameterizedTest
  @CsvSource({
    "plain-mmap-file-trap, guest-memfd-users|guest-memfd-flags|attributes-owner",
    "prefault-never-returns, prefault-stale-roots",
    "file-range-taken-twice, bind-overlap|bind-order",
    "in-place-conversion, attributes-owner"
  })
  void eachDifferenceIsTheRulesThatMakesIt(String name, String rules) {
    Ran ran = run("compare", "--json", "--kernels", "6.12,7.2,7.3,7.4", example(name));
    assertThat(ran.code()).as(ran.out()).isEqualTo(ExitCode.CLEAN);
    JsonNode doc = JsonMapper.shared().readTree(ran.out());
    List<String> found =
        doc.get("differences")
            .valueStream()
            .flatMap(d -> d.get("rules").valueStream())
            .map(r -> r.get("rule").asString())
            .toList();
    assertThat(found).contains(rules.split("\\|"));
    assertThat(doc.get("differences").valueStream())
        .allSatisfy(d -> assertThat(d.get("rules").isEmpty()).isFalse());
  }

  @Test
  void whatNeverReturnsIsShownAsAValue() {
    Ran ran = run("compare", "--kernels", "6.12,7.3", example("prefault-never-returns"));
    assertThat(ran.out())
        .contains("6.12: {gpa=0x2000, size=0x1000} -1 EINTR (NEVER_RETURNS)")
        .contains("7.3: {gpa=0x3000, size=0} 0")
        .contains("commit 20a6cff3b283");
  }

  @Test
  void aPageAndATraceShowKernelsOnOneSlider(@TempDir Path dir) throws IOException {
    Path html = dir.resolve("kernels.html");
    Path trace = dir.resolve("kernels.json");
    String name = example("prefault-never-returns");
    Ran ran =
        run(
            "compare",
            "--kernels",
            "6.12,7.3",
            name,
            "--html",
            html.toString(),
            "--perfetto",
            trace.toString());
    assertThat(ran.code()).as(ran.out()).isEqualTo(ExitCode.CLEAN);
    JsonNode page = document(html);
    assertThat(page.get("sideBySide").asBoolean()).isTrue();
    assertThat(page.get("runs").valueStream().map(r -> r.get("backend").asString()))
        .containsExactly("default on kernel 6.12", "default on kernel 7.3");
    assertThat(page.get("runs").valueStream().map(r -> r.get("steps").size()).toList())
        .allMatch(n -> n > 3);
    // What the scenario expects is said of one kernel.
    assertThat(page.get("chips").toString()).doesNotContain("unmet");
    assertThat(page.get("differences").valueStream())
        .anySatisfy(d -> {
          assertThat(d.get("question").asString()).contains("prefault-stale-roots");
          assertThat(d.get("rules").propertyNames()).anyMatch(k -> k.startsWith("6.12"));
          assertThat(d.get("rules").toString()).contains("commit 20a6cff3b283");
          assertThat(d.get("rows").toString()).contains("NEVER_RETURNS");
        });
    assertThat(Files.readString(trace)).contains("kernel 6.12", "kernel 7.3");
    assertThat(run("compare", "--kernels", "6.12,7.3", name, "--html", html.toString()).out())
        .contains("--force");
  }

  private static JsonNode document(Path html) throws IOException {
    String text = Files.readString(html);
    int from = text.indexOf("<script id=\"document\"");
    return JsonMapper.shared()
        .readTree(text.substring(text.indexOf('>', from) + 1, text.indexOf("</script>", from)));
  }

  @Test
  void aKernelThatIsNotThereIsRefusedWithThoseThatAre() {
    Ran ran = run("compare", "--kernels", "6.12,7.9", example("prefault-never-returns"));
    assertThat(ran.code()).isEqualTo(ExitCode.USAGE);
    assertThat(ran.out()).contains("7.9");
    assertThat(run("replay", "--set", "kernel=6.13", example("mmio")).out())
        .contains("6.12 or 6.16 or 6.18 or 7.2 or 7.3 or 7.4");
  }
}
