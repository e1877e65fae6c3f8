package dev.cocovisor.explore.library;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.explore.Explorer;
import dev.cocovisor.explore.Limits;
import dev.cocovisor.explore.Report;
import dev.cocovisor.explore.Search;
import dev.cocovisor.explore.Subject;
import dev.cocovisor.vmm.Technology;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Partial order reduction sees the outcomes of a search without a bound, by fewer executions. */
class DporAgainstPlainTest {
  private static final int NO_BOUND = 99;

  static List<List<Operation>> small() {
    return List.of(
        List.of(Operation.CONVERT_TO_SHARED, Operation.CLOSE_VM),
        List.of(Operation.PREFAULT, Operation.CLOSE_VCPU),
        List.of(Operation.FAULT, Operation.CLOSE_VCPU),
        List.of(Operation.PUNCH, Operation.CLOSE_VM),
        List.of(Operation.CLOSE_VM, Operation.CLOSE_VCPU));
  }

  @ParameterizedTest
  @MethodSource("small")
  void bothSeeTheSame(List<Operation> operations) {
    Subject subject = new Library(Technology.SW_PROTECTED).subject(operations);
    var explorer = new Explorer(Limits.DEFAULT, false);
    Report plain = explorer.explore(subject, new Search.Preemptions(NO_BOUND));
    Report dpor = explorer.explore(subject, new Search.Dpor());
    System.err.println(
        subject.name() + ": plain " + plain.schedules() + ", dpor " + dpor.schedules());
    assertThat(plain.exhaustive()).isTrue();
    assertThat(dpor.exhaustive()).isTrue();
    assertThat(dpor.outcomes().keySet()).isEqualTo(plain.outcomes().keySet());
    assertThat(dpor.schedules()).isLessThanOrEqualTo(plain.schedules());
  }
}
