package dev.cocovisor.script.random;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.ScenarioRun;
import dev.cocovisor.script.scenario.Step;
import dev.cocovisor.script.scenario.StepWords;
import dev.cocovisor.script.text.LogWriter;
import dev.cocovisor.vmm.Technologies;
import dev.cocovisor.vmm.Technology;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * Programs over the guest everybody has: a seed is a program, and what goes wrong is made short.
 */
class RandomGuestProgramsTest {
  private static RandomPrograms on(Technologies technologies, Coverage coverage) {
    return new RandomPrograms(technologies, Technology.SW_PROTECTED, Map.of(), 50, true, coverage);
  }

  private static List<String> lines(long seed) {
    var lines = new ArrayList<String>();
    var found =
        on(Technologies.builtIn(), new Coverage())
            .run(
                seed,
                (line, reply) ->
                    lines.add(reply == null ? "threw" : LogWriter.line(reply.answer(line.call()))));
    assertThat(found).isNull();
    return lines;
  }

  @Test
  void keepEveryInvariantAndLeaveNothing() {
    var coverage = new Coverage();
    RandomPrograms programs = on(Technologies.builtIn(), coverage);
    for (long seed = 1; seed <= 60; seed++) {
      assertThat(programs.run(seed, (_, _) -> {})).as("seed %d", seed).isNull();
    }
    assertThat(programs.programs()).isEqualTo(60);
    assertThat(programs.calls()).isGreaterThan(60 * 50);
    assertThat(coverage.lines()).anyMatch(l -> l.startsWith("step vm_convert: 0 "));
  }

  @Test
  void aSeedIsAProgramForGood() {
    assertThat(lines(7)).isEqualTo(lines(7)).isNotEqualTo(lines(8));
  }

  /** Hosts that call it a violation when a VM has seven small pages and a huge one. */
  private static Technologies flawed() {
    CoreParts parts =
        CoreParts.DEFAULT.withChecker((host, violation) -> {
          if (host.vms().stream()
              .anyMatch(v -> v.stage().counters().get(1) > 6 && v.stage().counters().get(2) > 0)) {
            violation.accept("seven and one");
          }
        });
    return Technologies.builtIn()
        .withHosts((config, backends, trace) -> new Kvm(config, backends, trace, parts));
  }

  @Test
  void whatGoesWrongIsAShortScenarioThatShowsItAgain() throws IOException {
    RandomPrograms programs = on(flawed(), new Coverage());
    RandomPrograms.Found found = null;
    for (long seed = 1; found == null; seed++) {
      found = programs.run(seed, (_, _) -> {});
    }
    assertThat(found.trouble().kind()).isEqualTo(Trouble.Kind.INVARIANT);
    assertThat(found.trouble().text()).isEqualTo("seven and one");
    assertThat(found.program().steps()).as("a launch and what maps").hasSizeBetween(2, 9);
    // What is written reads back as the same steps, and a run of it has the pages.
    String text = String.join("\n", found.program().text());
    var scenario =
        Scenario.read(LogSource.text("found.kvmlog", text), StepWords.of(Technologies.builtIn()));
    try (var run = new ScenarioRun(scenario, Technologies.builtIn(), null, Map.of())) {
      run.run(step -> {});
      assertThat(run.guest(1)).isNotNull();
    }
    assertThat(scenario.lines().stream().map(l -> l.step()).toList())
        .containsAll(found.program().steps());
  }

  /** Seed 81, program 2332: the whole address space changes sides, the guest's page with it. */
  @Test
  void aRangeOfAlmostAllAddressesTakesWhatIsInIt() {
    long all = -0x1000;
    List<Step> steps =
        List.of(
            new Step.Launch(4096, 1, false, 0, new Fields()),
            new Step.Convert(1, 0, 0, 4096, false, true),
            new Step.Write(1, 0, 0, 1, false),
            new Step.Convert(1, 0, 0, all, true, true),
            new Step.Read(1, 0, 0, false));
    var program = new RandomProgram("sw-protected", Map.of(), 0, steps);
    assertThat(RandomPrograms.again(Technologies.builtIn(), program)).isNull();
  }

  /** Seed 901, program 7219: the slot of a VM without memory leads to the next VM's memory. */
  @Test
  void memoryThatWasClosedMayBecomeAnotherVms() {
    List<Step> steps =
        List.of(
            new Step.Launch(0x400000, 1, false, 0, new Fields()),
            new Step.CloseMemory(1),
            new Step.Launch(0x800000, 1, false, 0, new Fields()),
            new Step.Convert(1, 0, 0, 0x1000, false, true),
            new Step.Write(1, 0, 0, 1, false),
            new Step.Reboot(2),
            new Step.Read(1, 0, 0, false));
    var program = new RandomProgram("sw-protected", Map.of(), 0, steps);
    assertThat(RandomPrograms.again(Technologies.builtIn(), program)).isNull();
  }

  @Test
  void stepsOfAVmLeaveWithItsLaunch() {
    var launch = new Step.Launch(4096, 1, false, 0, new Fields());
    var second = new Step.Launch(0, 1, false, 1, new Fields());
    List<Step> steps =
        List.of(launch, launch, second, new Step.Unpin(1), new Step.Unpin(2), new Step.Unpin(3));
    assertThat(StepShrinker.without(steps, 0, 1)).containsExactly(launch, new Step.Unpin(1));
    assertThat(StepShrinker.without(steps, 1, 2))
        .containsExactly(launch, second, new Step.Unpin(1), new Step.Unpin(2));
  }
}
