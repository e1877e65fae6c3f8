package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cli.print.ExitCode;
import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.w3c.dom.Element;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The built-in backends keep every rule of the kit, and the command says so. */
class TckCommandTest {
  @TempDir Path dir;

  @ParameterizedTest
  @ValueSource(strings = {"tdx", "sev-snp", "pkvm", "cca"})
  void everyBuiltInBackendKeepsEveryRule(String id) throws Exception {
    Path xml = dir.resolve(id + ".xml");
    Ran ran = Ran.of("tck", id, "--xml", xml.toString());
    assertThat(ran.out()).doesNotContain("FAILED", "NOT CONFIDENTIAL\n");
    assertThat(ran.code()).as(ran.out()).isEqualTo(ExitCode.CLEAN);
    Element suite =
        DocumentBuilderFactory.newDefaultInstance()
            .newDocumentBuilder()
            .parse(new ByteArrayInputStream(Files.readAllBytes(xml)))
            .getDocumentElement();
    assertThat(suite.getAttribute("failures")).isEqualTo("0");
    assertThat(suite.getAttribute("skipped")).isEqualTo("0");
    int tests = Integer.parseInt(suite.getAttribute("tests"));
    assertThat(tests).isGreaterThan(90);
    assertThat(suite.getElementsByTagName("testcase").getLength()).isEqualTo(tests);
    assertThat(ran.out())
        .containsPattern("rules=" + tests + " shown=\\d+ refused=\\d+ unjudged=0 failed=0\\s*$");
  }

  @Test
  void theRulesAreOneJsonDocumentWithTheirSources() {
    Ran ran = Ran.of("tck", "pkvm", "--json");
    JsonNode backend = JsonMapper.shared().readTree(ran.out()).get("backends").get(0);
    assertThat(backend.get("backend").asString()).isEqualTo("pkvm");
    assertThat(backend.get("failed").asInt()).isZero();
    assertThat(backend.get("rules"))
        .allSatisfy(r -> assertThat(r.get("source").asString()).isNotBlank());
  }

  @Test
  void theRulesAreListedAndChosen() {
    assertThat(Ran.of("tck", "--list").out().lines()).hasSizeGreaterThan(110);
    Ran one = Ran.of("tck", "tdx", "--rule", "O01,I", "--set", "tdx.page-size-policy=v3");
    assertThat(one.code()).as(one.out()).isEqualTo(ExitCode.CLEAN);
    assertThat(one.out())
        .startsWith("tdx {tdx.page-size-policy=v3} ")
        .contains("claims: the host's kernel is kept out; ")
        .contains("rules=9 shown=9 refused=0 unjudged=0 failed=0");
    Ran wrong = Ran.of("tck", "tdx", "--rule", "O1");
    assertThat(wrong.code()).isEqualTo(ExitCode.USAGE);
    assertThat(wrong.err()).contains("no rule 'O1': did you mean");
  }

  @Test
  void settingsOfOneBackendAreJudgedSideBySide() {
    Ran two =
        Ran.of(
            "tck",
            "tdx:tdx.page-size-policy=upstream",
            "tdx:tdx.page-size-policy=v3",
            "--rule",
            "H01,M01");
    assertThat(two.code()).as(two.out()).isEqualTo(ExitCode.CLEAN);
    assertThat(two.out())
        .containsPattern("RULE +NAME +tdx \\{tdx.page-size-policy=upstream} +tdx \\{.*=v3}")
        .containsPattern("H01 +alignedPrivateMemoryIsMappedHuge +refused +shown")
        .contains("subjects=2 differing=1")
        .containsPattern("rules=4 shown=3 refused=1 unjudged=0 failed=0\\s*$")
        .doesNotContainPattern("M01 +\\w+ +shown +shown");
    Ran wrong = Ran.of("tck", "tdx:tdx.page-size-policy=v4");
    assertThat(wrong.code()).isEqualTo(ExitCode.USAGE);
    assertThat(wrong.err()).contains("tdx:tdx.page-size-policy=v4: ", "upstream or ");
    assertThat(Ran.of("tck", "tdx:v3").err()).contains("ID:NAME=VALUE is meant");
  }

  @Test
  void theMatrixIsPrintedAndTheXmlTellsTheOutcomesApart() throws Exception {
    Path xml = dir.resolve("%s.xml");
    Ran ran = Ran.of("tck", "tdx", "--matrix", "--rule", "H01,I02", "--xml", xml.toString());
    assertThat(ran.code()).as(ran.out()).isEqualTo(ExitCode.CLEAN);
    assertThat(ran.out())
        .containsPattern("SETTING +H +I +s")
        .containsPattern("tdx \\{tdx.page-size-policy=v3} +1 +1 ")
        .containsPattern("tdx \\{core.gmem-order=18} +1r +1 ")
        .containsPattern("tdx \\{vcpus=4} +1r +1 ")
        .containsPattern("settings=\\d+ cells=\\d+")
        .containsPattern("rules=\\d+ shown=\\d+ refused=\\d+ unjudged=0 failed=0\\s*$");
    assertThat(dir.resolve("tdx.xml"))
        .content()
        .contains("name=\"outcome\" value=\"refused\"", "name=\"outcome\" value=\"shown\"");
  }

  @Test
  void aBackendThatIsNotThereIsALoadErrorThatListsWhatIs() {
    Ran ran = Ran.of("tck", "no-such-backend");
    assertThat(ran.code()).isEqualTo(ExitCode.PLUGIN);
    assertThat(ran.err()).contains("no-such-backend").contains("tdx");
  }

  @Test
  void aPackageThatIsNotThereIsAUsageError() {
    Ran ran = Ran.of("tck", dir.resolve("none.zip").toString());
    assertThat(ran.code()).isEqualTo(ExitCode.USAGE);
    assertThat(ran.err()).contains("none.zip");
  }
}
