package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Every room that docs/glossary.md leads to is there. */
class GlossaryTest {
  private static final Path ROOT = Path.of(System.getProperty("cocovisor.root"));
  private static final Pattern CLASS = Pattern.compile("`((?:[a-z][a-z0-9]*\\.)+[A-Z]\\w*)`");

  @Test
  void everyRoomIsThere() throws IOException {
    List<String> missing = new ArrayList<>();
    int rooms = 0;
    for (String line : Files.readAllLines(ROOT.resolve("docs/glossary.md"))) {
      String[] cells = line.split("\\|", -1);
      if (cells.length < 4) {
        continue;
      }
      Matcher m = CLASS.matcher(cells[3]);
      while (m.find()) {
        rooms++;
        if (!exists("src/main/java/dev/cocovisor/" + m.group(1).replace('.', '/') + ".java")) {
          missing.add(m.group(1));
        }
      }
    }
    assertThat(rooms).isGreaterThan(100);
    assertThat(missing).isEmpty();
  }

  private static boolean exists(String source) throws IOException {
    try (Stream<Path> modules = Files.list(ROOT)) {
      return modules.anyMatch(m -> Files.isRegularFile(m.resolve(source)));
    }
  }
}
