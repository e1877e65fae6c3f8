package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/**
 * Every name that a page, a comment or a log cites of a file is one that somebody found in that
 * file: {@code sources/walked-7.3.txt} and {@code linux-7.3.txt} for the kernel of reference,
 * {@code elsewhere.txt} for other versions, series and programs.
 */
class CitedNamesTest {
  /** A file, then the names that follow it: {@code mmu.c, one and two; three}. */
  private static final Pattern CITATION =
      Pattern.compile(
          "(?<file>\\b(?:[A-Za-z0-9_-]+/)*[a-z0-9][A-Za-z0-9_-]*\\.[chS])\\b[`\"]*"
              + "(?: \\([^)]{0,40}\\))?[,:]\\s+"
              + "(?<names>(?:[`\"]*\\b_{0,4}[A-Za-z]\\w*_\\w+\\b(?!\\.[chS]\\b)(?:\\(\\))?[`\"]*"
              + "(?:,? and |, |; (?![\\w/-]+\\.[chS]\\b))?\\s*)+)");

  private static final Pattern NAME =
      Pattern.compile("\\b_{0,4}[A-Za-z]\\w*_\\w+(?<!_)\\b(?!\\.[chS]\\b)");

  /** Comments and strings that go on as running text. */
  private static String running(String text) {
    return text.replaceAll("\"\\s*\\+\\s*\"", "")
        .replaceAll("(?m)^\\s*(\\*|//|#) ?", "")
        .replaceAll("\\{@code\\s|[{}]", "");
  }

  /** The functions of each file that was walked. */
  static Map<String, Set<String>> walked() throws IOException {
    return tables("walked-7.3.txt");
  }

  /** The functions in which x86 KVM asks its vendors. */
  static Map<String, Set<String>> vendorParts() throws IOException {
    return tables("vendor-parts-7.3.txt");
  }

  /** The functions that declare a VM a bug or dead. */
  static Map<String, Set<String>> bugs() throws IOException {
    return tables("bugs-7.3.txt");
  }

  private static Map<String, Set<String>> tables(String... names) throws IOException {
    var out = new TreeMap<String, Set<String>>();
    for (String table : names) {
      try (InputStream in = CitedNamesTest.class.getResourceAsStream("sources/" + table)) {
        for (String line : new String(in.readAllBytes(), StandardCharsets.UTF_8).split("\n", -1)) {
          int colon = line.indexOf(": ");
          if (!line.startsWith("#") && colon > 0) {
            out.computeIfAbsent(line.substring(0, colon), f -> new TreeSet<>())
                .addAll(List.of(line.substring(colon + 2).trim().split(" +", -1)));
          }
        }
      }
    }
    return out;
  }

  @Test
  void eachIsInTheFileItIsCitedFrom() throws IOException {
    var known = tables("walked-7.3.txt", "vendor-parts-7.3.txt", "linux-7.3.txt", "elsewhere.txt");
    var wrong = new TreeSet<String>();
    var cited = new TreeSet<String>();
    int citations = 0;
    for (Path file :
        RepositoryTexts.matching(".*(\\.(java|md|kvmlog|seamlog|rmilog)|(rules|checks).*gz)")) {
      Matcher m = CITATION.matcher(running(RepositoryTexts.read(file)));
      while (m.find()) {
        Matcher name = NAME.matcher(m.group("names"));
        while (name.find()) {
          citations++;
          String pair = m.group("file") + ", " + name.group();
          cited.add(pair);
          if (!isThere(known, m.group("file"), name.group())) {
            wrong.add(pair + " (" + RepositoryTexts.ROOT.relativize(file) + ")");
          }
        }
      }
    }
    System.out.println(citations + " names cited, " + cited.size() + " different ones");
    assertThat(wrong).as("look it up, then tell it in sources/").isEmpty();
    assertThat(citations).isGreaterThan(1000);
  }

  private static boolean isThere(Map<String, Set<String>> known, String file, String name) {
    return known.entrySet().stream()
        .anyMatch(e ->
            (e.getKey().equals(file) || e.getKey().endsWith("/" + file))
                && e.getValue().contains(name));
  }
}
