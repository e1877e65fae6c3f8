package dev.cocovisor.cli;

import dev.cocovisor.cli.print.Console;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/**
 * One run of the command.
 *
 * @param code its exit code
 * @param out what it reported
 * @param err everything else it said
 */
public record Ran(int code, String out, String err) {
  /** Runs the command on a console that is no terminal. */
  public static Ran of(String... args) {
    var out = new ByteArrayOutputStream();
    var err = new ByteArrayOutputStream();
    var console =
        new Console(
            new PrintStream(out, true, StandardCharsets.UTF_8),
            new PrintStream(err, true, StandardCharsets.UTF_8),
            false,
            false);
    int code = Main.run(console, args);
    return new Ran(
        code, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
  }
}
