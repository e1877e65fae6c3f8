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
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The pages about series: each paragraph has a scenario, which runs and holds the result. */
class SeriesPagesTest {
  private static final Path ROOT = Path.of(System.getProperty("cocovisor.root"));
  private static final Pattern QUOTE = Pattern.compile("`([^`]+)`");
  private static final Pattern BELOW = Pattern.compile("below `([^`]+)`");

  /** A paragraph: its number, what it says, its scenarios and the lines that show it. */
  private record Row(int number, String says, List<Path> scenarios, List<String> shown) {}

  private static List<String> quotes(String cell) {
    List<String> all = new ArrayList<>();
    Matcher m = QUOTE.matcher(cell);
    while (m.find()) {
      all.add(m.group(1));
    }
    return all;
  }

  private static List<Row> rows(String page) throws IOException {
    String text = Files.readString(ROOT.resolve("docs/series/" + page + ".md"));
    Matcher below = BELOW.matcher(text);
    assertThat(below.find()).as("where %s has its scenarios", page).isTrue();
    List<Row> rows = new ArrayList<>();
    for (String line : text.lines().toList()) {
      String[] cells = line.split(" \\| ", -1);
      if (cells.length == 4 && cells[0].matches("\\| \\d+")) {
        List<Path> scenarios = new ArrayList<>();
        for (String name : quotes(cells[2])) {
          boolean whole = name.startsWith("conformance/");
          String path = whole ? name : below.group(1) + name;
          scenarios.add(ROOT.resolve(path.endsWith(".kvmlog") ? path : path + ".kvmlog"));
        }
        int number = Integer.parseInt(cells[0].substring(2));
        rows.add(new Row(number, cells[1], scenarios, quotes(cells[3])));
      }
    }
    return rows;
  }

  @ParameterizedTest
  @CsvSource({
    "tdx-huge-pages, 33",
    "tdx-huge-pages-v3, 13",
    "map-memory, 17",
    "page-enc-bitmap, 18"
  })
  void eachParagraphIsShownByItsScenario(String page, int paragraphs) throws IOException {
    List<Row> rows = rows(page);
    assertThat(rows).extracting(Row::number).hasSize(paragraphs);
    int without = 0;
    for (int i = 0; i < rows.size(); i++) {
      Row row = rows.get(i);
      assertThat(row.number()).isEqualTo(i + 1);
      StringBuilder text = new StringBuilder();
      for (Path scenario : row.scenarios()) {
        text.append(Files.readString(scenario));
      }
      if (row.scenarios().isEmpty()) {
        without++;
        continue;
      }
      assertThat(row.shown()).as("%s %d: %s", page, row.number(), row.says()).isNotEmpty();
      for (String shown : row.shown()) {
        assertThat(text).as("%s %d: %s", page, row.number(), row.says()).contains(shown);
      }
    }
    assertThat(without).isLessThanOrEqualTo(1);
  }

  static Stream<Path> scenarios() throws IOException {
    var all = new TreeMap<String, Path>();
    for (String page :
        List.of("tdx-huge-pages", "tdx-huge-pages-v3", "map-memory", "page-enc-bitmap")) {
      for (Row row : rows(page)) {
        row.scenarios().forEach(s -> all.put(s.toString(), s));
      }
    }
    return all.values().stream();
  }

  @ParameterizedTest
  @MethodSource("scenarios")
  void itsScenarioRuns(Path scenario) {
    var out = new ByteArrayOutputStream();
    var stream = new PrintStream(out, true, StandardCharsets.UTF_8);
    Console console = new Console(stream, stream, false, false);
    boolean log = scenario.startsWith(ROOT.resolve("conformance"));
    List<String> on = log ? List.of("") : Examples.read(scenario).backends();
    for (String backend : on) {
      int code =
          log
              ? Main.run(console, "replay", scenario.toString())
              : Main.run(console, "run", scenario.toString(), "--backend", backend);
      assertThat(code).as(out.toString(StandardCharsets.UTF_8)).isEqualTo(ExitCode.CLEAN);
    }
  }

  @Test
  void thePagesAreListed() throws IOException {
    String list = Files.readString(ROOT.resolve("docs/series/README.md"));
    try (Stream<Path> files = Files.list(ROOT.resolve("docs/series"))) {
      assertThat(files.map(f -> f.getFileName().toString()).filter(f -> !f.equals("README.md")))
          .hasSize(4)
          .allSatisfy(f -> assertThat(list).contains(f));
    }
  }
}
