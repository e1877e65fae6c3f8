package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.vmm.VmmRule;
import dev.cocovisor.api.vmm.VmmTopic;
import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import dev.cocovisor.script.scenario.Scenario;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What compare says of a scenario, and why. */
class CompareTest {
  private static final Path ROOT = Path.of(System.getProperty("cocovisor.root"));

  private record Ran(int code, String out) {}

  private static Ran compare(String... args) {
    var out = new ByteArrayOutputStream();
    var stream = new PrintStream(out, true, StandardCharsets.UTF_8);
    var line = Stream.concat(Stream.of("compare"), Stream.of(args)).toArray(String[]::new);
    int code = Main.run(new Console(stream, stream, false, false), line);
    return new Ran(code, out.toString(StandardCharsets.UTF_8));
  }

  private static String example(String name) {
    return ROOT.resolve("examples").resolve(name + ".kvmlog").toString();
  }

  static List<Path> neutral() throws IOException {
    return Examples.all().stream().filter(f -> Examples.read(f).isNeutral()).toList();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("neutral")
  void everyDifferenceOfAnExampleHasARuleAndASourceOfEachTechnology(Path example)
      throws IOException {
    Ran ran = compare(example.toString());
    assertThat(ran.code()).as(ran.out()).isEqualTo(ExitCode.CLEAN);
    Scenario scenario = Examples.read(example);
    assertThat(ran.out()).startsWith("step ").contains(scenario.backends());
    assertThat(ran.out()).doesNotContain("states no rule");
  }

  @Test
  void everyTechnologyStatesARuleWithASourceForEveryTopic() {
    for (String id : List.of("sw-protected", "tdx", "sev-snp", "pkvm", "cca")) {
      for (VmmTopic topic : VmmTopic.values()) {
        VmmRule rule =
            Objects.requireNonNull(
                Examples.TECHNOLOGIES.require(id).driver().rule(topic), id + " on " + topic);
        assertThat(rule.says()).endsWith(".").hasSizeGreaterThan(20);
        assertThat(rule.source()).hasSizeGreaterThan(5);
      }
    }
  }

  @Test
  void aPageThatLeftAHugeOneIsGoneForMostAndKeptWhereTheVeryPageIsShared() {
    String out = compare(example("convert-small-in-huge"), "--backends", "tdx,pkvm").out();
    assertThat(out)
        .containsPattern("guest keeps 0x200000 +kept +kept\n")
        .containsPattern("guest keeps 0x201000 \\(shared now\\) +zeroed +kept\n")
        .containsPattern("VMM reads 0x200000 +0 +-1 SIGSEGV\n")
        .containsPattern("kernel reads 0x200000 +ciphertext +fault\n")
        .contains("difference: what becomes of a private page that turns shared\n")
        .contains("  pkvm - The guest shares the very page (MEM_SHARE): contents are kept");
  }

  @Test
  void theJsonDocumentHoldsTheSameAsTheTable() {
    Ran ran = compare(example("convert-back"), "--backends", "tdx,sev-snp", "--json");
    JsonNode doc = JsonMapper.shared().readTree(ran.out());
    assertThat(doc.get("format").asString()).isEqualTo("cocovisor.compare");
    assertThat(doc.get("rows").get(0).get("call").asString()).startsWith("vm_launch(");
    assertThat(doc.get("totals").get("tdx").get("tables").get("trusted").asLong()).isPositive();
    assertThat(doc.get("differences").get(0).get("rules").get("tdx").get("source").asString())
        .isNotEmpty();
  }

  @Test
  void aTechnologyStandsBesideItselfUnderOtherSettings() {
    String both = "cca:cca.rmm=1.0,cca:cca.rmm=2.0";
    String out = compare(example("convert-small-in-huge"), "--backends", both).out();
    assertThat(out)
        .containsPattern("step +cca:cca.rmm=1.0 +cca:cca.rmm=2.0\n")
        .contains("    cca:cca.rmm=1.0: 2157\n    cca:cca.rmm=2.0: 1643\n")
        .containsOnlyOnce("  cca - ")
        .doesNotContain("states no rule");
    assertThat(compare(example("convert-small-in-huge"), "--backends", "cca,cca").code())
        .isEqualTo(ExitCode.USAGE);
    assertThat(compare(example("convert-small-in-huge"), "--backends", "cca:cca.rmn=1.0").out())
        .contains("did you mean", "cca.rmm");
  }

  @Test
  void runsOfTheSameTechnologyDoNotDiffer() {
    Ran ran = compare(example("first-boot"), "--backends", "tdx");
    assertThat(ran.out()).endsWith("no differences\n");
  }
}
