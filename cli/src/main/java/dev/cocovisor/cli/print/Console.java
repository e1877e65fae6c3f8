package dev.cocovisor.cli.print;

import java.io.PrintStream;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * Where a command prints.
 *
 * @param out results
 * @param err everything else
 * @param color whether results may carry colours
 * @param terminal whether err is a terminal, so that progress may overwrite itself
 * @param width how wide a line may be
 */
public record Console(
    PrintStream out, PrintStream err, boolean color, boolean terminal, Width width) {
  /** The property by which a launcher says {@code no}: to ask the JVM takes some milliseconds. */
  private static final String TERMINAL = "cocovisor.terminal";

  /** A console whose width is the terminal's, or none. */
  public Console(PrintStream out, PrintStream err, boolean color, boolean terminal) {
    this(out, err, color, terminal, new Width(terminal));
  }

  /**
   * The console of this process.
   *
   * @param env looks up environment variables
   */
  public static Console of(PrintStream out, PrintStream err, UnaryOperator<@Nullable String> env) {
    boolean terminal = !"no".equals(System.getProperty(TERMINAL)) && onTerminal();
    String noColor = env.apply("NO_COLOR");
    boolean plain =
        (noColor != null && !noColor.isEmpty()) || "dumb".equals(env.apply("TERM")) || !terminal;
    return new Console(out, err, !plain, terminal);
  }

  private static boolean onTerminal() {
    return Optional.ofNullable(System.console()).map(java.io.Console::isTerminal).orElse(false);
  }

  /** Prints one JSON document. */
  public void json(Object document) {
    var mapper = JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();
    out.println(mapper.writeValueAsString(document));
  }

  public String red(String text) {
    return paint("31", text);
  }

  public String green(String text) {
    return paint("32", text);
  }

  public String dim(String text) {
    return paint("2", text);
  }

  public String bold(String text) {
    return paint("1", text);
  }

  private String paint(String code, String text) {
    return color ? "\033[" + code + "m" + text + "\033[0m" : text;
  }
}
