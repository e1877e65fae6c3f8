package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.ScenarioLine;
import dev.cocovisor.script.scenario.Step;
import dev.cocovisor.script.scenario.StepEncoder;
import dev.cocovisor.script.scenario.StepWords;
import dev.cocovisor.script.text.LogWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** A step's line says the step: what is written from one is read as an equal one. */
class StepCodecTest {
  /** Steps, and fields of them, that no example has. */
  private static final String REST =
      """
      backends(["tdx", "cca"])
      on("tdx")
      vm_launch({memory=0x400000, vcpus=2, huge=0}) = 1
      on()
      vm_finalize(1)
      vm_read(1, {at=0x1000, vcpu=1, shared=1})
      actor("vcpu 1")
      vm_write(1, {at=0x1000, value=7})
      allows("EAGAIN")
      actor("vmm")
      vm_punch(1, {at=0x1000, size=0x1000})
      together()
      finding("0*8 1", {on="tdx", set="core.max-vcpus=64", bug="M4", seed=7, answers=any, breaks="a, \\"b\\""})
      finding("", {on="tdx", breaks=""})
      raced("two threads at once")
      vm_guest_mode(1, {vcpu=1, nested=0})
      vm_teardown(1, {keep_memory=1})
      host_take_memory({leave=3})
      host_give_memory()
      host_peek(1, {at=0x2000, via="kernel"})
      """;

  private static Scenario read(String text) throws IOException {
    return Scenario.read(LogSource.text("steps", text), StepWords.of(Examples.TECHNOLOGIES));
  }

  private static Stream<Step> neutral(Scenario s) {
    return s.lines().stream().map(ScenarioLine::step).filter(t -> !(t instanceof Step.Call));
  }

  @Test
  void everyStepOfEveryExampleIsReadAsItWasWritten() throws IOException {
    Set<String> seen = new HashSet<>();
    Stream<Scenario> all = Stream.concat(Stream.of(read(REST)), examples());
    for (Scenario s : all.toList()) {
      var lines = neutral(s).map(StepEncoder::encode).toList();
      var text = lines.stream().map(LogWriter::callOnly).collect(Collectors.joining("\n"));
      assertThat(neutral(read(text))).as(s.name()).containsExactlyElementsOf(neutral(s).toList());
      lines.forEach(l -> seen.add(l.name()));
    }
    Set<String> known = new HashSet<>(StepEncoder.NAMES);
    known.remove("expect");
    assertThat(seen).as("a step that neither an example nor this test has").containsAll(known);
  }

  private static Stream<Scenario> examples() throws IOException {
    return Examples.all().stream().filter(StepCodecTest::hasNeutral).map(Examples::read);
  }

  private static boolean hasNeutral(Path example) {
    return neutral(Examples.read(example)).findAny().isPresent();
  }
}
