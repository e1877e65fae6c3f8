package dev.cocovisor.tck;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.tck.subject.JudgedBackend;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/**
 * The page's matrix has a row for every setting and a cell for every rule, without the minutes that
 * {@link MatrixTest} takes: what is in the cells is held there.
 */
class MatrixPageTest {
  private static final Path PAGE =
      Path.of(System.getProperty("cocovisor.root", ".."), "docs", "tck.md");

  private static final Pattern COUNT = Pattern.compile("(\\d+)[ru]?");

  private static Map<String, List<String>> rows() throws IOException {
    Map<String, List<String>> rows = new LinkedHashMap<>();
    boolean in = false;
    for (String line : Files.readAllLines(PAGE)) {
      in = line.startsWith("| setting |") || (in && line.startsWith("|"));
      if (in) {
        List<String> cells = Arrays.stream(line.split("\\|")).skip(1).map(String::strip).toList();
        rows.put(cells.getFirst(), cells.subList(1, cells.size()));
      }
    }
    return rows;
  }

  @Test
  void everySettingOfTheFourTechnologiesHasARow() throws IOException {
    assertThat(rows().keySet())
        .containsAll(MatrixTest.subjects().map(JudgedBackend::toString).toList());
  }

  @Test
  void everyRowHasACellForEveryRuleAndTheSumIsTold() throws IOException {
    Map<String, Integer> rules = new TreeMap<>();
    RuleList.all().keySet().forEach(id -> rules.merge(id.substring(0, 1), 1, Integer::sum));
    Map<String, List<String>> rows = rows();
    assertThat(rows.remove("setting")).containsExactlyElementsOf(rules.keySet());
    assertThat(rows.remove("---")).isNotNull();
    rows.forEach((setting, cells) ->
        assertThat(cells.stream().map(MatrixPageTest::sum).toList())
            .as(setting)
            .containsExactlyElementsOf(rules.values()));
    int cells = rows.size() * RuleList.all().size();
    assertThat(Files.readString(PAGE))
        .contains(
            "%d settings, %d rules, %s cells: none failed."
                .formatted(
                    rows.size(), RuleList.all().size(), String.format(Locale.ROOT, "%,d", cells)));
  }

  private static int sum(String cell) {
    int sum = 0;
    for (Matcher m = COUNT.matcher(cell); m.find(); ) {
      sum += Integer.parseInt(m.group(1));
    }
    return sum;
  }
}
