package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What these pages show of a command is what it prints. */
class ShownCommandsTest {
  private static final Path ROOT = Path.of(System.getProperty("cocovisor.root"));
  private static final Pattern SHOWN =
      Pattern.compile("```\n\\$ ./cocovisor ([^\n]+)\n(.*?)\n```", Pattern.DOTALL);

  @ParameterizedTest
  @CsvSource({"kernels-compared.md, 4", "backends/cca.md, 3"})
  void eachLineShownIsPrinted(String page, int shown) throws IOException {
    Matcher m = SHOWN.matcher(Files.readString(ROOT.resolve("docs").resolve(page)));
    int commands = 0;
    while (m.find()) {
      List<String> printed = printed(m.group(1)).lines().map(ShownCommandsTest::drawn).toList();
      assertThat(printed).as(m.group(1)).containsAll(m.group(2).lines().toList());
      commands++;
    }
    assertThat(commands).isEqualTo(shown);
  }

  /** The columns of a table, two blanks apart; what is indented is text. */
  private static String drawn(String line) {
    return line.startsWith(" ") ? line : line.replaceAll(" {2,}", "  ").stripTrailing();
  }

  private static String printed(String command) {
    String[] args = command.split(" ");
    args[args.length - 1] = ROOT.resolve(args[args.length - 1]).toString();
    var out = new ByteArrayOutputStream();
    var stream = new PrintStream(out, true, StandardCharsets.UTF_8);
    int code = Main.run(new Console(stream, stream, false, false), args);
    assertThat(code).isEqualTo(ExitCode.CLEAN);
    return out.toString(StandardCharsets.UTF_8);
  }
}
