package dev.cocovisor.junit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.host.discovery.BackendRegistry;
import dev.cocovisor.host.model.HypervisorModel;
import dev.cocovisor.script.replay.KvmLogReplayer;
import dev.cocovisor.vmm.Technologies;
import dev.cocovisor.vmm.checked.GuestVm;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.ServiceLoader;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.platform.testkit.engine.EngineExecutionResults;
import org.junit.platform.testkit.engine.EngineTestKit;
import org.junit.platform.testkit.engine.Event;

/** What becomes of tests that pass, that fail, and whose model is not whole. */
@Isolated("standard error is exchanged")
class CocovisorExtensionTest {
  /** A run of a test class: its events and what it printed to standard error. */
  private record Ran(EngineExecutionResults results, String printed) {
    Throwable failure() {
      List<Event> failed = results.testEvents().failed().list();
      assertThat(failed).hasSize(1);
      return failed
          .getFirst()
          .getPayload(org.junit.platform.engine.TestExecutionResult.class)
          .orElseThrow()
          .getThrowable()
          .orElseThrow();
    }

    /** The call log as it was published; empty if none was. */
    String log() {
      return results
          .allEvents()
          .reportingEntryPublished()
          .map(e ->
              e.getPayload(org.junit.platform.engine.reporting.ReportEntry.class)
                  .orElseThrow()
                  .getKeyValuePairs()
                  .getOrDefault(CocovisorExtension.REPORT_KEY, ""))
          .reduce("", String::concat);
    }
  }

  private static Ran run(Class<?> tests) {
    PrintStream err = System.err;
    var bytes = new ByteArrayOutputStream();
    System.setErr(new PrintStream(bytes, true, StandardCharsets.UTF_8));
    try {
      return new Ran(
          EngineTestKit.engine("junit-jupiter").selectors(selectClass(tests)).execute(),
          bytes.toString(StandardCharsets.UTF_8));
    } finally {
      System.setErr(err);
    }
  }

  static class Passing {
    @Test
    void passes(@CocoVm(backend = "tdx") GuestVm td) {
      td.vcpu(0).accept(0, 0x1000);
      td.vcpu(0).write(0, 1);
    }
  }

  @Test
  void aTestThatPassesPrintsNothing() {
    Ran ran = run(Passing.class);
    assertThat(ran.results().testEvents().succeeded().count()).isEqualTo(1);
    assertThat(ran.printed()).doesNotContain("kvmlog");
    assertThat(ran.log()).isEmpty();
  }

  static class Failing {
    @Test
    void expectsTooMuch(@CocoVm(backend = "sev-snp", memory = "16M") GuestVm snp) {
      snp.vcpu(0).accept(0x1000, 0x1000);
      snp.vcpu(0).write(0x1000, 0x77);
      assertThat(snp.vcpu(0).read(0x1000)).as("what was written").isEqualTo(0x78);
    }
  }

  @Test
  void aTestThatFailsPrintsTheLogOfItsCallsAndTheLogReplays() throws IOException {
    Ran ran = run(Failing.class);
    assertThat(ran.failure()).hasMessageContaining("what was written");
    assertThat(ran.printed())
        .startsWith("# Failing.expectsTooMuch failed: [what was written]")
        .contains("cocovisor replay")
        .contains("host_config({memory=0x10000000000, arch=x86_64, backend=[\"sev-snp\"]}) = 0\n")
        .contains("id=KVM_SEV_SNP_LAUNCH_FINISH")
        .contains("guest_write(")
        .contains("value=0x77")
        .doesNotContain("parts of its own");
    assertThat(ran.log()).isEqualToNormalizingNewlines(ran.printed().stripTrailing() + "\n");
    List<Mismatch> mismatches = new ArrayList<>();
    long calls =
        new KvmLogReplayer(Technologies.of(ServiceLoader.load(Backend.class)))
            .replay(LogSource.text("f", ran.printed()), ReplayOptions.ALL, mismatches::add)
            .calls();
    assertThat(calls).isGreaterThan(10);
    assertThat(mismatches).isEmpty();
  }

  static class Throwing {
    @Test
    void stops(@CocoVm(memory = "1M") GuestVm guest) {
      guest.vcpu(0).read(0x400000);
    }
  }

  @Test
  void anAccessThatStopsTheGuestFailsTheTestWithItsExit() {
    Ran ran = run(Throwing.class);
    assertThat(ran.failure()).hasMessageContaining("did not complete: stopped by KVM_EXIT_MMIO");
    assertThat(ran.log())
        .contains("# Throwing.stops failed: vCPU 0: Read")
        .contains("KVM_EXIT_MMIO");
  }

  static class Broken implements HostComposer {
    @Override
    public void compose(HypervisorModel.Builder host) {
      host.tlb((vm, vcpu) -> new LazyTlb());
    }

    @Test
    void forgetsToFlush(@CocoVm(backend = "sev-snp") GuestVm snp) {
      snp.vcpu(0).accept(0x1000, 0x1000);
      snp.vcpu(0).write(0x1000, 1);
      snp.punch(0x1000, 0x1000);
      snp.vcpu(0).accept(0x2000, 0x1000);
      snp.vcpu(0).write(0x2000, 1);
    }
  }

  @Test
  void aBrokenInvariantFailsATestThatPassedAndIsNamed() {
    Ran ran = run(Broken.class);
    assertThat(ran.failure())
        .isInstanceOf(AssertionError.class)
        .hasMessage(
            "an invariant is broken after the test:\n"
                + "  vm 1: vcpu 0 caches gfn 0x1, which the tables do not have so");
    assertThat(ran.log())
        .startsWith("# Broken.forgetsToFlush failed: an invariant is broken after the test:\n")
        .contains("# The host had parts of its own; a plain one may answer otherwise.\n");
  }

  static class BrokenAtTheEnd implements HostComposer {
    @Override
    public void compose(HypervisorModel.Builder host) {
      host.check((kvm, violation) -> {
        if (kvm.vms().isEmpty()) {
          violation.accept("the last guest has gone");
        }
      });
    }

    @Test
    void leavesNobody(@CocoVm GuestVm guest) {
      guest.vcpu(0).write(0, 1);
    }
  }

  @Test
  void invariantsAreCheckedAgainWhenTheGuestsHaveEnded() {
    Ran ran = run(BrokenAtTheEnd.class);
    assertThat(ran.failure())
        .hasMessage("an invariant is broken when the guests had ended:\n  the last guest has gone");
    assertThat(ran.log()).contains("close(");
  }

  static class Unknown {
    @Test
    void wantsWhatThereIsNot(@CocoVm(backend = "tdz") GuestVm guest) {}
  }

  @Test
  void anUnknownBackendIsAnsweredWithThoseThereAre() {
    assertThat(run(Unknown.class).failure())
        .hasMessage(
            """
            cannot give wantsWhatThereIsNot(GuestVm) its GuestVm:
            COCO-P001 error: tdz: there is no such backend
              why:  neither the class path nor a plugin offers it
              mend: did you mean tdx? Otherwise use one that is available, or put its plugin into a plugin folder
              available: %s\
            """
                .formatted(String.join(", ", present())));
  }

  private static List<String> present() {
    try (BackendRegistry registry = BackendRegistry.classPathOnly()) {
      List<String> ids = registry.all().stream().map(b -> b.id()).toList();
      assertThat(ids).contains("cca", "pkvm", "sev-snp", "tdx");
      return ids;
    }
  }

  static class TwoArchitectures {
    @Test
    void mixes(@CocoVm(backend = "tdx") GuestVm td, @CocoVm(backend = "cca") GuestVm realm) {}
  }

  @Test
  void guestsOfTwoArchitecturesHaveNoHost() {
    assertThat(run(TwoArchitectures.class).failure())
        .hasMessageContaining("COCO-P031 error: cca: the backend cannot be on this host")
        .hasMessageContaining("it needs arm64, the host is x86_64 with tdx, cca");
  }

  static class BadSize {
    @Test
    void wantsMuch(@CocoVm(memory = "plenty") GuestVm guest) {}
  }

  @Test
  void aSizeThatIsNoneIsTold() {
    assertThat(run(BadSize.class).failure())
        .hasMessageContaining("COCO-P034 error: sw-protected guest: memory \"plenty\" cannot be");
  }

  static class BadSetting {
    @Test
    @CocoHost(settings = "core.gmem-order")
    void sets(@CocoVm GuestVm guest) {}
  }

  @Test
  void aSettingWithoutAValueIsTold() {
    assertThat(run(BadSetting.class).failure())
        .hasMessageContaining("@CocoHost(settings = \"core.gmem-order\") on sets: name=value");
  }

  static class WrongPlace {
    @Test
    void describes(@CocoVm KvmProcess process) {}
  }

  @Test
  void aDescriptionOnSomethingElseIsTold() {
    assertThat(run(WrongPlace.class).failure())
        .hasMessageContaining("@CocoVm stands on")
        .hasMessageContaining("which is no GuestVm");
  }

  static class LeavesGuestsToTheExtension {
    static @Nullable HypervisorModel model;

    @Test
    void closesOneOfThree(
        @CocoVm GuestVm first,
        @CocoVm(backend = "tdx") GuestVm second,
        @CocoVm(backend = "default") GuestVm third,
        HypervisorModel host) {
      second.close();
      model = host;
    }
  }

  @Test
  void guestsThatLiveAreEndedAfterTheTest() {
    Ran ran = run(LeavesGuestsToTheExtension.class);
    assertThat(ran.results().testEvents().succeeded().count()).isEqualTo(1);
    HypervisorModel model = Objects.requireNonNull(LeavesGuestsToTheExtension.model);
    assertThat(model.kvm().vms()).isEmpty();
  }
}
