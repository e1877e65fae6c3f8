package dev.cocovisor.tck;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.tck.rules.Rule;
import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/**
 * The kit's page lists the rules and the zoo as they are. Run with {@code -Dcocovisor.rewrite=true}
 * to write the tables anew.
 */
class KitPageTest {
  private static final Path PAGE =
      Path.of(System.getProperty("cocovisor.root", ".."), "docs", "tck.md");

  @Test
  void thePageListsEveryRuleWithItsSource() throws IOException {
    holds("rules", rules());
  }

  @Test
  void thePageListsEveryMutantWithTheRulesThatKillIt() throws IOException {
    holds("zoo", zoo());
  }

  private static void holds(String table, String expected) throws IOException {
    String begin = "<!-- " + table + " -->\n";
    String end = "<!-- end of " + table + " -->";
    String page = Files.readString(PAGE);
    int from = page.indexOf(begin);
    int to = page.indexOf(end);
    assertThat(from).as("the place of the table in %s", PAGE).isGreaterThanOrEqualTo(0);
    assertThat(to).isGreaterThan(from);
    if (Boolean.getBoolean("cocovisor.rewrite")) {
      Files.writeString(
          PAGE, page.substring(0, from + begin.length()) + expected + page.substring(to));
      return;
    }
    assertThat(page.substring(from + begin.length(), to))
        .as("%s; -Dcocovisor.rewrite=true writes it anew", PAGE)
        .isEqualTo(expected);
  }

  private static String rules() {
    return "| rule | what holds | where it comes from |\n|---|---|---|\n"
        + Zoo.rules().entrySet().stream()
            .map(e -> "| %s | %s | %s |\n".formatted(e.getKey(), name(e.getValue()), source(e)))
            .collect(Collectors.joining());
  }

  private static String source(java.util.Map.Entry<String, Method> rule) {
    return rule.getValue().getAnnotation(Rule.class).source().replace("|", "\\|");
  }

  private static String zoo() {
    return "| wrong backend | rules that notice |\n|---|---|\n"
        + Zoo.mutants().stream()
            .map(m ->
                "| %s | %s |\n"
                    .formatted(
                        m.name().toLowerCase(Locale.ROOT).replace('_', ' '),
                        String.join(", ", m.rules())))
            .collect(Collectors.joining());
  }

  /** required_C01_memoryMadeShared becomes "memory made shared". */
  private static String name(Method rule) {
    return rule.getName()
        .replaceFirst("^required_[A-Z][0-9]+_", "")
        .replaceAll("([A-Z])", " $1")
        .toLowerCase(Locale.ROOT);
  }
}
