package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Code in the documents is code that was tested: a block below {@code <!-- snippet: NAME -->} is
 * what stands between {@code // begin: NAME} and {@code // end: NAME} in some test's source.
 */
class DocumentedCodeTest {
  private static final Path ROOT = Path.of(System.getProperty("cocovisor.root", ".."));
  private static final Pattern IN_TEST =
      Pattern.compile("(?ms)^ *// begin: (\\S+)\\n(.*?)^ *// end: \\1\\n");
  private static final Pattern IN_DOCUMENT =
      Pattern.compile("(?ms)^<!-- snippet: (\\S+) -->\\n```java\\n(.*?)^```\\n");
  private static final Pattern NAMED = Pattern.compile("(?m)^<!-- snippet: (\\S+) -->");

  @Test
  void everySnippetOfTheDocumentsIsTested() {
    Map<String, String> tested = tested();
    Map<String, String> written = new LinkedHashMap<>();
    TreeSet<String> named = new TreeSet<>();
    for (Path file : files("docs", ".md")) {
      String text = RepositoryTexts.read(file);
      IN_DOCUMENT.matcher(text).results().forEach(m -> written.put(m.group(1), m.group(2).strip()));
      NAMED.matcher(text).results().forEach(m -> named.add(m.group(1)));
    }
    assertThat(written.keySet()).as("a name without its block").containsAll(named);
    assertThat(written)
        .isNotEmpty()
        .allSatisfy((name, code) -> assertThat(code).as(name).isEqualTo(tested.get(name)));
    assertThat(written.keySet()).as("snippets that no document shows").containsAll(tested.keySet());
  }

  private static Map<String, String> tested() {
    Map<String, String> found = new TreeMap<>();
    List<Path> modules;
    try (Stream<Path> all = Files.list(ROOT)) {
      modules = all.map(m -> m.resolve("src/test/java")).filter(Files::isDirectory).toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    for (Path module : modules) {
      for (Path file : files(ROOT.relativize(module).toString(), ".java")) {
        Matcher m = IN_TEST.matcher(RepositoryTexts.read(file));
        while (m.find()) {
          String twice = found.put(m.group(1), m.group(2).stripTrailing().stripIndent().strip());
          assertThat(twice).as("two snippets are called " + m.group(1)).isNull();
        }
      }
    }
    return found;
  }

  private static List<Path> files(String folder, String ending) {
    try (Stream<Path> all = Files.walk(ROOT.resolve(folder))) {
      return all.filter(f -> f.toString().endsWith(ending)).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
