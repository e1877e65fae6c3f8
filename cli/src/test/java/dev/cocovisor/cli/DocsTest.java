package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cli.print.Console;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The commands the documentation shows work as shown.
 *
 * <p>In a {@code console} block a line that begins with {@code $ ./cocovisor} is run, the lines
 * below it must be found in what it prints, in any order, and {@code [exit N]} is its exit code (0
 * where nothing is said). A {@code kvmlog} block is the file {@code first.kvmlog} from there on.
 */
class DocsTest {
  private static final Path ROOT = Path.of(System.getProperty("cocovisor.root"));
  private static final Pattern BLOCK =
      Pattern.compile("^```(console|kvmlog)\\n(.*?)^```", Pattern.MULTILINE | Pattern.DOTALL);

  @TempDir Path dir;

  private record Shown(String page, String command, List<String> lines, int exit) {}

  private static List<Path> pages() throws IOException {
    try (Stream<Path> files = Files.walk(ROOT.resolve("docs"))) {
      return files.filter(f -> f.toString().endsWith(".md")).sorted().toList();
    }
  }

  @Test
  void everyCommandShownDoesWhatIsShown() throws IOException {
    int ran = 0;
    for (Path page : pages()) {
      Matcher m = BLOCK.matcher(Files.readString(page));
      while (m.find()) {
        if (m.group(1).equals("kvmlog")) {
          Files.writeString(dir.resolve("first.kvmlog"), m.group(2));
        } else {
          for (Shown shown : commands(page.getFileName().toString(), m.group(2))) {
            check(shown);
            ran++;
          }
        }
      }
    }
    assertThat(ran).isGreaterThanOrEqualTo(6);
  }

  private static List<Shown> commands(String page, String block) {
    var out = new ArrayList<Shown>();
    for (String part : block.split("(?m)^\\$ ", -1)) {
      if (part.isBlank()) {
        continue;
      }
      List<String> lines = part.lines().toList();
      int exit = 0;
      var expected = new ArrayList<String>();
      for (String l : lines.subList(1, lines.size())) {
        if (l.startsWith("[exit ")) {
          exit = Integer.parseInt(l.substring(6, l.length() - 1));
        } else if (!l.isBlank()) {
          expected.add(l.strip());
        }
      }
      assertThat(lines.getFirst()).as(page).startsWith("./cocovisor ");
      out.add(new Shown(page, lines.getFirst(), expected, exit));
    }
    return out;
  }

  private void check(Shown shown) {
    String[] args =
        Stream.of(shown.command().split(" ", -1)).skip(1).map(this::placed).toArray(String[]::new);
    var bytes = new ByteArrayOutputStream();
    var stream = new PrintStream(bytes, true, StandardCharsets.UTF_8);
    int code = Main.run(new Console(stream, stream, false, false), args);
    String out = bytes.toString(StandardCharsets.UTF_8).replace(dir + "/", "");
    assertThat(code).as(shown + "\n" + out).isEqualTo(shown.exit());
    assertThat(out).as(shown.page() + ": " + shown.command()).contains(shown.lines());
  }

  /** Files of the repository are where they are; what a reader writes is in the test's folder. */
  private String placed(String word) {
    if (!word.matches(".*\\.(kvmlog|gz|json|fd|bin)")) {
      return word;
    }
    return (word.contains("/") ? ROOT.resolve(word) : dir.resolve(word)).toString();
  }
}
