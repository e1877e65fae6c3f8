package dev.cocovisor.pkvm.kvm;

import static dev.cocovisor.pkvm.kvm.Host.GPA;
import static dev.cocovisor.pkvm.kvm.Host.RAM;
import static dev.cocovisor.pkvm.kvm.Host.done;
import static dev.cocovisor.pkvm.kvm.Host.err;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.trusted.TrustedFault;
import dev.cocovisor.api.trusted.TrustedFault.How;
import dev.cocovisor.api.trusted.TrustedOperation;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** EL2 says no at every kind of call, and KVM does what it does then; the next try works. */
class FirmwareFailTest {
  private final Host h = new Host();

  FirmwareFailTest() {
    h.guest(true).close(); // the hypervisor is there from the first VM on
  }

  private void refuse(TrustedOperation at, int times) {
    assertThat(h.platform().plan(TrustedFault.at(at, How.REFUSED, times))).isEqualTo(Errno.OK);
  }

  private void clean() {
    assertThat(h.violations()).isEmpty();
    assertThat(h.hyp().touchedPages()).isZero();
  }

  @Test
  void aVmIsNotReserved() {
    refuse(TrustedOperation.CREATE, 1);
    long frames = h.frames();
    assertThat(h.process.createVm(h.dev, VmType.ARM_PROTECTED.number()))
        .isEqualTo(err(Errno.ENOMEM));
    assertThat(h.frames()).isEqualTo(frames);
    h.guest(true).close();
    clean();
  }

  @Test
  void aVmIsNotTakenOverAtItsFirstRun() {
    Host.Guest g = h.guest(true);
    refuse(TrustedOperation.CREATE, 1);
    assertThat(g.read(GPA).errno()).isEqualTo(Errno.ENOMEM);
    assertThat(g.read(GPA)).isEqualTo(done(0));
    g.close();
    clean();
  }

  @Test
  void aVcpuIsNotTakenOver() {
    Host.Guest g = h.guest(true);
    refuse(TrustedOperation.VCPU, 1);
    assertThat(g.read(GPA).errno()).isEqualTo(Errno.EINVAL);
    assertThat(h.platform().plan(TrustedFault.at(TrustedOperation.VCPU, How.BUSY, 1)))
        .isEqualTo(Errno.OK);
    assertThat(g.read(GPA).errno()).isEqualTo(Errno.EBUSY);
    assertThat(g.read(GPA)).isEqualTo(done(0));
    g.close();
    clean();
  }

  @ParameterizedTest
  @EnumSource(
      value = TrustedOperation.class,
      names = {"MAP"})
  void aPageIsNotGiven(TrustedOperation map) {
    Host.Guest isProtected = h.guest(true);
    Host.Guest normal = h.guest(false);
    long charged = h.platform().lockedPages();
    refuse(map, 2);
    assertThat(isProtected.write(GPA, 1).errno()).isEqualTo(Errno.EPERM);
    assertThat(normal.write(GPA + 0x1000, 1).errno()).isEqualTo(Errno.EPERM);
    assertThat(h.platform().lockedPages()).isEqualTo(charged);
    assertThat(h.violations()).isEmpty();
    assertThat(isProtected.write(GPA, 1)).isEqualTo(done(-1));
    assertThat(normal.write(GPA + 0x1000, 1)).isEqualTo(done(-1));
    isProtected.close();
    normal.close();
    clean();
  }

  @Test
  void anOrdinaryGuestsPageThatIsNotTakenBackIsSeen() {
    Host.Guest g = h.guest(false);
    assertThat(g.write(GPA, 1)).isEqualTo(done(-1));
    refuse(TrustedOperation.UNMAP, 100);
    // The notifier cannot refuse: the kernel warns, and the page stays shared.
    assertThat(h.process.munmap(RAM, 0x1000)).isZero();
    assertThat(h.kvm.leakedFrames()).isEqualTo(1);
    assertThat(h.violations()).isEmpty();
    g.close();
  }

  @Test
  void aPageThatIsNotReclaimedIsLost() {
    Host.Guest g = h.guest(true);
    assertThat(g.write(GPA, 1)).isEqualTo(done(-1));
    assertThat(g.write(GPA + 0x1000, 1)).isEqualTo(done(-1));
    refuse(TrustedOperation.RECLAIM, 1);
    long charged = h.platform().lockedPages();
    g.close();
    assertThat(h.platform().lockedPages()).isEqualTo(charged - 1);
    assertThat(h.kvm.leakedFrames()).isEqualTo(1);
    assertThat(h.violations()).isEmpty();
  }

  @Test
  void aRefusedEntryIsTakenForAnSerrorAndTriedAgain() {
    Host.Guest g = h.guest(true);
    assertThat(g.write(GPA, 1)).isEqualTo(done(-1));
    refuse(TrustedOperation.ENTER, 3);
    assertThat(g.read(GPA)).isEqualTo(done(1));
    refuse(TrustedOperation.ENTER, 1_000_000);
    assertThat(g.read(GPA).errno()).as("a signal ends it").isEqualTo(Errno.EINTR);
    g.close();
    clean();
  }

  @ParameterizedTest
  @EnumSource(
      value = TrustedOperation.class,
      names = {"LINK", "POPULATE", "SPLIT", "MERGE", "FINALIZE"})
  void whatEl2HasNoCallForCannotFail(TrustedOperation none) {
    // Table pages come with the call that maps, blocks are unshared and shared by the page, and
    // nothing is measured.
    assertThat(h.platform().plan(TrustedFault.at(none, How.REFUSED, 1))).isEqualTo(Errno.ENOENT);
  }

  @Test
  void el2IsNeverInterruptedHalfWay() {
    assertThat(h.platform().plan(TrustedFault.at(TrustedOperation.MAP, How.INTERRUPTED, 1)))
        .isEqualTo(Errno.EOPNOTSUPP);
  }

  @Test
  void onePageIsFailedByItsCallsName() {
    Host.Guest g = h.guest(true);
    assertThat(h.platform().plan(TrustedFault.ofCall("__pkvm_host_donate_guest", How.REFUSED, 1)))
        .isEqualTo(Errno.OK);
    assertThat(g.write(GPA, 1).errno()).isEqualTo(Errno.EPERM);
    assertThat(g.write(GPA, 1)).isEqualTo(done(-1));
    g.close();
    clean();
  }
}
