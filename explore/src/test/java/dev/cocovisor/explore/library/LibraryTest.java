package dev.cocovisor.explore.library;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.explore.All;
import dev.cocovisor.explore.Explorer;
import dev.cocovisor.explore.Finding;
import dev.cocovisor.explore.Limits;
import dev.cocovisor.explore.Report;
import dev.cocovisor.explore.Search;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The library of races holds on every technology. */
class LibraryTest {
  private static final Limits LIMITS = Limits.DEFAULT.withMillis(30 * 60_000L);

  private static void holds(String technology, List<List<Operation>> meetings, int bound) {
    var library = new Library(All.TECHNOLOGIES.require(technology));
    var explorer =
        new Explorer(LIMITS, false).withWorkers(Runtime.getRuntime().availableProcessors());
    long schedules = 0;
    long began = System.nanoTime();
    for (List<Operation> meeting : meetings) {
      Report r = explorer.explore(library.subject(meeting), new Search.Preemptions(bound));
      assertThat(r.findings().stream().map(Finding::what)).as(r.subject()).isEmpty();
      assertThat(r.exhaustive()).as(r.subject()).isTrue();
      schedules += r.schedules();
    }
    System.err.printf(
        "%s: meetings=%d bound=%d schedules=%d findings=0 in %d s%n",
        technology, meetings.size(), bound, schedules, (System.nanoTime() - began) / 1_000_000_000);
  }

  private static Library library(String technology) {
    return new Library(All.TECHNOLOGIES.require(technology));
  }

  @Test
  void aLibraryHasEveryPairOfTwentyFiveOperations() {
    assertThat(library("sw-protected").pairs()).hasSize(325);
    assertThat(library("pkvm").pairs()).hasSize(276);
    assertThat(library("tdx").triples()).isNotEmpty();
  }

  @Test
  void pairsThatTouchOnePrivatePageHold() {
    List<List<Operation>> few =
        List.of(
            List.of(Operation.FAULT, Operation.CONVERT_TO_SHARED),
            List.of(Operation.PREFAULT, Operation.PUNCH),
            List.of(Operation.POPULATE, Operation.CLOSE_MEMORY),
            List.of(Operation.LAUNCH_FINISH, Operation.VCPU_CREATE));
    for (String technology : List.of("sw-protected", "tdx", "sev-snp", "cca")) {
      holds(technology, few, 1);
    }
  }

  @Test
  void aVmThatIsMadeWhileMemoryIsUnmappedHearsOfWholeInvalidationsOnly() {
    holds("sw-protected", List.of(List.of(Operation.POPULATE, Operation.REBOOT)), 2);
  }

  @Tag("slow")
  @ParameterizedTest
  @ValueSource(strings = {"sw-protected", "pkvm", "sev-snp", "tdx", "cca"})
  void everyPairHoldsWithTwoPreemptions(String technology) {
    holds(technology, library(technology).pairs(), 2);
  }

  @Tag("slow")
  @ParameterizedTest
  @ValueSource(strings = {"sw-protected", "pkvm", "sev-snp", "tdx", "cca"})
  void everyTripleOfOnePageHoldsWithOnePreemption(String technology) {
    holds(technology, library(technology).triples(), 1);
  }

  @Test
  void aRunThatWaitsForASlotThatIsDeletedLetsItGo() {
    holds("tdx", List.of(List.of(Operation.SLOT_DELETE, Operation.ACCEPT)), 1);
  }
}
