package dev.cocovisor.explore;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.StepWords;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What is open besides the order: each kind of choice is asked of the explorer, and shows. */
class ChoicesTest {
  private static final Technologies ALL = Technologies.of(ServiceLoader.load(Backend.class));

  private static final String FAULT_AND_CONVERSION =
      """
      vm_launch({memory=0x400000, vcpus=2}) = 1
      vm_finalize(1) = 0
      actor("vcpu 1")
      FIRST
      actor("vmm")
      vm_convert(1, {at=0x2000, size=0x1000, to=shared, by=host})
      together()
      """;

  private static Report explore(String technology, Map<String, String> settings, Search search)
      throws IOException {
    String first =
        technology.equals("tdx")
            ? "vm_accept(1, {at=0x1000, size=0x1000, vcpu=1})"
            : "vm_read(1, {at=0x1000, vcpu=1})";
    var log = LogSource.text("choices.kvmlog", FAULT_AND_CONVERSION.replace("FIRST", first));
    var scenario = Scenario.read(log, StepWords.of(ALL));
    var subject = new ScenarioSubject(scenario, ALL, technology, settings);
    Report r = new Explorer(Limits.DEFAULT, false).explore(subject, search);
    assertThat(r.findings()).isEmpty();
    assertThat(r.exhaustive()).isTrue();
    return r;
  }

  private static String outcomes(String technology, int choices) throws IOException {
    Report r = explore(technology, Map.of(), new Search.Choices(0, choices));
    return String.join("\n", r.outcomes().keySet());
  }

  @Test
  void withoutChoicesNothingFails() throws IOException {
    for (String technology : Set.of("sw-protected", "tdx", "cca")) {
      assertThat(outcomes(technology, 0)).as(technology).doesNotContain("EINTR", "ENOMEM", "INTR");
    }
  }

  @Test
  void anAllocationFailsAndASignalIsPending() throws IOException {
    assertThat(outcomes("sw-protected", 1)).contains("ENOMEM", "EINTR");
  }

  @Test
  void firmwareIsBusyOrRefuses() throws IOException {
    long ordinary = explore("tdx", Map.of(), new Search.Choices(0, 0)).schedules();
    Report r = explore("tdx", Map.of(), new Search.Choices(0, 1));
    assertThat(r.schedules()).isGreaterThan(ordinary + 5);
    assertThat(String.join("\n", r.outcomes().keySet())).contains("EIO");
  }

  @Test
  void aSamplingOfRmm2FindsAnInterrupt() throws IOException {
    var of2 = Map.of("cca.rmm", "2.0");
    long ordinary = explore("cca", of2, new Search.Choices(0, 0)).schedules();
    assertThat(explore("cca", of2, new Search.Choices(0, 1)).schedules()).isGreaterThan(ordinary);
  }
}
