package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cli.print.ExitCode;
import org.junit.jupiter.api.Test;

/** What the commands about bugs of history print, and with which exit code. */
class BugsCommandTest {
  @Test
  void allOfThemAreListed() {
    Ran r = Ran.of("bugs", "--all");
    assertThat(r.code()).isEqualTo(ExitCode.CLEAN);
    assertThat(r.out()).contains("M3 ", "M67 ", "no-retry ", "not held: ").contains("bugs=");
  }

  @Test
  void oneIsShownWithItsScenario() {
    Ran r = Ran.of("bugs", "M4");
    assertThat(r.out()).contains("explore --bug M4", "actor(\"vmm\")", "3ccbf6f47098");
  }

  @Test
  void aCheckFindsAndIsCleanWithoutIt() {
    Ran r = Ran.of("bugs", "--check", "M1", "M33");
    assertThat(r.out()).contains("bugs=2 found=2 clean=2");
    assertThat(r.code()).isEqualTo(ExitCode.CLEAN);
  }

  @Test
  void aCheckIsOneDocument() {
    Ran r = Ran.of("bugs", "--check", "M33", "--json");
    assertThat(r.out()).contains("\"format\"", "cocovisor.bugs", "\"found\"", "\"strategy\"");
  }

  @Test
  void anIdThatNobodyKnowsIsRefusedWithTheOneMeant() {
    Ran r = Ran.of("bugs", "--check", "no-retri");
    assertThat(r.code()).isEqualTo(ExitCode.USAGE);
    assertThat(r.err()).contains("no-retry");
  }

  @Test
  void oneIsExploredAndTheOrderReproduced() {
    Ran r = Ran.of("explore", "--bug", "M1");
    assertThat(r.code()).isEqualTo(ExitCode.FOUND);
    assertThat(r.out()).contains("used after it was freed", "explore --bug M1 --schedule");
  }

  @Test
  void oneWithoutActorsIsRunOnce() {
    Ran r = Ran.of("explore", "--bug", "M33");
    assertThat(r.code()).isEqualTo(ExitCode.FOUND);
    assertThat(r.out()).contains("findings=1");
  }

  @Test
  void aScenarioAndABugAreNotExploredAtOnce() {
    assertThat(Ran.of("explore").code()).isEqualTo(ExitCode.USAGE);
    assertThat(Ran.of("explore", "a.kvmlog", "--bug", "M1").code()).isEqualTo(ExitCode.USAGE);
  }
}
