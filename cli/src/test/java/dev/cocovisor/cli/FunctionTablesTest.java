package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The pages of the backends name every function of the kernel files that were walked, and what they
 * name of ours is there: classes, methods, tests and logs. {@code docs/backends/README.md} says how
 * many rows there are, and this test counts them.
 */
class FunctionTablesTest {
  private static final Path ROOT = Path.of(System.getProperty("cocovisor.root"));
  private static final Path PAGES = ROOT.resolve("docs/backends");
  private static final Pattern QUOTED = Pattern.compile("`([^`]+)`");
  private static final Pattern OURS = Pattern.compile("([A-Z]\\w+)(?:\\.([a-z]\\w*))?");

  private static String page(String name) throws IOException {
    return Files.readString(PAGES.resolve(name));
  }

  private static Set<String> matches(String pattern, String text) {
    return Pattern.compile(pattern)
        .matcher(text)
        .results()
        .map(m -> m.group(1))
        .collect(Collectors.toCollection(TreeSet::new));
  }

  @ParameterizedTest
  @CsvSource({
    "tdx.md, arch/x86/kvm/vmx/tdx.c",
    "tdx.md, arch/x86/kvm/vmx/main.c",
    "tdx.md, arch/x86/kvm/vmx/common.h",
    "sev-snp.md, arch/x86/kvm/svm/sev.c",
    "pkvm.md, arch/arm64/kvm/mmu.c",
    "pkvm.md, arch/arm64/kvm/pkvm.c",
    "pkvm.md, arch/arm64/kvm/arm.c"
  })
  void everyFunctionOfAWalkedFileHasARowOrAWordWhyNot(String page, String file) throws IOException {
    String text = page(page);
    Set<String> named = matches("(\\w+)", text);
    // A family is written with its beginning: vt_*, is_…
    Set<String> families = matches("(\\w+_)[*…]", text);
    Set<String> functions = CitedNamesTest.walked().get(file);
    assertThat(functions).isNotEmpty();
    assertThat(functions)
        .allMatch(f -> named.contains(f) || families.stream().anyMatch(f::startsWith));
  }

  @Test
  void everyFunctionThatAsksAVendorIsNamed() throws IOException {
    Set<String> named = matches("(\\w+)", page("README.md"));
    for (Map.Entry<String, Set<String>> e : CitedNamesTest.vendorParts().entrySet()) {
      assertThat(named).as(e.getKey()).containsAll(e.getValue());
    }
  }

  @Test
  void everyFunctionThatGivesAVmUpIsNamed() throws IOException {
    String page = page("README.md");
    Set<String> named = matches("(\\w+)", page.substring(page.indexOf("declares a bug")));
    for (Map.Entry<String, Set<String>> e : CitedNamesTest.bugs().entrySet()) {
      assertThat(named).as(e.getKey()).containsAll(e.getValue());
    }
  }

  /** The rows of a page's tables of functions and their rules. */
  private static List<List<String>> rows(String page, String second) throws IOException {
    List<List<String>> out = new ArrayList<>();
    boolean inside = false;
    for (String line : page(page).split("\n", -1)) {
      if (!line.startsWith("|")) {
        inside = false;
      } else if (line.matches("\\| (kernel )?function \\| " + second + ".*")) {
        inside = true;
      } else if (inside && !line.startsWith("|---")) {
        out.add(List.of(line.substring(1).split("\\|", -1)).stream().map(String::trim).toList());
      }
    }
    return out;
  }

  private static Map<String, List<Path>> classes() throws IOException {
    return RepositoryTexts.matching(".*\\.java").stream()
        .collect(
            Collectors.groupingBy(
                p -> p.getFileName().toString().replace(".java", ""),
                TreeMap::new,
                Collectors.toList()));
  }

  @ParameterizedTest
  @CsvSource({"tdx.md", "sev-snp.md", "pkvm.md", "cca.md", "README.md"})
  void whatARowNamesOfOursIsThere(String page) throws IOException {
    Map<String, List<Path>> classes = classes();
    List<String> wrong = new ArrayList<>();
    for (List<String> row : rows(page, "(rule|when)")) {
      for (String cell : row.subList(2, row.size())) {
        Matcher quoted = QUOTED.matcher(cell);
        while (quoted.find()) {
          Matcher ours = OURS.matcher(quoted.group(1));
          if (ours.matches() && !isThere(classes, ours.group(1), ours.group(2))) {
            wrong.add(quoted.group(1) + " of " + row.getFirst());
          }
        }
      }
    }
    assertThat(wrong).isEmpty();
  }

  private static boolean isThere(Map<String, List<Path>> classes, String name, String method)
      throws IOException {
    for (Path p : classes.getOrDefault(name, List.of())) {
      if (method == null || Files.readString(p).matches("(?s).*\\b" + method + "\\b.*")) {
        return true;
      }
    }
    return false;
  }

  /** Tests are classes, or programs of a technology's folder or generated log. */
  @ParameterizedTest
  @CsvSource({"tdx.md, tdx", "sev-snp.md, sev-snp", "pkvm.md, pkvm", "cca.md, cca"})
  void theTestOfARowIsThere(String page, String folder) throws IOException {
    Set<String> logs = new TreeSet<>();
    for (String f : new String[] {folder, folder + "-2.0", folder + "/rules"}) {
      Path dir = ROOT.resolve("conformance").resolve(f);
      if (Files.isDirectory(dir)) {
        try (Stream<Path> in = Files.list(dir)) {
          in.forEach(p -> logs.add(p.getFileName().toString()));
        }
      }
    }
    Map<String, List<Path>> classes = classes();
    List<String> wrong = new ArrayList<>();
    for (List<String> row : rows(page, "rule")) {
      if (row.size() < 4) {
        continue;
      }
      for (String one : row.get(3).split(", ", -1)) {
        String test = one.replace("`", "").trim();
        boolean log = logs.stream().anyMatch(l -> l.startsWith(test.replace("-*", "")));
        if (!test.equals("–")
            && !test.matches("rules( .*)?|checks|field cases.*|\\d\\d|examples/.*|and .*")
            && !test.startsWith("[")
            && !log
            && !classes.containsKey(test)) {
          wrong.add(test + " of " + row.getFirst());
        }
      }
    }
    assertThat(wrong).isEmpty();
  }

  @Test
  void thePageCountsTheRows() throws IOException {
    Map<String, Integer> rows = new TreeMap<>();
    for (String page : new String[] {"tdx", "sev-snp", "pkvm", "cca"}) {
      rows.put(page, rows(page + ".md", "rule").size());
    }
    rows.put("x86", rows("README.md", "rule").size());
    String text = page("README.md");
    Map<String, Integer> told = new TreeMap<>();
    Matcher m = Pattern.compile("(?m)^\\| `([\\w-]+)` .*\\| (\\d+) \\|$").matcher(text);
    while (m.find()) {
      told.put(m.group(1), Integer.valueOf(m.group(2)));
    }
    assertThat(told).isEqualTo(rows);
    for (Map.Entry<String, Set<String>> e : CitedNamesTest.walked().entrySet()) {
      assertThat(text).contains("| `" + e.getKey() + "` | " + e.getValue().size() + " |");
    }
  }
}
