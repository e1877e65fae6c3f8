package dev.cocovisor.tck.vault;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.tck.TckRun;
import dev.cocovisor.tck.report.RuleResult;
import dev.cocovisor.tck.report.RuleResult.Outcome;
import dev.cocovisor.tck.subject.JudgedBackend;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;

/**
 * Who owns a page, got wrong in each way inside the vault's trusted half: the rule that is named
 * notices, and says what it saw. docs/mutants.md has the table; {@code -Dcocovisor.rewrite=true}
 * writes it anew.
 */
class OwnershipTest {
  private static final Path PAGE =
      Path.of(System.getProperty("cocovisor.root", ".."), "docs", "mutants.md");
  private static final String BEGIN = "<!-- ownership -->\n";
  private static final String END = "<!-- end of ownership -->";

  @Test
  void everyFlawIsNoticedByTheRuleThatNamesItAsThePageSays() throws IOException {
    StringBuilder table = new StringBuilder("| flaw | rule that notices | what it says |\n");
    table.append("|---|---|---|\n");
    for (Flaw flaw : Flaw.values()) {
      for (String id : flaw.rules()) {
        RuleResult wrong = judged(flaw.subject(), id);
        assertThat(wrong.outcome()).as("%s by %s", flaw, id).isEqualTo(Outcome.FAILED);
        assertThat(judged(flaw.honest(), id).outcome()).as("%s", id).isEqualTo(Outcome.SHOWN);
        table.append(row(flaw, wrong));
      }
    }
    System.out.print(table);
    String page = Files.readString(PAGE);
    int from = page.indexOf(BEGIN) + BEGIN.length();
    int to = page.indexOf(END);
    assertThat(to).as("the place of the table in %s", PAGE).isGreaterThanOrEqualTo(from);
    if (Boolean.getBoolean("cocovisor.rewrite")) {
      Files.writeString(PAGE, page.substring(0, from) + table + page.substring(to));
      return;
    }
    assertThat(page.substring(from, to))
        .as("%s; -Dcocovisor.rewrite=true writes it anew", PAGE)
        .isEqualTo(table.toString());
  }

  private static RuleResult judged(JudgedBackend subject, String id) {
    return TckRun.run(subject, List.of(id), TckRun.LIMIT, _ -> {}).getFirst();
  }

  private static String row(Flaw flaw, RuleResult wrong) {
    return "| %s | %s %s | %s |\n"
        .formatted(
            flaw.name().toLowerCase(Locale.ROOT).replace('_', ' '),
            wrong.id(),
            wrong.name(),
            wrong.message().replace("|", "\\|").replaceAll("\\s*\\n\\s*", "; "));
  }
}
