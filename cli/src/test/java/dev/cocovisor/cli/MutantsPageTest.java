package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The faults that are tried on core and halves fit the sources as they are, and none survives. */
@Tag("slow") // sources change while faults are not being looked at
class MutantsPageTest {
  private static final Path ROOT = Path.of(System.getProperty("cocovisor.root"));
  private static final Path FAULTS = ROOT.resolve("conformance/mutants");

  private static List<String> lines() throws IOException {
    List<String> all = new ArrayList<>();
    try (Stream<Path> files = Files.list(FAULTS)) {
      for (Path p : files.filter(f -> f.toString().endsWith(".faults")).sorted().toList()) {
        all.addAll(Files.readAllLines(p));
      }
    }
    return all;
  }

  private static Set<String> ids() throws IOException {
    Set<String> ids = new HashSet<>();
    for (String line : lines()) {
      if (line.startsWith("fault ")) {
        assertThat(ids.add(line.split(" ", -1)[1])).as("twice: " + line).isTrue();
      }
    }
    return ids;
  }

  @Test
  void everyFaultIsFoundOnceInItsFile() throws IOException {
    List<String> wrong = new ArrayList<>();
    String fault = "";
    Path file = ROOT;
    StringBuilder old = new StringBuilder();
    for (String line : lines()) {
      if (line.startsWith("fault ")) {
        fault = line;
      } else if (line.startsWith("in ")) {
        file = ROOT.resolve(line.substring(3));
      } else if (line.startsWith("- ")) {
        old.append(line.substring(2)).append(' ');
      } else if (line.startsWith("+ ") && !old.isEmpty()) {
        long found = count(Files.readString(file), old.toString());
        if (found != 1) {
          wrong.add(fault + ": found " + found + " times in " + file + ": " + old);
        }
        old.setLength(0);
      }
    }
    assertThat(wrong).isEmpty();
  }

  /** How often a text is there, however it is broken into lines. */
  private static long count(String source, String text) {
    Matcher m =
        Pattern.compile(
                Arrays.stream(text.strip().split("\\s+"))
                    .map(Pattern::quote)
                    .collect(Collectors.joining("\\s+")))
            .matcher(source);
    return m.results().count();
  }

  @Test
  void thePageHasEveryFaultAndWhatNoticedIt() throws IOException {
    Set<String> missing = ids();
    assertThat(missing).hasSizeGreaterThanOrEqualTo(45);
    for (String line : Files.readAllLines(ROOT.resolve("docs/mutants.md"))) {
      String[] cells = line.split("\\|", -1);
      if (line.startsWith("| ") && cells.length == 7 && missing.remove(cells[1].strip())) {
        assertThat(List.of(cells[3].strip(), cells[4].strip(), cells[5].strip()))
            .as(line)
            .anyMatch(cell -> !cell.equals("-"));
      }
    }
    assertThat(missing).as("not in docs/mutants.md; run conformance/mutants/run --new").isEmpty();
  }

  @Test
  void everyMutantThatLivesIsOfALineThatIsThereAndHasItsReason() throws IOException {
    List<String> wrong = new ArrayList<>();
    int rows = 0;
    boolean survivors = false;
    for (String line : Files.readAllLines(ROOT.resolve("docs/mutants.md"))) {
      if (line.startsWith("<!-- ")) {
        survivors = line.equals("<!-- survivors -->");
      } else if (survivors && line.startsWith("| `")) {
        rows++;
        String[] cells = line.replace("\\|", "\0").split("\\|", -1);
        String[] place = plain(cells[1]).split("\\.", -1);
        String source = sourceOf(place[0], place[1].replaceAll("\\$.*", ""));
        boolean there = source.lines().anyMatch(s -> s.strip().equals(plain(cells[3])));
        if (!there || cells.length != 6 || cells[4].isBlank()) {
          wrong.add(line);
        }
      }
    }
    assertThat(wrong)
        .as("rows of docs/mutants.md whose source line is gone, or with no reason")
        .isEmpty();
    assertThat(rows).isPositive();
  }

  private static String plain(String cell) {
    return cell.strip().replaceAll("^`|`$", "").replace('\0', '|');
  }

  private static String sourceOf(String inPackage, String type) throws IOException {
    StringBuilder all = new StringBuilder();
    for (String module :
        List.of("kvm-core", "backend-tdx", "backend-sev-snp", "backend-pkvm", "backend-cca")) {
      Path sources = ROOT.resolve(module).resolve("src/main/java");
      try (Stream<Path> files = Files.walk(sources)) {
        for (Path p : files.filter(f -> f.endsWith(Path.of(inPackage, type + ".java"))).toList()) {
          all.append(Files.readString(p)).append('\n');
        }
      }
    }
    return all.toString();
  }
}
