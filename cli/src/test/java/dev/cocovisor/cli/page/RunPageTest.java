package dev.cocovisor.cli.page;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.cocovisor.cli.Ran;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The page of a run in a real browser: no complaint, and what it shows is what the JSON says. */
@Tag("slow")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class RunPageTest {
  private static final Path ROOT = Path.of(System.getProperty("cocovisor.root"));
  private static final JsonMapper JSON = new JsonMapper();
  private static final String CELLS =
      """
      JSON.stringify([...document.querySelectorAll('.strip')].map(s => [Number(s.dataset.strip),
        [...s.querySelectorAll('.cell')].map(c =>
          [Number(c.dataset.first), Number(c.dataset.pages), c.dataset.state])]))
      """;

  @TempDir Path dir;

  private Browser browser;

  @BeforeAll
  void open(@TempDir Path profile) throws IOException {
    Browser b = Browser.open(profile);
    assumeTrue(b != null, "no Chromium on this machine: pages are not looked at");
    browser = b;
    browser.size(1500, 950);
  }

  @AfterAll
  void close() {
    if (browser != null) {
      browser.close();
    }
  }

  private Path page(String scenario, String backend) {
    Path html = dir.resolve(scenario.replace('/', '-') + "-" + backend + ".html");
    String file = ROOT.resolve("examples/" + scenario + ".kvmlog").toString();
    assertThat(Ran.of("run", file, "--backend", backend, "--html", html.toString()).err())
        .isEmpty();
    return html;
  }

  private static JsonNode json(String scenario, String backend) {
    String file = ROOT.resolve("examples/" + scenario + ".kvmlog").toString();
    return JSON.readTree(Ran.of("run", file, "--backend", backend, "--json").out());
  }

  private List<Map<Long, String>> shown(int strips) {
    List<Map<Long, String>> all = new ArrayList<>();
    for (int i = 0; i < strips; i++) {
      all.add(new TreeMap<>());
    }
    for (JsonNode strip : JSON.readTree(browser.evaluate(CELLS))) {
      for (JsonNode cell : strip.get(1)) {
        long first = cell.get(0).asLong();
        for (long page = first; page < first + cell.get(1).asLong(); page++) {
          all.get(strip.get(0).asInt()).put(page, cell.get(2).asString());
        }
      }
    }
    return all;
  }

  @ParameterizedTest
  @ValueSource(strings = {"sw-protected", "tdx", "sev-snp", "pkvm", "cca"})
  void everyStepShowsWhatTheJsonSays(String backend) throws IOException {
    Path html = page("convert-small-in-huge", backend);
    JsonNode run = json("convert-small-in-huge", backend);
    assertThat(Files.size(html)).isLessThan(2_000_000);
    long millis = browser.load(html, "");
    System.out.printf(
        "page of convert-small-in-huge on %s: %d bytes, loaded after %d ms%n",
        backend, Files.size(html), millis);
    browser.press("Home");
    var said = new RunState(run);
    int steps = run.get("steps").size();
    int pages = 0;
    for (int k = 0; k < steps; k++) {
      assertThat(browser.evaluate("document.body.dataset.at")).isEqualTo(Integer.toString(k));
      said.step(k);
      assertThat(shown(said.strips().size())).as("step " + k).isEqualTo(said.strips());
      assertThat(browser.evaluate("document.querySelector('.row.call.current .text').textContent"))
          .isEqualTo(run.get("steps").get(k).get("call").asString());
      browser.press("ArrowRight");
      pages += said.strips().stream().mapToInt(Map::size).sum();
    }
    assertThat(pages).isPositive();
    // Backwards it is the same, from states that were kept or made again.
    browser.press("Home");
    browser.press("End");
    browser.press("ArrowLeft");
    var before = new RunState(run);
    for (int k = 0; k < steps - 1; k++) {
      before.step(k);
    }
    assertThat(shown(before.strips().size())).isEqualTo(before.strips());
    assertThat(browser.complaints()).isEmpty();
  }

  @Test
  void aPageIsFoundAndPointedAt() {
    browser.load(page("convert-small-in-huge", "tdx"), "");
    browser.press("Home");
    browser.press("/");
    "gfn 0x201".chars().forEach(c -> browser.press(Character.toString(c)));
    assertThat(browser.evaluate("document.getElementById('hits').textContent"))
        .matches("\\d+ of \\d+");
    assertThat(browser.evaluate("document.querySelector('.readout h3').textContent"))
        .isEqualTo("gfn 0x201, gpa 0x201000");
    assertThat(browser.evaluate("document.querySelector('.readout').textContent"))
        .contains("S-EPT");
    assertThat(browser.complaints()).isEmpty();
  }

  @Test
  void aTerabyteIsZoomedToAPage() throws IOException {
    Path scenario =
        Files.writeString(
            dir.resolve("terabyte.kvmlog"),
            """
            vm_launch({memory=0x10000000000, vcpus=1}) = 1
            vm_finalize(1) = 0
            vm_write(1, {at=0x8000003000, value=1}) = 0 (OK)
            vm_convert(1, {at=0x8000003000, size=0x1000, to=shared, by=host}) = 0
            """);
    Path html = dir.resolve("terabyte.html");
    Ran ran =
        Ran.of("run", scenario.toString(), "--backend", "sw-protected", "--html", html.toString());
    assertThat(ran.err()).isEmpty();
    browser.load(html, "#scale");
    String widest =
        "Math.max(...[...document.querySelectorAll('.strip.attributes .cell')].filter(c =>"
            + " c.dataset.state === 'shared').map(c => c.getBoundingClientRect().width), 0)";
    assertThat(Double.parseDouble(browser.evaluate("String(" + widest + ")"))).isLessThan(3);
    for (String key :
        List.of("/", "g", "f", "n", " ", "0", "x", "8", "0", "0", "0", "0", "0", "3")) {
      browser.press(key);
    }
    assertThat(Double.parseDouble(browser.evaluate("String(" + widest + ")"))).isGreaterThan(200);
    assertThat(browser.complaints()).isEmpty();
  }

  @Test
  void technologiesStepTogetherAndTheirDifferencesAreSaid() throws IOException {
    Path html = dir.resolve("compare.html");
    String file = ROOT.resolve("examples/convert-small-in-huge.kvmlog").toString();
    assertThat(Ran.of("compare", file, "--html", html.toString()).err()).isEmpty();
    assertThat(Files.size(html)).isLessThan(2_000_000);
    System.out.printf(
        "page of a comparison: %d bytes, loaded after %d ms%n",
        Files.size(html), browser.load(html, ""));
    browser.press("Home");
    StringBuilder said = new StringBuilder();
    for (int k = 0; k < 30; k++) {
      assertThat(browser.evaluate("String(document.querySelectorAll('article.run').length)"))
          .isEqualTo("5");
      said.append(browser.evaluate("document.getElementById('differences-here').textContent"));
      browser.press("ArrowRight");
    }
    assertThat(said).contains("Here they differ", "pkvm");
    assertThat(browser.complaints()).isEmpty();
  }

  @Test
  void aRaceIsShownAsLanes() throws IOException {
    Path scenario = dir.resolve("race.kvmlog");
    String race = Files.readString(ROOT.resolve("examples/races/prefault-and-slot-delete.kvmlog"));
    Files.writeString(scenario, race.replaceAll("(?m)^allows.*$", ""));
    Path html = dir.resolve("race.html");
    Ran ran =
        Ran.of(
            "explore",
            scenario.toString(),
            "--backend",
            "sw-protected",
            "--schedule",
            "0*7 1",
            "--html",
            html.toString());
    assertThat(ran.err()).isEmpty();
    System.out.printf(
        "page of a race: %d bytes, loaded after %d ms%n", Files.size(html), browser.load(html, ""));
    browser.press("Home");
    assertThat(browser.evaluate("document.getElementById('lane-names').textContent"))
        .contains("vcpu 1", "vmm");
    assertThat(
            browser.evaluate(
                "String(document.querySelectorAll('svg.lanes circle[r=\"6\"]').length)"))
        .isNotEqualTo("0");
    assertThat(browser.evaluate("document.getElementById('extra').textContent"))
        .contains("answers that no order of whole calls gives");
    assertThat(browser.complaints()).isEmpty();
  }

  @Test
  void theStepsOfRulesShowWhatTheTablesSay() throws IOException {
    Path html = dir.resolve("rules.html");
    Ran ran = Ran.of("tck", "tdx", "--rule", "C01,C07", "--html", html.toString());
    assertThat(ran.err()).isEmpty();
    System.out.printf(
        "page of two rules: %d bytes, loaded after %d ms%n",
        Files.size(html), browser.load(html, ""));
    assertThat(browser.evaluate("String(document.querySelectorAll('#tabs button').length)"))
        .isEqualTo("2");
    JsonNode runs =
        JSON.readTree(browser.evaluate("document.getElementById('document').textContent"))
            .get("runs");
    browser.evaluate("document.querySelectorAll('.cases button')[1].click()");
    browser.press("Home");
    JsonNode run = runs.get(1);
    assertThat(run.get("name").asString()).isEqualTo("C07 on tdx");
    var said = new RunState(run);
    int pages = 0;
    for (int k = 0; k < run.get("steps").size(); k++) {
      said.step(k);
      assertThat(shown(said.strips().size())).as("step " + k).isEqualTo(said.strips());
      browser.press("ArrowRight");
      pages += said.strips().stream().mapToInt(Map::size).sum();
    }
    assertThat(pages).isPositive();
    assertThat(browser.complaints()).isEmpty();
  }

  @Test
  void aHundredThousandCallsAreStillUsable() throws IOException {
    Path scenario = dir.resolve("long.kvmlog");
    var text = new StringBuilder("vm_launch({memory=0x800000}) = 1\n");
    for (int i = 0; i < 99_999; i++) {
      text.append(
          "vm_%s(1, {at=0x%x%s})%n"
              .formatted(
                  i % 2 == 0 ? "write" : "read",
                  i % 512 * 4096L,
                  i % 2 == 0 ? ", value=" + i % 200 : ""));
    }
    Files.writeString(scenario, text);
    Path html = dir.resolve("long.html");
    Ran ran =
        Ran.of("run", scenario.toString(), "--backend", "sw-protected", "--html", html.toString());
    assertThat(ran.err()).isEmpty();
    long millis = browser.load(html, "");
    System.out.printf(
        "page of 100,000 calls: %d bytes, loaded after %d ms%n", Files.size(html), millis);
    browser.press("Home");
    assertThat(browser.evaluate("document.body.dataset.at")).isEqualTo("0");
    browser.press("End");
    assertThat(browser.evaluate("document.body.dataset.at")).isEqualTo("99999");
    browser.press("ArrowLeft");
    assertThat(browser.evaluate("document.querySelector('.row.call.current .text').textContent"))
        .startsWith("vm_");
    // The list draws what one sees of it and no more.
    assertThat(
            Integer.parseInt(browser.evaluate("String(document.querySelectorAll('.row').length)")))
        .isLessThan(500);
    assertThat(browser.complaints()).isEmpty();
  }
}
