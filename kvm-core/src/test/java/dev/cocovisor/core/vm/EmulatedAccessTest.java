package dev.cocovisor.core.vm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.core.CoreSettings;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.core.host.PageStats;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What was seen on 6.18 with kvm_pvm, where KVM's emulator makes the guest's accesses. */
class EmulatedAccessTest {
  private static final long HVA = 0x7f10_0000_0000L;

  private final Kvm kvm =
      new Kvm(
          HostConfig.DEFAULT
              .withTdpMmu(false)
              .withSetting(CoreSettings.GUEST_ACCESS.name(), "emulator"),
          List.of());
  private final KvmProcess p = new KvmProcess(kvm);
  private final int vm = (int) p.createVm((int) p.openDevKvm(), 0);
  private final int vcpu = (int) p.createVcpu(vm, 0);

  EmulatedAccessTest() {
    assertThat(p.mmap(HVA, 0x400000, 3, 0x22, -1, 0)).isEqualTo(HVA);
    assertThat(p.setUserMemoryRegion(vm, 0, 0, 0, 0x10000, HVA)).isZero();
    assertThat(p.setUserMemoryRegion(vm, 1, 2, 0x100000, 0x10000, HVA + 0x100000)).isZero();
  }

  private RunResult read(long code, long gpa) {
    return p.guestRun(vcpu, new GuestAction.Read(gpa, code, true));
  }

  private RunResult write(long code, long gpa) {
    return p.guestRun(vcpu, new GuestAction.Write(gpa, 3, code, true));
  }

  @Test
  void bytesAreThoseOfTheUserMappingAndNothingIsMapped() {
    assertThat(write(0x1000, 0x3000)).isEqualTo(RunResult.ok(new Exit.Hlt(-1)));
    assertThat(p.hostRead(HVA + 0x3000)).isEqualTo(3);
    assertThat(read(0x1000, 0x3000)).isEqualTo(RunResult.ok(new Exit.Hlt(3)));
    assertThat(p.stats(vm)).isEqualTo(new PageStats(0, 0, 0));
  }

  @Test
  void whatTheKernelCannotReachIsADevice() {
    assertThat(read(0x1000, 0x55000)).isEqualTo(RunResult.ok(new Exit.Mmio(0x55000, 1, false)));
    assertThat(write(0x1000, 0x100000)).isEqualTo(RunResult.ok(new Exit.Mmio(0x100000, 1, true)));
    assertThat(read(0x1000, 0x100000)).isEqualTo(RunResult.ok(new Exit.Hlt(0)));
    assertThat(p.mprotect(HVA + 0x3000, 0x1000, 1)).isZero();
    assertThat(write(0x1000, 0x3000)).isEqualTo(RunResult.ok(new Exit.Mmio(0x3000, 1, true)));
    assertThat(p.munmap(HVA + 0x3000, 0x1000)).isZero();
    assertThat(read(0x1000, 0x3000)).isEqualTo(RunResult.ok(new Exit.Mmio(0x3000, 1, false)));
  }

  @Test
  void codeThatCannotBeFetchedIsAnInternalError() {
    assertThat(read(0x55000, 0x3000)).isEqualTo(RunResult.ok(new Exit.KvmInternalError(1)));
    assertThat(p.munmap(HVA + 0x1000, 0x1000)).isZero();
    assertThat(read(0x1000, 0x3000)).isEqualTo(RunResult.ok(new Exit.KvmInternalError(1)));
  }
}
