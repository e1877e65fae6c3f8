package dev.cocovisor.explore;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.explore.faults.FaultCampaign;
import dev.cocovisor.explore.faults.FaultReport;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.StepWords;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The campaign of failures on the central scenarios, each on every technology it names: no finding.
 * The figures printed are those of docs/exploring.md.
 */
class CentralFaultsTest {
  private static final List<String> CENTRAL =
      List.of(
          "first-boot",
          "convert-small-in-huge",
          "convert-back",
          "convert-across-huge",
          "whole-huge-converts-unsplit",
          "ping-pong",
          "punch-across-huge",
          "punch-inside-huge",
          "punch-then-touch",
          "double-populate",
          "populate-then-prefault",
          "prefault-before-finalize",
          "prefault-after-finalize",
          "reboot",
          "teardown-memory-still-open",
          "host-touches-private-user",
          "host-touches-private-kernel",
          "another-vms-page",
          "accept-at-the-wrong-level",
          "attributes-without-memory",
          "move-slot-under-guest",
          "hot-plug",
          "reclaim-before-unbind",
          "two-vcpus",
          "two-vms");

  @Tag("slow")
  @ParameterizedTest
  @CsvSource({"sw-protected, ''", "tdx, ''", "sev-snp, ''", "pkvm, ''", "cca, ''", "cca, 2.0"})
  void nothingIsLostOrHalfDoneWhateverFailsOnce(String technology, String rmm) throws IOException {
    Map<String, String> settings = rmm.isEmpty() ? Map.of() : Map.of("cca.rmm", rmm);
    boolean pairs = Boolean.getBoolean("cocovisor.faults.pairs");
    var findings = new ArrayList<String>();
    int scenarios = 0;
    long injections = 0;
    long absorbed = 0;
    long refused = 0;
    long dead = 0;
    long leaking = 0;
    long warned = 0;
    for (String name : CENTRAL) {
      Path file = Path.of(System.getProperty("cocovisor.root"), "examples", name + ".kvmlog");
      Scenario scenario = Scenario.read(LogSource.file(file), StepWords.of(All.TECHNOLOGIES));
      if (!scenario.backends().contains(technology)) {
        continue;
      }
      FaultReport r =
          new FaultCampaign(scenario, All.TECHNOLOGIES, technology, settings)
              .run(pairs, Long.MAX_VALUE);
      scenarios++;
      injections += r.injections();
      absorbed += r.ended(FaultReport.End.ABSORBED);
      refused += r.ended(FaultReport.End.REFUSED);
      dead += r.ended(FaultReport.End.DEAD);
      leaking += r.leaks();
      warned += r.warnings();
      r.findings().forEach(f -> findings.add(name + ": " + f.what() + " by " + f.plan()));
      if (!r.findings().isEmpty()) {
        System.err.println(technology + " " + r.findings().size() + " " + findings.getLast());
      }
    }
    System.err.printf(
        "faults%s on %s %s: scenarios=%d injections=%d absorbed=%d refused=%d dead=%d leaking=%d"
            + " warned=%d findings=%d%n",
        pairs ? " in pairs" : "",
        technology,
        rmm,
        scenarios,
        injections,
        absorbed,
        refused,
        dead,
        leaking,
        warned,
        findings.size());
    assertThat(findings).isEmpty();
    assertThat(injections).isPositive();
  }
}
