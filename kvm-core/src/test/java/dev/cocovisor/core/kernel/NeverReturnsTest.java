package dev.cocovisor.core.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Pre-population of 6.12 that never returns is a value, not a hang. */
class NeverReturnsTest {
  private static final long PAGE = 4096;

  private static final class Small {
    final KvmProcess process;
    final int vm;
    final int vcpu;
    final long ram;

    Small(String kernel, long type) {
      process = new KvmProcess(new Kvm(HostConfig.DEFAULT.withKernel(kernel), List.of()));
      int dev = (int) process.openDevKvm();
      vm = (int) process.createVm(dev, type);
      vcpu = (int) process.createVcpu(vm, 0);
      ram = process.mmap(0, 16 * PAGE, 3, 0x22, -1, 0);
      assertThat(slot(0, 0, 8)).isZero();
    }

    long slot(int id, long gfn, long pages) {
      return process.setUserMemoryRegion2(vm, id, 0, gfn * PAGE, pages * PAGE, ram, 0, -1);
    }

    long prefault(long gfn) {
      return process.preFaultMemory(vcpu, 0, new long[] {gfn * PAGE, PAGE});
    }
  }

  @Test
  void aRootThatWasThrownAwayKeepsPrePopulationGoingRoundFor612() {
    var m = new Small("6.12", 0);
    assertThat(m.slot(1, 64, 4)).isZero();
    assertThat(m.prefault(0)).isZero();
    assertThat(m.slot(1, 64, 0)).isZero();
    assertThat(m.prefault(1)).isEqualTo(-Errno.EINTR.number());
    assertThat(m.process.preFaultNeverReturned(m.vcpu)).isTrue();
    // The guest's next run frees the root.
    assertThat(m.process.guestRead(m.vcpu, PAGE, PAGE)).isZero();
    assertThat(m.prefault(1)).isZero();
    assertThat(m.process.preFaultNeverReturned(m.vcpu)).isFalse();
  }

  @Test
  void aVcpuWithoutARootHasNoneToKeep() {
    var m = new Small("6.12", 0);
    assertThat(m.slot(1, 64, 4)).isZero();
    assertThat(m.slot(1, 64, 0)).isZero();
    assertThat(m.prefault(1)).isZero();
  }

  @Test
  void laterKernelsFreeIt() {
    var m = new Small("7.3", 0);
    assertThat(m.slot(1, 64, 4)).isZero();
    assertThat(m.prefault(0)).isZero();
    assertThat(m.slot(1, 64, 0)).isZero();
    assertThat(m.prefault(1)).isZero();
    assertThat(m.process.preFaultNeverReturned(m.vcpu)).isFalse();
  }

  @Test
  void aSoftwareProtectedVmKeepsItsRoot() {
    var m = new Small("6.12", 1);
    assertThat(m.slot(1, 64, 4)).isZero();
    assertThat(m.prefault(0)).isZero();
    assertThat(m.slot(1, 64, 0)).isZero();
    assertThat(m.prefault(1)).isZero();
  }
}
