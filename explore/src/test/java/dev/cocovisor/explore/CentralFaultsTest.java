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

  /** The most runs of one scenario where two failures are tried: they go with the square. */
  private static final long MOST_PAIRS = Long.getLong("cocovisor.faults.pairs", 2_000);

  private static final class Tally {
    final List<String> findings = new ArrayList<>();
    int scenarios;
    int cut;
    long injections;
    long absorbed;
    long refused;
    long dead;
    long leaking;
    long warned;

    void add(String name, FaultReport r) {
      scenarios++;
      cut += r.complete() ? 0 : 1;
      injections += r.injections();
      absorbed += r.ended(FaultReport.End.ABSORBED);
      refused += r.ended(FaultReport.End.REFUSED);
      dead += r.ended(FaultReport.End.DEAD);
      leaking += r.leaks();
      warned += r.warnings();
      r.findings().forEach(f -> findings.add(name + ": " + f.what() + " by " + f.plan()));
    }

    @Override
    public String toString() {
      return "scenarios=%d cut=%d injections=%d absorbed=%d refused=%d dead=%d leaking=%d warned=%d findings=%d"
          .formatted(
              scenarios,
              cut,
              injections,
              absorbed,
              refused,
              dead,
              leaking,
              warned,
              findings.size());
    }
  }

  private static Tally tally(String technology, String rmm, boolean pairs) throws IOException {
    Map<String, String> settings = rmm.isEmpty() ? Map.of() : Map.of("cca.rmm", rmm);
    var tally = new Tally();
    for (String name : CENTRAL) {
      Path file = Path.of(System.getProperty("cocovisor.root"), "examples", name + ".kvmlog");
      Scenario scenario = Scenario.read(LogSource.file(file), StepWords.of(All.TECHNOLOGIES));
      if (scenario.backends().contains(technology)) {
        var campaign = new FaultCampaign(scenario, All.TECHNOLOGIES, technology, settings);
        tally.add(name, campaign.run(pairs, pairs ? MOST_PAIRS : Long.MAX_VALUE));
      }
    }
    System.err.println(
        "faults " + (pairs ? "in pairs " : "") + "on " + technology + " " + rmm + ": " + tally);
    return tally;
  }

  @Tag("slow")
  @ParameterizedTest
  @CsvSource({"sw-protected, ''", "tdx, ''", "sev-snp, ''", "pkvm, ''", "cca, ''", "cca, 2.0"})
  void nothingIsLostOrHalfDoneWhateverFailsOnce(String technology, String rmm) throws IOException {
    Tally t = tally(technology, rmm, false);
    assertThat(t.findings).isEmpty();
    assertThat(t.injections).isPositive();
    assertThat(t.cut).isZero();
  }

  @Tag("slow")
  @ParameterizedTest
  @CsvSource({"sw-protected, ''", "tdx, ''", "sev-snp, ''", "pkvm, ''", "cca, ''", "cca, 2.0"})
  void norWhereTwoFailInOneStep(String technology, String rmm) throws IOException {
    assertThat(tally(technology, rmm, true).findings).isEmpty();
  }
}
