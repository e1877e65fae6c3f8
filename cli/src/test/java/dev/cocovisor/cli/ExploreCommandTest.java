package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cli.print.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What exploring a scenario prints, and with which exit code. */
class ExploreCommandTest {
  private static final Path RACES =
      Path.of(System.getProperty("cocovisor.root"), "examples", "races");

  @TempDir Path dir;

  /** The race whose transient answer is allowed, without the line that allows it. */
  private Path withoutTheAllowance() throws IOException {
    List<String> lines = Files.readAllLines(RACES.resolve("convert-and-fault.kvmlog"));
    return Files.write(
        dir.resolve("race.kvmlog"), lines.stream().filter(l -> !l.startsWith("allows(")).toList());
  }

  @Test
  void aWholeSearchThatFindsNothingIsClean() {
    Ran ran =
        Ran.of("explore", RACES.resolve("convert-and-fault.kvmlog").toString(), "--bound", "1");
    assertThat(ran.out())
        .matches("schedules=\\d+ outcomes=2 findings=0 exhaustive \\(bound 1\\)\n");
    assertThat(ran.code()).as(ran.err()).isEqualTo(ExitCode.CLEAN);
  }

  @Test
  void theCommandBelowAFindingFindsItAgainUnderTheSameSettings() throws IOException {
    Path race = withoutTheAllowance();
    Ran found = Ran.of("explore", race.toString(), "--bound", "1", "--set", "core.max-vcpus=64");
    assertThat(found.code()).isEqualTo(ExitCode.FOUND);
    assertThat(found.out())
        .contains("answers that no order of whole calls gives", "KVM_EXIT_MEMORY_FAULT")
        .contains("findings=1 stopped at what it found");
    String line =
        found.out().lines().filter(l -> l.startsWith("  reproduce")).findFirst().orElseThrow();
    assertThat(line).endsWith(" --set core.max-vcpus=64");
    String schedule = line.replaceAll(".*--schedule '([^']*)'.*", "$1");
    Ran again = Ran.of("explore", race.toString(), "--schedule", schedule);
    assertThat(again.out()).contains("KVM_EXIT_MEMORY_FAULT");
    assertThat(Ran.of("explore", race.toString(), "--bound", "1", "--any-answers").code())
        .isEqualTo(ExitCode.CLEAN);
  }

  @Test
  void aBudgetThatEndsTheSearchIsSaid() {
    Ran ran =
        Ran.of("explore", RACES.resolve("fault-and-punch.kvmlog").toString(), "--schedules", "5");
    assertThat(ran.code()).isEqualTo(ExitCode.BUDGET);
    assertThat(ran.out()).contains("schedules=5 ", "stopped by its budget");
  }

  @Test
  void numbersOutOfRangeAreRefused() {
    String race = RACES.resolve("fault-and-punch.kvmlog").toString();
    Map.of(
            "--bound", "-1",
            "--schedules", "0",
            "--seconds", "99999999999999999",
            "--workers", "0")
        .forEach((option, value) -> {
          Ran ran = Ran.of("explore", race, option, value);
          assertThat(ran.code()).isEqualTo(ExitCode.USAGE);
          assertThat(ran.err()).contains(option + ": a number from ");
        });
  }

  @Test
  void aScenarioOfOneActorCannotBeExplored() throws IOException {
    Path one = Files.writeString(dir.resolve("one.kvmlog"), "vm_launch({memory=0x1000}) = 1\n");
    Ran ran = Ran.of("explore", one.toString());
    assertThat(ran.code()).isEqualTo(ExitCode.USAGE);
    assertThat(ran.err()).contains("two or more can be explored");
  }

  @Test
  void failuresOfAScenarioNeedNoActors() {
    String boot = RACES.resolveSibling("first-boot.kvmlog").toString();
    Ran ran = Ran.of("explore", boot, "--faults", "--backend", "sw-protected");
    assertThat(ran.out())
        .matches("injections=9 absorbed=\\d refused=\\d dead=0 leaking=0 warned=0 findings=0\n");
    assertThat(ran.code()).as(ran.err()).isEqualTo(ExitCode.CLEAN);
    Ran one = Ran.of("explore", boot, "--faults", "--backend", "sw-protected", "--schedule", "1");
    assertThat(one.out()).isEqualTo("nothing is wrong\n");
    Ran cut = Ran.of("explore", boot, "--faults", "--schedules", "2");
    assertThat(cut.code()).isEqualTo(ExitCode.BUDGET);
  }
}
