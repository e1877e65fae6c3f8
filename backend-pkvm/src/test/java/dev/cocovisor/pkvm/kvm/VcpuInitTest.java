package dev.cocovisor.pkvm.kvm;

import static dev.cocovisor.pkvm.kvm.Host.GPA;
import static dev.cocovisor.pkvm.kvm.Host.done;
import static dev.cocovisor.pkvm.kvm.Host.err;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.pkvm.guest.Hvc;
import org.junit.jupiter.api.Test;

/** A vCPU before KVM_ARM_VCPU_INIT, switched off and on, and without code to run. */
class VcpuInitTest {
  private static final long POWER_OFF = 1;
  private static final long PSCI_0_2 = 4;
  private static final RunResult INTERRUPTED = new RunResult(Errno.EINTR, new Exit.Interrupted());

  private final Host h = new Host();

  private long init(int vcpu, long features) {
    return h.process.vendorIoctl(vcpu, Host.init(features));
  }

  private RunResult hvc(int vcpu, long fn, long... a) {
    long[] args = java.util.Arrays.copyOf(a, 3);
    return h.process.guestRun(vcpu, new Hvc(fn, args[0], args[1], args[2]).action());
  }

  @Test
  void aVcpuRunsOnceItIsInitialised() {
    Host.Guest g = h.guest(true, 0);
    int vcpu = (int) h.process.createVcpu(g.vm, 0);
    assertThat(h.process.guestRun(vcpu, new GuestAction.Write(GPA, 1)).errno())
        .isEqualTo(Errno.ENOEXEC);
    assertThat(init(vcpu, 0)).isZero();
    assertThat(h.process.guestRun(vcpu, new GuestAction.Write(GPA, 1))).isEqualTo(done(-1));
  }

  @Test
  void featuresAreTheVms() {
    Host.Guest g = h.guest(false, 0);
    int first = (int) h.process.createVcpu(g.vm, 0);
    int second = (int) h.process.createVcpu(g.vm, 1);
    assertThat(init(first, 1 << 4)).as("SVE").isEqualTo(err(Errno.EINVAL));
    assertThat(init(first, 1 << 7)).as("HAS_EL2").isEqualTo(err(Errno.EINVAL));
    assertThat(init(first, 1 << 12)).as("unknown").isEqualTo(err(Errno.ENOENT));
    assertThat(init(first, POWER_OFF)).isZero();
    assertThat(init(second, PSCI_0_2)).isEqualTo(err(Errno.EINVAL));
    assertThat(init(first, 0)).as("power is no feature").isZero();
  }

  @Test
  void cpusAreSwitchedOnAndOff() {
    Host.Guest g = h.guest(true, 0);
    int first = (int) h.process.createVcpu(g.vm, 0);
    int second = (int) h.process.createVcpu(g.vm, 1);
    assertThat(init(first, PSCI_0_2)).isZero();
    assertThat(init(second, PSCI_0_2 | POWER_OFF)).isZero();
    assertThat(hvc(first, 0x8400_0000L)).as("version 1.3").isEqualTo(done(0x1_0003));
    assertThat(h.process.guestRun(second, new GuestAction.Read(GPA))).isEqualTo(INTERRUPTED);
    assertThat(hvc(first, 0xc400_0004L, 1, 0)).as("affinity 1 is off").isEqualTo(done(1));
    assertThat(hvc(first, 0xc400_0003L, 2, 0)).as("no such CPU").isEqualTo(done(-2));
    assertThat(hvc(first, 0xc400_0003L, 1, 0)).isEqualTo(done(0));
    assertThat(hvc(first, 0xc400_0003L, 1, 0)).as("on already").isEqualTo(done(-4));
    assertThat(hvc(second, 0x8400_0002L)).isEqualTo(INTERRUPTED);
    assertThat(hvc(first, 0x8400_0008L)).isEqualTo(RunResult.ok(new Exit.SystemEvent(1)));
    assertThat(h.process.guestRun(first, new GuestAction.Read(GPA))).isEqualTo(INTERRUPTED);
    assertThat(h.violations()).isEmpty();
  }

  @Test
  void aGuestWithoutCodeNeverGetsAnywhere() {
    Host h = new Host(PkvmBackend.CODE_PAGE.name(), "0x80000000");
    Host.Guest g = h.guest(false, 0);
    int vcpu = (int) h.process.createVcpu(g.vm, 0);
    assertThat(h.process.vendorIoctl(vcpu, new VendorCommand("KVM_ARM_VCPU_INIT", new Fields())))
        .isZero();
    assertThat(h.process.guestRun(vcpu, new GuestAction.Read(GPA))).isEqualTo(INTERRUPTED);
    assertThat(g.region(1, 0, 0x8000_0000L, 0x1000, Host.RAM + 0x40_0000)).isZero();
    assertThat(h.process.guestRun(vcpu, new GuestAction.Read(GPA))).isEqualTo(done(0));
  }

  @Test
  void aVmThatBootsAgainFaultsInItsMemoryAnew() {
    Host.Guest plain = h.guest(false, 2);
    assertThat(plain.write(GPA, 7)).isEqualTo(done(-1));
    Host.Guest other = h.guest(true);
    assertThat(other.read(GPA).errno()).as("shared with the first").isEqualTo(Errno.EPERM);
    assertThat(init(plain.vcpus.get(1), 0)).as("it never ran").isZero();
    assertThat(other.read(GPA).errno()).isEqualTo(Errno.EPERM);
    assertThat(init(plain.vcpus.getFirst(), 0)).isZero();
    assertThat(other.read(GPA)).as("nobody's").isEqualTo(done(7));
    assertThat(h.violations()).isEmpty();
  }

  @Test
  void aRefusedInitLeavesTheMappings() {
    Host.Guest plain = h.guest(false);
    assertThat(plain.write(GPA, 7)).isEqualTo(done(-1));
    assertThat(init(plain.vcpus.getFirst(), PSCI_0_2)).isEqualTo(err(Errno.EINVAL));
    assertThat(h.guest(true).read(GPA).errno()).isEqualTo(Errno.EPERM);
  }

  @Test
  void aProtectedGuestThatBootsAgainKeepsItsPages() {
    Host.Guest g = h.guest(true);
    assertThat(g.write(GPA, 7)).isEqualTo(done(-1));
    assertThat(init(g.vcpus.getFirst(), 0)).isZero();
    assertThat(h.process.hostRead(Host.RAM)).isNegative();
    assertThat(g.read(GPA)).isEqualTo(done(7));
  }

  @Test
  void aCacheOperationGivesAGuestNoPage() {
    Host.Guest g = h.guest(true);
    assertThat(g.run(new GuestAction.Vendor("dc_civac", new Fields().put("gpa", GPA))))
        .isEqualTo(done(-1));
    assertThat(h.process.hostWrite(Host.RAM, 3)).isZero();
    assertThat(g.read(GPA)).isEqualTo(done(3));
  }

  @Test
  void aGuestWithNothingToDoRunsUntilASignal() {
    Host.Guest g = h.guest(true);
    assertThat(g.run(new GuestAction.Vendor("run", new Fields()))).isEqualTo(INTERRUPTED);
    assertThat(g.write(GPA, 1)).isEqualTo(done(-1));
  }

  @Test
  void e2h0IsTakenWhereNothingIsNested() {
    Host.Guest g = h.guest(false, 0);
    int vcpu = (int) h.process.createVcpu(g.vm, 0);
    assertThat(init(vcpu, 1 << 8)).isZero();
    assertThat(init(vcpu, 0)).as("a feature of the VM's").isEqualTo(err(Errno.EINVAL));
  }

  @Test
  void aJumpBetweenInstructionsNeedsTheFirstBytesPageOnly() {
    Host.Guest g = h.guest(true);
    long last = GPA + 0x1f_fffe;
    assertThat(g.run(new GuestAction.Vendor("exec", new Fields().put("gpa", last))))
        .isEqualTo(RunResult.ok(new Exit.GuestAbort(0x8a00_0000L)));
    assertThat(g.run(new GuestAction.Vendor("exec", new Fields().put("gpa", last + 2))))
        .as("no slot")
        .isEqualTo(RunResult.ok(new Exit.GuestAbort(0x8600_0010L)));
  }
}
