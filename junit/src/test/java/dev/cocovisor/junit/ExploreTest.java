package dev.cocovisor.junit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import dev.cocovisor.api.Parts;
import dev.cocovisor.core.vm.Invalidation;
import dev.cocovisor.host.model.HypervisorModel;
import dev.cocovisor.vmm.checked.GuestVm;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.reporting.ReportEntry;
import org.junit.platform.testkit.engine.EngineExecutionResults;
import org.junit.platform.testkit.engine.EngineTestKit;

/** Tests in which several act at the same time: one that holds, and those that do not. */
class ExploreTest {
  // begin: explore
  @Explore(bound = 1)
  void aFaultAndAPunchLeaveNothingBehind(@CocoVm(memory = "4M") GuestVm guest, Actors actors) {
    actors
        .does("vcpu 0", "write", () -> guest.vcpu(0).write(0x1000, 9))
        .does("vmm", "punch", () -> guest.punch(0x1000, 0x1000))
        .afterwards(() -> assertThat(guest.vcpu(0).read(0x1000)).isIn(0, 9));
  }

  // end: explore

  /** A kernel whose faults do not look again whether what they found was taken away meanwhile. */
  static class FaultsThatDoNotRetry implements HostComposer {
    @Override
    public void compose(HypervisorModel.Builder host) {
      host.parts(Parts.NONE.with(Invalidation.Factory.class, Faulty::new));
    }

    private static final class Faulty extends Invalidation {
      @Override
      public boolean mustRetry(long seen, long gfn) {
        return false;
      }
    }

    @Explore(bound = 1)
    void find(@CocoVm(memory = "4M") GuestVm guest, Actors actors) {
      actors
          .does("vcpu 0", "write", () -> guest.vcpu(0).write(0x1000, 9))
          .does("vmm", "punch", () -> guest.punch(0x1000, 0x1000));
    }

    @Explore(schedule = "0*22 1")
    void follow(@CocoVm(memory = "4M") GuestVm guest, Actors actors) {
      find(guest, actors);
    }
  }

  /** What is no exploration, or none that shows anything. */
  static class Others {
    @Explore(schedules = 3)
    void tooFew(@CocoVm(memory = "4M") GuestVm guest, Actors actors) {
      actors
          .does("vcpu 0", "write", () -> guest.vcpu(0).write(0x1000, 9))
          .does("vmm", "punch", () -> guest.punch(0x1000, 0x1000));
    }

    @Explore
    void alone(Actors actors) {
      actors.does("vmm", "nothing", () -> {});
    }

    @Explore(bound = 0)
    void aCheckThatDoesNotHold(Actors actors) {
      actors
          .does("a", "nothing", () -> {})
          .does("b", "nothing", () -> {})
          .afterwards(() -> assertThat(1).isEqualTo(2));
    }
  }

  private static EngineExecutionResults run(Class<?> tests) {
    return EngineTestKit.engine("junit-jupiter").selectors(selectClass(tests)).execute();
  }

  private static List<String> failures(EngineExecutionResults ran) {
    return ran.testEvents().failed().stream()
        .map(e -> e.getRequiredPayload(TestExecutionResult.class).getThrowable().orElseThrow())
        .map(t -> t.getMessage() + (t.getCause() == null ? "" : t.getCause().getMessage()))
        .toList();
  }

  @Test
  void aPlantedFaultIsFoundWithItsLanesAndShownAgain() {
    EngineExecutionResults ran = run(FaultsThatDoNotRetry.class);
    assertThat(failures(ran))
        .hasSize(2)
        .allSatisfy(f ->
            assertThat(f)
                .contains("which is free")
                .contains("vcpu 0    ", "» write", "» punch", "  holds vcpu->mutex")
                .contains("@Explore(schedule = \"0*"));
    assertThat(ran.allEvents().reportingEntryPublished().stream())
        .map(e -> e.getRequiredPayload(ReportEntry.class).getKeyValuePairs())
        .filteredOn(m -> m.containsKey("cocovisor.explore"))
        .hasSize(2)
        .anySatisfy(m -> assertThat(m.get("cocovisor.explore")).contains("findings=1 stopped"));
  }

  @Test
  void whatProvesNothingFails() {
    List<String> failures = failures(run(Others.class));
    assertThat(failures).hasSize(3);
    assertThat(failures).anySatisfy(f -> assertThat(f).contains("stopped by its budget"));
    assertThat(failures).anySatisfy(f -> assertThat(f).contains("alone names 1 actors"));
    assertThat(failures).anySatisfy(f -> assertThat(f).contains("expected: 2"));
  }
}
