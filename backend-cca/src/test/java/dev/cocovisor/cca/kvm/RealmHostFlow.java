package dev.cocovisor.cca.kvm;

import static dev.cocovisor.cca.kvm.KvmTests.done;
import static dev.cocovisor.cca.kvm.KvmTests.ok;
import static dev.cocovisor.cca.kvm.KvmTests.populate;
import static dev.cocovisor.cca.kvm.KvmTests.x;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.guest.Access;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.cca.guest.LinuxRealm;
import dev.cocovisor.cca.guest.Rsi;
import dev.cocovisor.cca.rmm.run.RsiCall;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The host's flow for a realm, from KVM_CREATE_VM to the last granule taken back. */
abstract class RealmHostFlow {
  private static final long RAM = 0x8000_0000L;
  private static final long SIZE = 8 << 20;
  private static final long PAGE = 4096;
  private static final long SHARED = RealmOps.SHARED_GFN << PageLevel.PAGE_SHIFT;

  private final SmallKvm kvm = new SmallKvm();

  /** Chooses the version of the RMM. */
  RealmHostFlow(String version) {
    kvm.settings.put(CcaBackend.RMM, version);
  }

  private void start() {
    kvm.start(2);
    kvm.slot(RAM, SIZE);
  }

  /** Ends the VM; all that was taken for it must be back, and nothing delegated. */
  private void endWithoutLeak() {
    kvm.destroy();
    assertThat(kvm.leaks).isEmpty();
    assertThat(delegated()).isEmpty();
    assertThat(kvm.memory.allocatedFrames()).isEqualTo(kvm.gmemFrames() + kvm.userFrames());
    List<String> violations = new ArrayList<>();
    kvm.platform().checkInvariants(violations::add);
    assertThat(violations).isEmpty();
  }

  private List<Long> delegated() {
    List<Long> frames = new ArrayList<>();
    for (long pfn = 0; pfn < 0x4000; pfn++) {
      if (kvm.memory.check(Accessor.HOST_KERNEL, pfn, false) == PhysicalGuard.Verdict.FAULT) {
        frames.add(pfn);
      }
    }
    return frames;
  }

  @Test
  void aPrivateFaultDelegatesTheFrameAndMapsIt() {
    start();
    done(kvm.write(0, RAM + 0x1005, 0x42), 0x42);
    done(kvm.read(0, RAM + 0x1005), 0x42);
    long pfn = kvm.mappedPfn((RAM + 0x1000) >>> PageLevel.PAGE_SHIFT, true);
    assertThat(kvm.memory.check(Accessor.HOST_KERNEL, pfn, false))
        .isEqualTo(PhysicalGuard.Verdict.FAULT);
    endWithoutLeak();
    assertThat(kvm.memory.raw().isZero(pfn)).as("the host sees nothing of it").isTrue();
  }

  @Test
  void aPopulatedPageIsThereWithoutAFaultAndMeasured() {
    start();
    kvm.hostWrite(RAM + 3, 0x77);
    assertThat(kvm.ioctl(populate(RAM, 2 * PAGE, kvm.userAddress(RAM), 1))).isZero();
    done(kvm.read(0, RAM + 3), 0x77);
    RunResult measured = kvm.rsi(0, Rsi.call(RsiCall.RSI_MEASUREMENT_READ, 0));
    SmallKvm other = new SmallKvm();
    other.start(2);
    other.slot(RAM, SIZE);
    other.hostWrite(RAM + 3, 0x77);
    assertThat(other.ioctl(populate(RAM, 2 * PAGE, other.userAddress(RAM), 0))).isZero();
    RunResult unmeasured = other.rsi(0, Rsi.call(RsiCall.RSI_MEASUREMENT_READ, 0));
    assertThat(x(measured, 1)).isNotEqualTo(x(unmeasured, 1));
    endWithoutLeak();
  }

  @Test
  void aPageCannotBePopulatedTwiceNorAfterActivation() {
    start();
    assertThat(kvm.ioctl(populate(RAM, PAGE, kvm.userAddress(RAM), 0))).isZero();
    assertThat(kvm.ioctl(populate(RAM, PAGE, kvm.userAddress(RAM), 0)))
        .isEqualTo(-Errno.ENXIO.number());
    done(kvm.read(0, RAM), 0);
    assertThat(kvm.ioctl(populate(RAM + PAGE, PAGE, kvm.userAddress(RAM), 0)))
        .isEqualTo(-Errno.EBUSY.number());
    endWithoutLeak();
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 0x800, -1})
  void populateWantsWholePages(long off) {
    start();
    assertThat(kvm.ioctl(populate(RAM + off, PAGE, kvm.userAddress(RAM), 0)))
        .isEqualTo(-Errno.EINVAL.number());
    endWithoutLeak();
  }

  @Test
  void memoryOutsideEverySlotIsEmptyAndAbortsInTheRealm() {
    start();
    assertThat(kvm.read(0, 0x1000).exit()).isInstanceOf(Exit.GuestAbort.class);
    endWithoutLeak();
  }

  @Test
  void anAccessToSharedMemoryThatIsPrivateExitsAndAfterConversionIsMapped() {
    start();
    assertThat(kvm.read(0, RAM | SHARED).errno()).isEqualTo(Errno.EFAULT);
    kvm.convert(RAM, PAGE, false);
    kvm.hostWrite(RAM, 9);
    done(kvm.read(0, RAM | SHARED), 9);
    done(kvm.write(0, RAM | SHARED, 10), 10);
    assertThat(kvm.access(0, RAM | SHARED, Access.FETCH, 0).exit())
        .isInstanceOf(Exit.GuestAbort.class);
    endWithoutLeak();
  }

  @Test
  void sharingARangeGoesThroughTheVmmAndComesBackEmpty() {
    start();
    done(kvm.write(0, RAM, 1), 1);
    LinuxRealm linux =
        new LinuxRealm(
            a -> kvm.rsi(0, a),
            (f, _) -> kvm.convert(f.gpa(), f.size(), f.flags() == Exit.MemoryFault.PRIVATE));
    assertThat(linux.boot(RAM, SIZE, RAM + 0x10000)).isTrue();
    assertThat(linux.share(RAM, 4 * PAGE)).isTrue();
    assertThat(kvm.read(0, RAM).exit()).isInstanceOf(Exit.GuestAbort.class);
    done(kvm.write(0, RAM | SHARED, 5), 5);
    assertThat(linux.protect(RAM, 4 * PAGE)).isTrue();
    done(kvm.read(0, RAM), 0);
    endWithoutLeak();
  }

  @Test
  void contentThatTheHostTookAwayIsNotGivenBackUnlessTheRealmSaysSo() {
    start();
    done(kvm.write(0, RAM, 1), 1);
    kvm.punch(RAM, PAGE);
    RunResult get = kvm.rsi(0, Rsi.call(RsiCall.RSI_IPA_STATE_GET, RAM, RAM + PAGE));
    assertThat(x(get, 2)).as("DESTROYED").isEqualTo(2);
    RunResult asked = kvm.rsi(0, Rsi.ipaStateSet(RAM, RAM + PAGE, Rsi.RAM, 0));
    assertThat(asked.errno()).isEqualTo(Errno.EFAULT);
    RunResult refused = kvm.rsi(0, Rsi.result());
    assertThat(x(refused, 1)).isEqualTo(RAM);
    assertThat(x(refused, 2)).as("rejected").isEqualTo(1);
    kvm.rsi(0, Rsi.ipaStateSet(RAM, RAM + PAGE, Rsi.RAM, Rsi.CHANGE_DESTROYED));
    RunResult granted = kvm.rsi(0, Rsi.result());
    assertThat(x(granted, 1)).isEqualTo(RAM + PAGE);
    done(kvm.read(0, RAM), 0);
    endWithoutLeak();
  }

  @Test
  void aHugeFolioBecomesABlockAndIsUnfoldedToTakeOnePageAway() {
    start();
    kvm.hugeFolio(RAM + (2 << 20));
    done(kvm.write(0, RAM + (2 << 20) + 0x5000, 3), 3);
    assertThat(kvm.mappedLevel((RAM + (2 << 20)) >>> PageLevel.PAGE_SHIFT, true))
        .isEqualTo(PageLevel.PG_2M);
    ok(
        kvm.ops()
            .unmapDelegated((RAM + (2 << 20)) >>> PageLevel.PAGE_SHIFT, 0, PageLevel.PG_4K, true));
    done(kvm.read(0, RAM + (2 << 20) + 0x5000), 3);
    endWithoutLeak();
  }

  @Test
  void convertingOnePageOfABlockKeepsTheContentOfTheOthers() {
    start();
    kvm.hugeFolio(RAM);
    done(kvm.write(0, RAM, 1), 1);
    done(kvm.write(0, RAM + 0x5000, 5), 5);
    assertThat(kvm.mappedLevel(RAM >>> PageLevel.PAGE_SHIFT, true)).isEqualTo(PageLevel.PG_2M);
    kvm.convert(RAM, PAGE, false);
    done(kvm.read(0, RAM + 0x5000), 5);
    assertThat(kvm.mappedLevel((RAM >>> PageLevel.PAGE_SHIFT) + 5, true))
        .isEqualTo(PageLevel.PG_4K);
    endWithoutLeak();
  }

  @Test
  void anAccessToLostContentEndsTheRunInsteadOfFaultingForEver() {
    start();
    done(kvm.write(0, RAM, 1), 1);
    kvm.punch(RAM, PAGE);
    assertThat(kvm.read(0, RAM))
        .isEqualTo(
            new RunResult(Errno.EFAULT, new Exit.MemoryFault(Exit.MemoryFault.PRIVATE, RAM, PAGE)));
    endWithoutLeak();
  }

  @Test
  void withoutHugePagesEveryPageIsMappedAlone() {
    kvm.settings.put(CcaBackend.HUGE_PAGES, "false");
    start();
    kvm.hugeFolio(RAM);
    done(kvm.read(0, RAM + PAGE), 0);
    assertThat(kvm.mappedLevel((RAM + PAGE) >>> PageLevel.PAGE_SHIFT, true))
        .isEqualTo(PageLevel.PG_4K);
    endWithoutLeak();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 10, 21, 30, 36, 37, 38, 39, 40, 41, 60, 300, 552})
  void aRefusedDelegationFailsTheRunAndLeaksNothing(int nth) {
    kvm.settings.put(CcaBackend.REFUSE_DELEGATE, Integer.toString(nth));
    start();
    kvm.hugeFolio(RAM);
    Errno first = kvm.read(0, RAM + PAGE).errno();
    RunResult second = kvm.read(0, RAM + PAGE);
    if (kvm.ops().preFaultAllowed()) {
      done(second, 0);
    } else {
      // Refused on the way to activation, which is not tried twice; the first three are before it.
      assertThat(nth).isGreaterThan(3);
      assertThat(second.errno()).isEqualTo(Errno.EINVAL);
    }
    assertThat(first == Errno.OK || first == Errno.ENXIO || first == Errno.ENOMEM).isTrue();
    endWithoutLeak();
  }

  @Test
  void aHostThatRunsOutOfMemoryAnywhereLeaksNothing() {
    for (int budget = 0; budget < 60; budget++) {
      SmallKvm small = new SmallKvm();
      small.settings.putAll(kvm.settings);
      small.start(2);
      small.slot(RAM, SIZE);
      small.memory.budget = budget;
      Errno e = small.ops().vcpuPreRun(small.vcpu(0));
      assertThat(e == Errno.OK || e == Errno.ENOMEM || e == Errno.ENXIO).isTrue();
      small.memory.budget = Long.MAX_VALUE;
      small.destroy();
      assertThat(small.leaks).isEmpty();
      assertThat(small.memory.allocatedFrames()).isZero();
    }
  }

  @Test
  void theSecondVcpuStartsWhenTheFirstTurnsItOn() {
    start();
    ok(
        Errno.of(
            (int)
                -kvm.ops()
                    .vcpuIoctl(
                        kvm.vcpu(1),
                        new VendorCommand("KVM_ARM_VCPU_INIT", new Fields().put("features", 1)))));
    assertThat(kvm.read(1, RAM).exit()).isInstanceOf(Exit.Unknown.class);
    RunResult on = kvm.rsi(0, Rsi.call(RsiCall.PSCI_CPU_ON, 1, RAM, 7));
    assertThat(x(on, 0)).isZero();
    done(kvm.read(1, RAM), 0);
    assertThat(x(kvm.rsi(0, Rsi.call(RsiCall.PSCI_CPU_ON, 1, RAM, 7)), 0)).isEqualTo(-4);
    endWithoutLeak();
  }

  @Test
  void switchingOffEndsTheRealmForEveryVcpu() {
    start();
    assertThat(kvm.rsi(0, Rsi.call(RsiCall.PSCI_SYSTEM_OFF)).exit())
        .isEqualTo(new Exit.SystemEvent(1));
    assertThat(kvm.read(1, RAM).exit()).isInstanceOf(Exit.Unknown.class);
    endWithoutLeak();
  }

  @Test
  void aHostCallLeavesWithItsRegistersAndIsCompletedAtTheNextEntry() {
    start();
    done(kvm.write(0, RAM, 0x21), 0x21);
    RunResult call = kvm.rsi(0, Rsi.call(RsiCall.RSI_HOST_CALL, RAM));
    assertThat(call.exit().name()).isEqualTo("RSI_HOST_CALL");
    assertThat(((Exit.Vendor) call.exit()).fields().number("imm")).isEqualTo(0x21);
    assertThat(x(kvm.rsi(0, Rsi.result()), 0)).isZero();
    endWithoutLeak();
  }

  @Test
  void theConfigurationPageIsFaultedInByTheCallItself() {
    start();
    assertThat(x(kvm.rsi(0, Rsi.call(RsiCall.RSI_REALM_CONFIG, RAM + PAGE)), 0)).isZero();
    done(kvm.read(0, RAM + PAGE), HostedRealm.IPA_BITS);
    endWithoutLeak();
  }

  @Test
  void theHashAlgorithmIsChosenBeforeTheRealmExists() {
    start();
    VendorCommand sha512 =
        new VendorCommand("KVM_ARM_RMI_CONFIG", new Fields().put("hash_algo", 1));
    assertThat(kvm.ioctl(sha512)).isZero();
    done(kvm.read(0, RAM), 0);
    assertThat(x(kvm.rsi(0, Rsi.call(RsiCall.RSI_MEASUREMENT_READ, 0)), 8)).isNotZero();
    assertThat(kvm.ioctl(sha512)).isEqualTo(-Errno.EBUSY.number());
    assertThat(kvm.ioctl(new VendorCommand("KVM_ARM_RMI_CONFIG", new Fields().put("hash_algo", 2))))
        .isEqualTo(-Errno.EBUSY.number());
    endWithoutLeak();
  }

  @Test
  void aVcpuThatComesAfterActivationIsRefused() {
    start();
    done(kvm.read(0, RAM), 0);
    assertThat(kvm.ops().vcpuCreate(kvm.new Vcpu(2))).isEqualTo(Errno.EBUSY);
    endWithoutLeak();
  }

  @Test
  void aVmThatNeverRanHoldsNothing() {
    start();
    assertThat(kvm.memory.allocatedFrames()).isZero();
    endWithoutLeak();
  }
}
