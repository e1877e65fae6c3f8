package dev.cocovisor.script.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.vmm.VmmTopic;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What the lines of a scenario are about, given what came before them. */
class ScenarioStoryTest {
  private static final String LAUNCH =
      """
      # A scenario.
      backends(["sw-protected"])
      vm_launch({memory=0x1000000, vcpus=1}) = 1
      """;

  private final ScenarioStory story = new ScenarioStory();

  /** Runs the lines behind a launch, and tells what each is about. */
  private List<VmmTopic> topics(String lines) throws IOException {
    var topics = new ArrayList<VmmTopic>();
    var technologies = Technologies.builtIn();
    var scenario =
        Scenario.read(LogSource.text("story.kvmlog", LAUNCH + lines), StepWords.of(technologies));
    try (var run = new ScenarioRun(scenario, technologies, "sw-protected", Map.of())) {
      run.run(step -> {
        if (!(step.step() instanceof Step.Steering)) {
          topics.add(story.topicOf(step.step()));
        }
        story.done(step);
      });
    }
    assertThat(topics.getFirst()).isEqualTo(VmmTopic.LAUNCH);
    return topics.subList(1, topics.size());
  }

  @Test
  void populatingIsEarlyTwiceOrLate() throws IOException {
    assertThat(
            topics(
                """
                vm_populate(1, {at=0, size=0x1000})
                vm_populate(1, {at=0, size=0x1000})
                vm_read(1, {at=0})
                vm_prefault(1, {at=0x3000, size=0x1000})
                vm_finalize(1)
                vm_populate(1, {at=0x1000, size=0x1000})
                vm_prefault(1, {at=0x2000, size=0x1000})
                vm_accept(1, {at=0x2000, size=0x1000})
                vm_accept(1, {at=0x8000, size=0x1000})
                """))
        .containsExactly(
            VmmTopic.POPULATE,
            VmmTopic.POPULATE_TWICE,
            VmmTopic.RUN_EARLY,
            VmmTopic.PREFAULT_EARLY,
            VmmTopic.FINALIZE,
            VmmTopic.POPULATE_LATE,
            VmmTopic.PREFAULT,
            VmmTopic.ACCEPT_LEVEL,
            VmmTopic.ACCEPT);
  }

  @Test
  void anAccessIsAboutWhatHappenedToItsPageLast() throws IOException {
    assertThat(
            topics(
                """
                vm_finalize(1)
                vm_read(1, {at=0x1000})
                vm_write(1, {at=0x1000, value=7})
                vm_convert(1, {at=0x1000, size=0x1000, to=shared, by=guest})
                vm_write(1, {at=0x1000, value=8, shared=1})
                vm_read(1, {at=0x1000})
                vm_convert(1, {at=0x1000, size=0x1000, to=private, by=host})
                vm_punch(1, {at=0x1000, size=0x1000})
                vm_read(1, {at=0x1000})
                vm_read(1, {at=0x80000000})
                """))
        .containsExactly(
            VmmTopic.FINALIZE,
            VmmTopic.FIRST_TOUCH,
            VmmTopic.FIRST_TOUCH,
            VmmTopic.TO_SHARED,
            VmmTopic.TO_SHARED,
            VmmTopic.WRONG_ALIAS,
            VmmTopic.HOST_CONVERTS,
            VmmTopic.PUNCH,
            VmmTopic.PUNCH,
            VmmTopic.MMIO);
  }

  @Test
  void pagesThatWereWrittenAreRememberedAsTheyWereConverted() throws IOException {
    topics(
        """
        vm_finalize(1)
        vm_write(1, {at=0x1000, value=7})
        vm_write(1, {at=0x2000, value=9})
        vm_convert(1, {at=0x1000, size=0x1000, to=shared, by=guest})
        """);
    assertThat(story.pages())
        .containsExactlyInAnyOrder(
            new ScenarioStory.Page(1, 0x1000, 7, true, false),
            new ScenarioStory.Page(1, 0x2000, 9, false, false));
  }

  @Test
  void memoryThatComesMovesAndGoesIsWhatItsAccessesAreAbout() throws IOException {
    assertThat(
            topics(
                """
                vm_finalize(1)
                vm_plug(1, {at=0x40000000, size=0x200000})
                vm_read(1, {at=0x40000000})
                vm_move(1, {at=0x40000000, to=0x50000000})
                vm_read(1, {at=0x50000000})
                vm_unplug(1, {at=0x50000000})
                vm_read(1, {at=0x50000000})
                vm_reboot(1)
                vm_teardown(1)
                """))
        .containsExactly(
            VmmTopic.FINALIZE,
            VmmTopic.HOT_PLUG,
            VmmTopic.FIRST_TOUCH,
            VmmTopic.MOVE,
            VmmTopic.MOVE,
            VmmTopic.HOT_PLUG,
            VmmTopic.HOT_PLUG,
            VmmTopic.REBOOT,
            VmmTopic.TEARDOWN);
  }

  @Test
  void whatIsDoneWithoutMemoryIsAboutThat() throws IOException {
    assertThat(
            topics(
                """
                vm_finalize(1)
                host_take_memory({leave=0})
                vm_convert(1, {at=0x1000, size=0x1000, to=shared, by=host})
                host_give_memory()
                vm_stats(1)
                host_peek(1, {at=0})
                host_peek(1, {at=0, via=kernel})
                """))
        .containsExactly(
            VmmTopic.FINALIZE,
            VmmTopic.OUT_OF_MEMORY,
            VmmTopic.OUT_OF_MEMORY,
            VmmTopic.OUT_OF_MEMORY,
            VmmTopic.TABLES,
            VmmTopic.HOST_USER,
            VmmTopic.HOST_KERNEL);
  }

  @ParameterizedTest
  @EnumSource(VmmTopic.class)
  void theBuiltInTechnologyStatesARuleWithItsSource(VmmTopic topic) {
    var rule =
        Objects.requireNonNull(Technologies.builtIn().require("sw-protected").driver().rule(topic));
    assertThat(rule.says()).endsWith(".");
    assertThat(rule.source()).isNotBlank();
  }
}
