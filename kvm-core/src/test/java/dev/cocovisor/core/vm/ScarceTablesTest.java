package dev.cocovisor.core.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.Mockito.CALLS_REAL_METHODS;
import static org.mockito.Mockito.doReturn;
import static org.mockito.Mockito.mock;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.core.host.PageStats;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A fault of a mirrored VM that finds its page but no frame for a table of the other half. */
@SuppressWarnings("NullAway") // a null here fails the test, as it should
class ScarceTablesTest {
  private static final long BASE = 1L << 30;
  private static final long PAGE = 4096;
  private static final long M = 2L << 20;
  private static final long HVA = 0x7f60_0000_0000L;

  // mmu.c, mmu_topup_memory_caches: there is a table for each level, or the fault ends with ENOMEM.
  @Test
  void isEnomemMapsNothingAndCanBeTriedAgain() {
    VmOps ops = mock(VmOps.class, CALLS_REAL_METHODS);
    doReturn(FakeBackend.MIRRORED).when(ops).traits();
    Kvm kvm = new Kvm(HostConfig.DEFAULT.withMemoryFrames(256), List.of(new FakeBackend(ops)));
    KvmProcess p = new KvmProcess(kvm);
    int vm = (int) p.createVm((int) p.openDevKvm(), 5);
    int vcpu = (int) p.createVcpu(vm, 0);
    int gmem = (int) p.createGuestMemfd(vm, M, 0);
    assertThat(p.mmap(HVA, M, 3, 0x22, -1, 0)).isEqualTo(HVA);
    assertThat(p.setUserMemoryRegion2(vm, 1, 4, BASE, M, HVA, 0, gmem)).isZero();
    assertThat(p.setMemoryAttributes(vm, BASE, M, 8, 0)).isZero();
    assertThat(p.fallocate(gmem, 1, 0, PAGE)).isZero();
    int other = (int) p.createGuestMemfd(vm, M, 0);
    long taken = 0;
    while (p.fallocate(other, 1, taken * PAGE, PAGE) == 0) {
      taken++;
    }
    long[] page = {BASE, PAGE};
    assertThat(p.preFaultMemory(vcpu, 0, page)).isEqualTo(-Errno.ENOMEM.number());
    assertThat(p.stats(vm)).isEqualTo(new PageStats(0, 0, 0));
    assertThat(p.fallocate(other, 3, 0, taken * PAGE)).isZero();
    assertThat(p.preFaultMemory(vcpu, 0, new long[] {BASE, PAGE})).isZero();
    assertThat(p.stats(vm)).isEqualTo(new PageStats(1, 0, 0));
    assertThat(kvm.violations()).isEmpty();
  }
}
