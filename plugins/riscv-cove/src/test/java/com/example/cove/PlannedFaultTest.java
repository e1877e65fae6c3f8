package com.example.cove;

import static org.assertj.core.api.Assertions.assertThat;

import com.example.cove.kvm.CoveBackend;
import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.ForwardingBackend;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.trusted.TrustedFault;
import dev.cocovisor.api.trusted.TrustedFault.How;
import dev.cocovisor.api.trusted.TrustedOperation;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.vmm.Guest;
import dev.cocovisor.vmm.GuestLaunch;
import dev.cocovisor.vmm.Technology;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A planned failure at each kind of COVH call: what the host answers, and that it passes. */
class PlannedFaultTest {
  private final AtomicReference<@Nullable Platform> platform = new AtomicReference<>();

  /** The backend, with its platform within reach. */
  private final class Watched extends ForwardingBackend {
    Watched() {
      super(new CoveBackend());
    }

    @Override
    public Platform createPlatform(HostMachine host) {
      Platform made = super.createPlatform(host);
      platform.set(made);
      return made;
    }
  }

  private final Watched backend = new Watched();
  private final Kvm kvm =
      new Kvm(HostConfig.DEFAULT.withArchitecture(Architecture.RISCV64), List.of(backend));

  private Guest guest() {
    return new Guest(Technology.of(backend), new KvmProcess(kvm), GuestLaunch.DEFAULT);
  }

  private Errno plan(TrustedOperation at, How how) {
    Platform made = platform.get();
    return made == null ? Errno.ENOENT : made.plan(TrustedFault.at(at, how, 1));
  }

  @AfterEach
  void close() {
    kvm.close();
  }

  /** Launches one guest so that the platform is there, then a second one under a plan. */
  @ParameterizedTest
  @CsvSource({"CREATE", "VCPU"})
  void aRefusalFailsALaunchOnce(TrustedOperation at) {
    assertThat(guest().launch()).isNotNegative();
    assertThat(plan(at, How.REFUSED)).isEqualTo(Errno.OK);
    assertThat(guest().launch()).isNegative();
    assertThat(guest().launch()).isNotNegative();
  }

  @Test
  void aRefusedEndOfTheLaunchIsTheIoctlsError() {
    Guest guest = guest();
    assertThat(guest.launch()).isNotNegative();
    assertThat(plan(TrustedOperation.FINALIZE, How.REFUSED)).isEqualTo(Errno.OK);
    assertThat(guest.finish().done()).isFalse();
    assertThat(guest.finish().done()).isTrue();
  }

  @ParameterizedTest
  @CsvSource({"MAP", "LINK", "ENTER"})
  void aRefusalFailsAnAccessOnce(TrustedOperation at) {
    Guest guest = guest();
    assertThat(guest.launch()).isNotNegative();
    assertThat(guest.finish().done()).isTrue();
    assertThat(plan(at, How.REFUSED)).isEqualTo(Errno.OK);
    assertThat(guest.write(0, 0, 5, false).done()).isFalse();
    assertThat(guest.write(0, 0, 5, false).done()).isTrue();
    assertThat(guest.read(0, 0, false).value()).isEqualTo(5);
  }

  private List<String> broken() {
    return kvm.violations();
  }

  /** Found by random programs (seed 78, programs 167, 206 and 364). */
  @ParameterizedTest
  @CsvSource({"UNMAP, REFUSED", "TRACK, BUSY"})
  void aPageThatIsNotGivenBackIsNobodyElsesUntilItIs(TrustedOperation at, How how) {
    Guest guest = guest();
    assertThat(guest.launch()).isNotNegative();
    assertThat(guest.finish().done()).isTrue();
    assertThat(guest.write(0, 0, 5, false).done()).isTrue();
    assertThat(plan(at, how)).isEqualTo(Errno.OK);
    var _ = guest.hostConvert(0, 0x1000, false);
    assertThat(broken()).isEmpty();
    assertThat(kvm.leakedFrames()).isEqualTo(1);
    assertThat(guest.punch(0, 0x1000)).isZero();
    assertThat(broken()).isEmpty();
    assertThat(guest.close()).isZero();
    kvm.close();
    assertThat(kvm.framesSinceBoot()).isZero();
    assertThat(kvm.leakedFrames()).as("the TVM's end gives it back").isZero();
  }

  /** Found by random programs (seed 78, programs 2510 and 3025): both tried for ever. */
  @Test
  void aGuestGoesOnWithAPageThatStays() {
    Guest guest = guest();
    assertThat(guest.launch()).isNotNegative();
    assertThat(guest.finish().done()).isTrue();
    assertThat(guest.write(0, 0, 5, false).done()).isTrue();
    assertThat(plan(TrustedOperation.TRACK, How.BUSY)).isEqualTo(Errno.OK);
    assertThat(guest.punch(0, 0x1000)).isZero();
    assertThat(guest.read(0, 0, false).value()).isEqualTo(5);
    assertThat(broken()).isEmpty();
  }

  @Test
  void nothingElseIsMappedWhereAPageStays() {
    Guest guest = guest();
    assertThat(guest.launch()).isNotNegative();
    assertThat(guest.finish().done()).isTrue();
    assertThat(guest.write(0, 0, 5, false).done()).isTrue();
    assertThat(plan(TrustedOperation.UNMAP, How.REFUSED)).isEqualTo(Errno.OK);
    var _ = guest.hostConvert(0, 0x1000, false);
    Guest.Prefaulted prefaulted = guest.prefault(0, 0, 0x1000);
    assertThat(prefaulted.neverReturns()).isFalse();
    assertThat(prefaulted.ret()).isNegative();
    assertThat(broken()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "ENTER, BUSY, OK",
    "RECLAIM, BUSY, OK",
    "TRACK, BUSY, OK",
    "MAP, BUSY, EOPNOTSUPP",
    "UNMAP, INTERRUPTED, EOPNOTSUPP",
    "SPLIT, REFUSED, OK",
    "MERGE, REFUSED, OK",
    "POPULATE, REFUSED, OK",
  })
  void aPlanIsTakenWhereATsmAnswersSo(TrustedOperation at, How how, Errno expected) {
    assertThat(guest().launch()).isNotNegative();
    assertThat(plan(at, how)).isEqualTo(expected);
  }
}
