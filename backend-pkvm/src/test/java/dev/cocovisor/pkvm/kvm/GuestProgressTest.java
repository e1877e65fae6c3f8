package dev.cocovisor.pkvm.kvm;

import static dev.cocovisor.pkvm.kvm.Host.GPA;
import static dev.cocovisor.pkvm.kvm.Host.RAM;
import static dev.cocovisor.pkvm.kvm.Host.done;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.pkvm.guest.Hvc;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A KVM_RUN alone, after each way in which an action may end. Recorded in {@code
 * conformance/pkvm-arm64-7.3-run.kvmlog.gz}; Linux 7.3, {@code arch/arm64/kvm/arm.c},
 * kvm_arch_vcpu_ioctl_run, and {@code mmio.c}, kvm_handle_mmio_return.
 */
class GuestProgressTest {
  private static final int PROT_NONE = 0;
  private static final int PROT_RW = 3;
  private static final long CODE = 0x8000_0000L;
  private static final long NOWHERE = 0xa000_0000L;
  private static final long CODE_MEMORY = RAM + 0x80_0000;
  private static final GuestAction RUN = new GuestAction.Vendor("run", new Fields());
  private static final RunResult SPINS = new RunResult(Errno.EINTR, new Exit.Interrupted());
  private static final RunResult DONE = done(-1);

  private final Host h = new Host(PkvmBackend.CODE_PAGE.name(), Long.toString(CODE));

  private Host.Guest guest(boolean isProtected) {
    Host.Guest g = h.guest(isProtected);
    assertThat(code(g, 0x1000)).isZero();
    return g;
  }

  private static long code(Host.Guest g, long size) {
    return g.region(1, 0, CODE, size, CODE_MEMORY);
  }

  private void protect(long address, int prot) {
    assertThat(h.process.mprotect(address, 0x1000, prot)).isZero();
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void afterMmioTheGuestGoesOnAndThenSpins(boolean isProtected) {
    Host.Guest g = guest(isProtected);
    for (var action : List.of(new GuestAction.Read(NOWHERE), new GuestAction.Write(NOWHERE, 3))) {
      assertThat(g.run(action).exit()).isInstanceOf(Exit.Mmio.class);
      assertThat(g.run(RUN)).isEqualTo(DONE);
      assertThat(g.run(RUN)).isEqualTo(SPINS);
      assertThat(g.run(RUN)).isEqualTo(SPINS);
    }
  }

  @Test
  void mmioIsFinishedThoughMemoryCameToItsAddress() {
    Host.Guest g = guest(true);
    var _ = g.write(NOWHERE, 9);
    assertThat(g.region(2, 0, NOWHERE, 0x1000, RAM + 0x40_0000)).isZero();
    assertThat(g.run(RUN)).isEqualTo(DONE);
    assertThat(h.process.hostRead(RAM + 0x40_0000)).as("nobody touched it").isZero();
  }

  @Test
  void aStoreThatFailedIsDoneAgain() {
    Host.Guest g = guest(false);
    protect(RAM, PROT_NONE);
    assertThat(g.write(GPA, 77).errno()).isEqualTo(Errno.EFAULT);
    assertThat(g.run(RUN).errno()).isEqualTo(Errno.EFAULT);
    protect(RAM, PROT_RW);
    assertThat(h.process.hostRead(RAM)).isZero();
    assertThat(g.run(RUN)).isEqualTo(DONE);
    assertThat(h.process.hostRead(RAM)).isEqualTo(77);
    assertThat(g.run(RUN)).isEqualTo(SPINS);
  }

  @Test
  void aLoadThatIsDoneAgainGivesAProtectedGuestItsPageAndTheVmmNoValue() {
    Host.Guest g = guest(true);
    protect(RAM, PROT_NONE);
    assertThat(g.read(GPA).errno()).isEqualTo(Errno.EFAULT);
    protect(RAM, PROT_RW);
    assertThat(g.run(RUN)).isEqualTo(DONE);
    assertThat(h.process.hostRead(RAM)).isEqualTo(KvmProcess.SIGSEGV);
    assertThat(h.violations()).isEmpty();
  }

  @Test
  void whatIsDoneAgainMayEndOtherwise() {
    Host.Guest g = guest(false);
    protect(RAM, PROT_NONE);
    assertThat(g.write(GPA, 77).errno()).isEqualTo(Errno.EFAULT);
    assertThat(g.region(0, 0, GPA, 0, RAM)).isZero();
    assertThat(g.run(RUN)).isEqualTo(RunResult.ok(new Exit.Mmio(GPA, 1, true)));
    assertThat(g.run(RUN)).isEqualTo(DONE);
    assertThat(g.run(RUN)).isEqualTo(SPINS);
  }

  @Test
  void anAccessWithoutASyndromeIsDoneAgain() {
    Host.Guest g = guest(false);
    var pair = new GuestAction.Vendor("stp", new Fields().put("gpa", NOWHERE));
    assertThat(g.run(pair).errno()).isEqualTo(Errno.ENOSYS);
    assertThat(g.run(RUN).errno()).isEqualTo(Errno.ENOSYS);
    assertThat(g.region(2, 0, NOWHERE, 0x1000, RAM + 0x40_0000)).isZero();
    assertThat(g.run(RUN)).isEqualTo(DONE);
    assertThat(h.process.hostRead(RAM + 0x40_0000)).isEqualTo(5);
  }

  @Test
  void aSharingThatFailedIsDoneAgain() {
    Host.Guest g = guest(true);
    protect(RAM, PROT_NONE);
    assertThat(g.hvc(Hvc.MEM_SHARE, GPA).errno()).isEqualTo(Errno.EFAULT);
    protect(RAM, PROT_RW);
    assertThat(g.run(RUN)).isEqualTo(DONE);
    assertThat(h.process.hostRead(RAM)).as("shared").isZero();
  }

  @Test
  void anInstructionThatCouldNotBeFetchedIsFetchedAgain() {
    Host.Guest g = guest(false);
    protect(CODE_MEMORY, PROT_NONE);
    assertThat(g.write(GPA, 77).errno()).isEqualTo(Errno.EFAULT);
    assertThat(g.run(RUN).errno()).isEqualTo(Errno.EFAULT);
    protect(CODE_MEMORY, PROT_RW);
    assertThat(g.run(RUN)).isEqualTo(DONE);
    assertThat(h.process.hostRead(RAM)).isEqualTo(77);
    protect(CODE_MEMORY, PROT_NONE);
    assertThat(g.run(RUN).errno()).as("spinning is running, too").isEqualTo(Errno.EFAULT);
  }

  @Test
  void aResetForgetsWhatWasNotDone() {
    Host.Guest g = guest(true);
    protect(RAM, PROT_NONE);
    assertThat(g.write(GPA, 77).errno()).isEqualTo(Errno.EFAULT);
    assertThat(h.process.vendorIoctl(g.vcpus.getFirst(), Host.init(0))).isZero();
    protect(RAM, PROT_RW);
    assertThat(g.run(RUN)).isEqualTo(SPINS);
    assertThat(h.process.hostRead(RAM)).as("not the guest's").isZero();
  }

  @Test
  void aVcpuThatWasToldNothingFetchesFromAddressZero() {
    Host.Guest g = guest(true);
    assertThat(g.run(RUN)).isEqualTo(SPINS);
    assertThat(h.platform().lockedPages()).as("not its code").isZero();
    assertThat(g.region(2, 0, 0, 0x1000, RAM + 0x40_0000)).isZero();
    assertThat(g.run(RUN)).isEqualTo(SPINS);
    assertThat(h.process.hostRead(RAM + 0x40_0000)).isEqualTo(KvmProcess.SIGSEGV);
  }

  @Test
  void aGuestWhoseCodeWentTakesTheAbortOnceItIsBack() {
    Host.Guest g = guest(false);
    assertThat(g.write(GPA, 7)).isEqualTo(DONE);
    assertThat(code(g, 0)).isZero();
    assertThat(g.write(GPA, 8)).isEqualTo(SPINS);
    assertThat(code(g, 0x1000)).isZero();
    assertThat(g.run(RUN)).isEqualTo(RunResult.ok(new Exit.GuestAbort(0x8600_0010L)));
    assertThat(g.run(RUN)).isEqualTo(SPINS);
    assertThat(h.process.hostRead(RAM)).as("the store was lost").isEqualTo(7);
  }

  @Test
  void aGuestWithoutVectorsIsLostWithItsCode() {
    Host.Guest g = h.guest(false);
    assertThat(g.write(GPA, 8)).isEqualTo(SPINS);
    assertThat(code(g, 0x1000)).isZero();
    assertThat(g.run(RUN)).isEqualTo(SPINS);
    assertThat(g.write(GPA, 8)).isEqualTo(DONE);
  }

  @Test
  void aSuspendedVcpuGoesOnAfterItsSignal() {
    Host.Guest g = h.guest(true, 0);
    assertThat(code(g, 0x1000)).isZero();
    int vcpu = (int) h.process.createVcpu(g.vm, 0);
    assertThat(h.process.vendorIoctl(vcpu, Host.init(4))).isZero();
    assertThat(h.process.guestRun(vcpu, new Hvc(0x8400_0001L, 0, 0, 0).action())).isEqualTo(SPINS);
    assertThat(h.process.guestRun(vcpu, RUN)).isEqualTo(DONE);
    assertThat(h.process.guestRun(vcpu, RUN)).isEqualTo(SPINS);
  }

  @Test
  void aVcpuThatIsSwitchedOnFetchesFromWhereItWasToldTo() {
    Host.Guest g = h.guest(true, 0);
    assertThat(code(g, 0x1000)).isZero();
    int first = (int) h.process.createVcpu(g.vm, 0);
    int second = (int) h.process.createVcpu(g.vm, 1);
    assertThat(h.process.vendorIoctl(first, Host.init(4))).isZero();
    assertThat(h.process.vendorIoctl(second, Host.init(5))).isZero();
    assertThat(h.process.guestRun(first, new Hvc(0x8400_0003L, 1, GPA, 0).action()))
        .isEqualTo(done(0));
    assertThat(h.process.guestRun(second, RUN)).isEqualTo(SPINS);
    assertThat(h.process.hostRead(RAM)).as("given to be run").isEqualTo(KvmProcess.SIGSEGV);
  }
}
