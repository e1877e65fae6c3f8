package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cli.print.Console;
import dev.cocovisor.cli.print.ExitCode;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

/** What the commands about bugs of history print, and with which exit code. */
class BugsCommandTest {
  private record Ran(int code, String out, String err) {}

  private static Ran run(String... args) {
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

  @Test
  void allOfThemAreListed() {
    Ran r = run("bugs", "--all");
    assertThat(r.code()).isEqualTo(ExitCode.CLEAN);
    assertThat(r.out()).contains("M3 ", "M67 ", "no-retry ", "not held: ").contains("bugs=");
  }

  @Test
  void oneIsShownWithItsScenario() {
    Ran r = run("bugs", "M4");
    assertThat(r.out()).contains("explore --bug M4", "actor(\"vmm\")", "3ccbf6f47098");
  }

  @Test
  void aCheckFindsAndIsCleanWithoutIt() {
    Ran r = run("bugs", "--check", "M1", "M33");
    assertThat(r.out()).contains("bugs=2 found=2 clean=2");
    assertThat(r.code()).isEqualTo(ExitCode.CLEAN);
  }

  @Test
  void aCheckIsOneDocument() {
    Ran r = run("bugs", "--check", "M33", "--json");
    assertThat(r.out()).contains("\"format\"", "cocovisor.bugs", "\"found\"", "\"strategy\"");
  }

  @Test
  void anIdThatNobodyKnowsIsRefusedWithTheOneMeant() {
    Ran r = run("bugs", "--check", "no-retri");
    assertThat(r.code()).isEqualTo(ExitCode.USAGE);
    assertThat(r.err()).contains("no-retry");
  }

  @Test
  void oneIsExploredAndTheOrderReproduced() {
    Ran r = run("explore", "--bug", "M1");
    assertThat(r.code()).isEqualTo(ExitCode.FOUND);
    assertThat(r.out()).contains("used after it was freed", "explore --bug M1 --schedule");
  }

  @Test
  void oneWithoutActorsIsRunOnce() {
    Ran r = run("explore", "--bug", "M33");
    assertThat(r.code()).isEqualTo(ExitCode.FOUND);
    assertThat(r.out()).contains("findings=1");
  }

  @Test
  void aScenarioAndABugAreNotExploredAtOnce() {
    assertThat(run("explore").code()).isEqualTo(ExitCode.USAGE);
    assertThat(run("explore", "a.kvmlog", "--bug", "M1").code()).isEqualTo(ExitCode.USAGE);
  }
}
