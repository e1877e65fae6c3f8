package dev.cocovisor.bugs;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.bugs.entry.Bug;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The page of known bugs says of each what its class says, and names each that is left out. */
class KnownBugsPageTest {
  private static List<String> page() throws IOException {
    return Files.readAllLines(
        Path.of(System.getProperty("cocovisor.root"), "docs", "known-bugs.md"));
  }

  @Test
  void everyBugHasItsRow() throws IOException {
    List<String> lines = page();
    for (Bug b : Bugs.list()) {
      String row = "| %s | %s | %s | %s |".formatted(b.id(), b.area(), b.mechanism(), b.fix());
      assertThat(lines).as(b.id()).anyMatch(l -> l.startsWith(row));
    }
  }

  @Test
  void everyOneThatIsLeftOutHasItsRow() throws IOException {
    assertThat(page())
        .containsAll(
            LeftOut.ALL.stream()
                .map(l -> "| %s | %s | %s |".formatted(l.id(), l.area(), l.why()))
                .toList());
  }

  @Test
  void thePageHasNoOthers() throws IOException {
    Pattern row = Pattern.compile("\\| (M\\d+|[a-z]+-[a-z]+) \\|.*");
    long rows = page().stream().filter(l -> row.matcher(l).matches()).count();
    assertThat(rows).isEqualTo(Bugs.list().size() + LeftOut.ALL.size());
  }
}
