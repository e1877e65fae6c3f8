package com.example.cove;

import static org.assertj.core.api.Assertions.assertThat;

import com.example.cove.kvm.CoveBackend;
import dev.cocovisor.explore.Explorer;
import dev.cocovisor.explore.Finding;
import dev.cocovisor.explore.Limits;
import dev.cocovisor.explore.Report;
import dev.cocovisor.explore.Search;
import dev.cocovisor.explore.library.Library;
import dev.cocovisor.explore.library.Operation;
import dev.cocovisor.vmm.Technology;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The library of races holds on CoVE. */
class RacesTest {
  private static final Library LIBRARY = new Library(Technology.of(new CoveBackend()));

  private static void holds(List<List<Operation>> meetings, int bound) {
    var explorer = new Explorer(Limits.DEFAULT.withMillis(30 * 60_000L), false);
    long schedules = 0;
    for (List<Operation> meeting : meetings) {
      Report r = explorer.explore(LIBRARY.subject(meeting), new Search.Preemptions(bound));
      assertThat(r.findings().stream().map(Finding::what)).as(r.subject()).isEmpty();
      assertThat(r.exhaustive()).as(r.subject()).isTrue();
      schedules += r.schedules();
    }
    System.err.printf(
        "riscv-cove: meetings=%d bound=%d schedules=%d findings=0%n",
        meetings.size(), bound, schedules);
  }

  @Test
  void aPageThatIsTakenIntoUseAndTakenAway() {
    holds(
        List.of(
            List.of(Operation.FAULT, Operation.CONVERT_TO_SHARED),
            List.of(Operation.FAULT, Operation.SLOT_DELETE)),
        1);
  }

  @Tag("slow")
  @Test
  void everyPairHoldsWithTwoPreemptions() {
    holds(LIBRARY.pairs(), 2);
  }
}
