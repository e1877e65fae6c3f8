package dev.cocovisor.explore;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.explore.faults.FaultCampaign;
import dev.cocovisor.explore.faults.FaultReport;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.StepWords;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every allocation and firmware call of a scenario fails once. */
class FaultCampaignTest {
  private static FaultCampaign campaign(String example, String technology) throws IOException {
    Path file = Path.of(System.getProperty("cocovisor.root"), "examples", example + ".kvmlog");
    Scenario scenario = Scenario.read(LogSource.file(file), StepWords.of(All.TECHNOLOGIES));
    return new FaultCampaign(scenario, All.TECHNOLOGIES, technology, Map.of());
  }

  @ParameterizedTest
  @ValueSource(strings = {"first-boot", "ping-pong", "hot-plug", "reboot", "two-vms"})
  void withoutATrustedHalfNothingIsLostWhateverAllocationsFail(String example) throws IOException {
    FaultReport report = campaign(example, "sw-protected").run(true, 100_000);
    assertThat(report.findings()).isEmpty();
    assertThat(report.complete()).isTrue();
    assertThat(report.injections()).isGreaterThan(5);
    assertThat(report.ended(FaultReport.End.REFUSED)).isPositive();
    assertThat(report.leaks()).isZero();
  }

  @Test
  void aSeamcallThatNeverFailsKillsTheVmAndWhatItKeepsIsCounted() throws IOException {
    FaultReport report = campaign("first-boot", "tdx").run(false, 100_000);
    assertThat(report.findings()).isEmpty();
    assertThat(report.ended(FaultReport.End.DEAD)).isPositive();
    assertThat(report.ended(FaultReport.End.REFUSED)).isPositive();
    assertThat(report.leaks()).isPositive();
  }

  @Test
  void aRunIsMadeAgainByWhichChoicesFail() throws IOException {
    FaultCampaign c = campaign("first-boot", "sw-protected");
    assertThat(c.replay(Schedule.of(0, 0, 1))).isNull();
  }

  @Test
  void aBudgetThatEndsTheCampaignIsSaid() throws IOException {
    FaultReport report = campaign("first-boot", "tdx").run(false, 3);
    assertThat(report.injections()).isEqualTo(3);
    assertThat(report.complete()).isFalse();
    assertThat(report.summary()).endsWith("stopped by its budget");
  }

  @Tag("slow")
  @ParameterizedTest
  @ValueSource(strings = {"first-boot", "ping-pong", "hot-plug", "convert-back"})
  void onTdxEverySingleFailureIsAnErrorOrADeadVmAndNothingIsLost(String example)
      throws IOException {
    FaultReport report = campaign(example, "tdx").run(false, 100_000);
    System.err.println(report.subject() + ": " + report.summary());
    assertThat(report.findings()).isEmpty();
  }
}
