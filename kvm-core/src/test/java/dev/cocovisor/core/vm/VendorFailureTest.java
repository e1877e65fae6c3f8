package dev.cocovisor.core.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.guest.Access;
import dev.cocovisor.api.guest.AccessOutcome;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.ops.VmTraits;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.VendorFailure;
import dev.cocovisor.core.host.KvmProcess;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What a vendor's code does wrong is named, ended and never the end of the host. */
class VendorFailureTest {
  private static final long BASE = 1L << 30;
  private static final long HVA = 0x7f60_0000_0000L;

  /** Hooks of a mirrored VM, with what a test lets them do wrong. */
  private static class Hooks implements VmOps {
    RuntimeException thrown = new IllegalStateException("table is null");
    Errno link = Errno.OK;
    AccessOutcome preFault = AccessOutcome.FAULT;
    boolean throwsOnSet;

    @Override
    public VmTraits traits() {
      return FakeBackend.MIRRORED;
    }

    @Override
    public Errno linkExternalSpt(long gfn, PageLevel level, long sptPfn) {
      return link;
    }

    @Override
    public Errno setExternalSpte(long gfn, PageLevel level, long pfn) {
      if (throwsOnSet) {
        throw thrown;
      }
      return Errno.OK;
    }

    @Override
    public AccessOutcome preFault(VcpuContext vcpu, long gpa, Access access, boolean isPrivate) {
      return preFault;
    }

    @Override
    public long memEncIoctl(VendorCommand command) {
      throw new IllegalArgumentException("no field 'sise'");
    }
  }

  private final Hooks hooks = new Hooks();

  private final class Machine {
    final Kvm kvm =
        new Kvm(
            HostConfig.DEFAULT.withSetting("core.retries", "100"), List.of(new FakeBackend(hooks)));
    final KvmProcess p = new KvmProcess(kvm);
    final int vm = (int) p.createVm((int) p.openDevKvm(), 5);
    final int vcpu = (int) p.createVcpu(vm, 0);

    Machine() {
      int fd = (int) p.createGuestMemfd(vm, 1 << 20, 0);
      assertThat(p.mmap(HVA, 1 << 20, 3, 0x22, -1, 0)).isEqualTo(HVA);
      assertThat(p.setUserMemoryRegion2(vm, 1, 4, BASE, 1 << 20, HVA, 0, fd)).isZero();
      assertThat(p.setMemoryAttributes(vm, BASE, 1 << 20, 8, 0)).isZero();
    }

    long prefault() {
      return p.preFaultMemory(vcpu, 0, new long[] {BASE, 4096});
    }
  }

  @Test
  void anExceptionOfAHookNamesBackendAndHookAndLeavesNoLockBehind() {
    Machine m = new Machine();
    hooks.throwsOnSet = true;
    assertThatThrownBy(m::prefault)
        .isInstanceOfSatisfying(
            VendorFailure.class,
            f -> {
              assertThat(f.backend()).isEqualTo("fake");
              assertThat(f.hook()).isEqualTo("set_external_spte");
              assertThat(f).hasCause(hooks.thrown);
            })
        .hasMessage(
            "backend fake, set_external_spte: java.lang.IllegalStateException: table is null");
    hooks.throwsOnSet = false;
    assertThat(m.prefault()).as("the VM is dead").isEqualTo(-Errno.EIO.number());
    assertThat(m.p.createVm((int) m.p.openDevKvm(), 1)).isPositive();
    m.kvm.close();
    assertThat(m.kvm.vms()).isEmpty();
  }

  @Test
  void aCallersMistakeGoesThroughAsItIs() {
    Machine m = new Machine();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> m.p.memoryEncryptOp(m.vm, new VendorCommand("X", new Fields())))
        .withMessage("no field 'sise'");
  }

  @Test
  void aPlatformThatCannotBeMadeIsNamed() {
    Kvm kvm =
        new Kvm(
            HostConfig.DEFAULT,
            List.of(
                new FakeBackend(hooks) {
                  @Override
                  public Platform createPlatform(HostMachine host) {
                    throw new UnsupportedOperationException("no module");
                  }
                }));
    KvmProcess p = new KvmProcess(kvm);
    assertThatThrownBy(() -> p.createVm((int) p.openDevKvm(), 5))
        .isInstanceOf(VendorFailure.class)
        .hasMessageStartingWith("backend fake, createPlatform: ");
    assertThat(p.createVm((int) p.openDevKvm(), 1)).isPositive();
  }

  @Test
  void aHookThatNeverLetsTheWalkSucceedEndsByABudgetThatSaysWhere() {
    Machine m = new Machine();
    hooks.link = Errno.EBUSY;
    assertThat(m.prefault()).isEqualTo(-Errno.EINTR.number());
    assertThat(m.kvm.standstills())
        .containsExactly(new NoProgress(1, 0, BASE >> 12, 100, "link_external_spt"));
    hooks.link = Errno.OK;
    hooks.preFault = AccessOutcome.RETRY;
    var r = m.p.guestRun(m.vcpu, new GuestAction.Read(BASE + 4096, GuestAction.NO_CODE, true));
    assertThat(r.errno()).isEqualTo(Errno.EINTR);
    assertThat(m.kvm.standstills().getLast().toString())
        .isEqualTo("vm 1 vcpu 0: gfn 0x40001 tried 101 times, last stopped by pre_fault");
    hooks.preFault = AccessOutcome.FAULT;
    assertThat(m.prefault()).isZero();
  }

  @Test
  void aPageTheGuardKeepsFromTheHostIsExportedFirstWhereTheVendorCan() {
    boolean[] exported = new boolean[1];
    long[] asked = new long[1];
    boolean[] can = {false};
    Kvm kvm =
        new Kvm(
            HostConfig.DEFAULT,
            List.of(
                new FakeBackend(hooks) {
                  @Override
                  public Platform createPlatform(HostMachine host) {
                    return new Platform() {
                      @Override
                      public VmOps createVm(VmContext vm, VmType type) {
                        return hooks;
                      }

                      @Override
                      public PhysicalGuard guard() {
                        return (who, pfn, write) ->
                            exported[0] || who.kind() == Accessor.Kind.FIRMWARE
                                ? PhysicalGuard.Verdict.ALLOW
                                : PhysicalGuard.Verdict.FAULT;
                      }

                      @Override
                      public boolean makeAccessible(long pfn) {
                        asked[0]++;
                        exported[0] = can[0];
                        return can[0];
                      }
                    };
                  }
                }));
    KvmProcess p = new KvmProcess(kvm);
    assertThat(p.createVm((int) p.openDevKvm(), 5)).isPositive();
    assertThat(p.mmap(HVA, 1 << 20, 3, 0x22, -1, 0)).isEqualTo(HVA);
    assertThat(p.hostWrite(HVA, 7)).isEqualTo(KvmProcess.SIGBUS);
    assertThat(p.kernelRead(HVA, 16)).isEqualTo(-Errno.EFAULT.number());
    assertThat(asked[0]).isEqualTo(2);
    can[0] = true;
    assertThat(p.hostWrite(HVA, 7)).isZero();
    exported[0] = false;
    assertThat(p.kernelRead(HVA, 16)).isEqualTo(16);
    assertThat(p.hostRead(HVA)).isEqualTo(7);
    assertThat(asked[0]).as("a page that is open is not exported").isEqualTo(4);
    kvm.close();
    exported[0] = false;
    assertThat(kvm.physicalMemory().readByte(Accessor.HOST_KERNEL, 4096)).isNotNegative();
    assertThat(asked[0]).isEqualTo(4);
  }
}
