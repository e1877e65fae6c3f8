package dev.cocovisor.cca.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.trusted.TrustedFault;
import dev.cocovisor.api.trusted.TrustedFault.How;
import dev.cocovisor.api.trusted.TrustedOperation;
import dev.cocovisor.cca.guest.Rsi;
import dev.cocovisor.cca.rmm.v1.RmiCommand;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** A planned failure at each kind of RMI command: what the host answers, and nothing leaks. */
class PlannedFaultTest {
  private static final long RAM = 0x8000_0000L;
  private static final long SIZE = 8 << 20;
  private static final long PAGE = 4096;

  private final SmallKvm kvm = new SmallKvm();

  private void start() {
    kvm.start(1);
    kvm.slot(RAM, SIZE);
  }

  private Errno plan(TrustedOperation at, How how) {
    return kvm.plan(TrustedFault.at(at, how, 1));
  }

  private void endWithoutLeak() {
    kvm.destroy();
    assertThat(kvm.leaks).isEmpty();
    assertThat(kvm.memory.allocatedFrames()).isEqualTo(kvm.gmemFrames() + kvm.userFrames());
  }

  @ParameterizedTest
  @EnumSource(
      value = TrustedOperation.class,
      names = {"CREATE", "MAP", "ENTER"})
  void aRefusalOnTheWayToTheFirstAccessFailsItOnceAndLeaksNothing(TrustedOperation at) {
    start();
    assertThat(plan(at, How.REFUSED)).isEqualTo(Errno.OK);
    RunResult refused = kvm.read(0, RAM);
    assertThat(refused.errno().ok() && refused.exit().name().equals("DONE")).isFalse();
    assertThat(kvm.read(0, RAM).errno()).isEqualTo(Errno.OK);
    endWithoutLeak();
  }

  /** RECs, RIPAS and activation: what fails there leaves a dead realm, and no leak. */
  @ParameterizedTest
  @EnumSource(
      value = TrustedOperation.class,
      names = {"VCPU", "LINK", "FINALIZE"})
  void aRefusalAtActivationIsForGood(TrustedOperation at) {
    start();
    assertThat(plan(at, How.REFUSED)).isEqualTo(Errno.OK);
    assertThat(kvm.read(0, RAM).errno()).isEqualTo(Errno.ENXIO);
    assertThat(kvm.read(0, RAM).errno()).isEqualTo(Errno.EINVAL);
    assertThat(kvm.ioctl(populate())).isEqualTo(-Errno.ENXIO.number());
    endWithoutLeak();
  }

  @Test
  void aRefusedPopulationIsTheIoctlsError() {
    start();
    assertThat(plan(TrustedOperation.POPULATE, How.REFUSED)).isEqualTo(Errno.OK);
    assertThat(kvm.ioctl(populate())).isEqualTo(-Errno.ENXIO.number());
    assertThat(kvm.ioctl(populate())).isZero();
    endWithoutLeak();
  }

  private static VendorCommand populate() {
    return new VendorCommand(
        "KVM_ARM_RMI_POPULATE",
        new Fields()
            .put("base", RAM)
            .put("size", PAGE)
            .put("source_uaddr", SmallKvm.USER)
            .put("flags", 1));
  }

  @Test
  void aRefusedUnmapLeavesThePageWhereItIs() {
    start();
    assertThat(kvm.read(0, RAM).errno()).isEqualTo(Errno.OK);
    assertThat(plan(TrustedOperation.UNMAP, How.REFUSED)).isEqualTo(Errno.OK);
    assertThat(kvm.ops().unmapDelegated(RAM >>> 12, kvm.gmemPfn(RAM >>> 12, false), level(), true))
        .isEqualTo(Errno.ENXIO);
    assertThat(kvm.read(0, RAM).errno()).isEqualTo(Errno.OK);
    endWithoutLeak();
  }

  private static dev.cocovisor.api.PageLevel level() {
    return dev.cocovisor.api.PageLevel.PG_4K;
  }

  @Test
  void aTableThatDoesNotFoldStaysATable() {
    start();
    kvm.hugeFolio(RAM);
    assertThat(plan(TrustedOperation.MERGE, How.REFUSED)).isEqualTo(Errno.OK);
    assertThat(kvm.read(0, RAM).errno()).isEqualTo(Errno.OK);
    endWithoutLeak();
  }

  @Test
  void aGranuleThatCannotBeTakenBackIsLeakedAndNeverFreed() {
    start();
    assertThat(kvm.read(0, RAM).errno()).isEqualTo(Errno.OK);
    assertThat(kvm.plan(TrustedFault.ofCall("RMI_GRANULE_UNDELEGATE", How.REFUSED, 1)))
        .isEqualTo(Errno.OK);
    kvm.destroy();
    assertThat(kvm.leaks).hasSize(1);
  }

  @Test
  void aRecThatRunsElsewhereIsBusyAndTheRunEndsUnhandled() {
    start();
    assertThat(kvm.rsi(0, Rsi.result()).errno()).isEqualTo(Errno.OK);
    assertThat(plan(TrustedOperation.ENTER, How.BUSY)).isEqualTo(Errno.OK);
    assertThat(kvm.rsi(0, Rsi.result()).errno()).isEqualTo(Errno.EIO);
    assertThat(kvm.rsi(0, Rsi.result()).errno()).isEqualTo(Errno.OK);
    endWithoutLeak();
  }

  @ParameterizedTest
  @CsvSource({
    "CREATE, BUSY, EOPNOTSUPP",
    "LINK, BUSY, EOPNOTSUPP",
    "MAP, BUSY, EOPNOTSUPP",
    "UNMAP, INTERRUPTED, EOPNOTSUPP",
    "SPLIT, REFUSED, ENOENT",
    "RECLAIM, BUSY, OK",
  })
  void whatAnRmmOfThisVersionNeverAnswersCannotBePlanned(
      TrustedOperation at, How how, Errno expected) {
    start();
    assertThat(plan(at, how)).isEqualTo(expected);
    endWithoutLeak();
  }

  @Test
  void everyCommandIsARowOfThePlatform() {
    start();
    assertThat(kvm.platform().trustedCalls().stream().map(c -> c.callName()).toList())
        .hasSize(RmiCommand.values().length)
        .contains("RMI_DATA_CREATE_UNKNOWN", "RMI_REC_ENTER");
    endWithoutLeak();
  }
}
