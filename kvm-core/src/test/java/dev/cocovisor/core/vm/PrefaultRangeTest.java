package dev.cocovisor.core.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyBoolean;
import static org.mockito.ArgumentMatchers.anyInt;
import static org.mockito.ArgumentMatchers.anyLong;
import static org.mockito.ArgumentMatchers.eq;
import static org.mockito.Mockito.CALLS_REAL_METHODS;
import static org.mockito.Mockito.doReturn;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.times;
import static org.mockito.Mockito.verify;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.core.host.PageStats;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What KVM_PRE_FAULT_MEMORY writes back, and at which size it maps. */
@SuppressWarnings("NullAway") // a null here fails the test, as it should
class PrefaultRangeTest {
  private static final long BASE = 1L << 30;
  private static final long GFN = BASE >>> 12;
  private static final long HVA = 0x7f60_0000_0000L;
  private static final long M = 2L << 20;
  private static final int EINVAL = -Errno.EINVAL.number();

  private final VmOps ops = mock(VmOps.class, CALLS_REAL_METHODS);
  private final FakeBackend backend = new FakeBackend(ops);
  private final Kvm kvm =
      new Kvm(HostConfig.DEFAULT.withSetting("core.gmem-order", "9"), List.of(backend));
  private final KvmProcess process = new KvmProcess(kvm);
  private int vm;
  private int vcpu;

  @BeforeEach
  void start() {
    doReturn(FakeBackend.MIRRORED).when(ops).traits();
    vm = (int) process.createVm((int) process.openDevKvm(), 5);
    vcpu = (int) process.createVcpu(vm, 0);
    int gmem = (int) process.createGuestMemfd(vm, 2 * M, 0);
    assertThat(process.mmap(HVA, 2 * M, 3, 0x22, -1, 0)).isEqualTo(HVA);
    assertThat(process.setUserMemoryRegion2(vm, 1, 4, BASE, 2 * M, HVA, 0, gmem)).isZero();
    assertThat(process.setMemoryAttributes(vm, BASE, 2 * M, 8, 0)).isZero();
  }

  private void check(long gpa, long size, long answer, long gpaThen, long left) {
    long[] range = {gpa, size};
    assertThat(process.preFaultMemory(vcpu, 0, range)).isEqualTo(answer);
    assertThat(range).containsExactly(gpaThen, left);
  }

  @Test
  void theRangeIsWhatIsLeftHoweverLargeTheMapping() {
    check(BASE + 4096, 4096, 0, BASE + 8192, 0);
    check(BASE + 4096, M, 0, BASE + 4096 + M, 0);
    assertThat(process.stats(vm)).isEqualTo(new PageStats(0, 2, 0));
    verify(ops, times(2)).setExternalSpte(anyLong(), any(), anyLong());
    check(BASE, 2 * M, 0, BASE + 2 * M, 0);
  }

  @Test
  void whatWasDoneCountsAndTheNextCallFails() {
    check(BASE + 2 * M - 4096, 3 * 4096, 0, BASE + 2 * M, 2 * 4096);
    check(BASE + 2 * M, 4096, -Errno.ENOENT.number(), BASE + 2 * M, 4096);
  }

  @Test
  void anErrorInTheMiddleIsToldByTheNextCall() {
    doReturn(Errno.OK, Errno.EIO).when(ops).setExternalSpte(anyLong(), any(), anyLong());
    check(BASE, 2 * M, 0, BASE + M, M);
    check(BASE + M, M, -Errno.EIO.number(), BASE + M, M);
  }

  @Test
  void argumentsAreWholePagesThatDoNotWrapAndNoFlags() {
    assertThat(process.preFaultMemory(vcpu, 1, new long[] {BASE, 4096})).isEqualTo(EINVAL);
    check(BASE + 1, 4096, EINVAL, BASE + 1, 4096);
    check(BASE, 4095, EINVAL, BASE, 4095);
    check(BASE, 0, EINVAL, BASE, 0);
    check(-4096, 4096, EINVAL, -4096, 4096);
    check(-4096, 8192, EINVAL, -4096, 8192);
    check(
        FakeBackend.SHARED_BIT_GFN << 12 | BASE,
        4096,
        EINVAL,
        FakeBackend.SHARED_BIT_GFN << 12 | BASE,
        4096);
  }

  @Test
  void aVcpuInGuestModeAndADeadVmAreRefused() {
    process.vcpu(vcpu).setGuestMode(true);
    check(BASE, 4096, -Errno.EOPNOTSUPP.number(), BASE, 4096);
    process.vcpu(vcpu).setGuestMode(false);
    check(BASE, 4096, 0, BASE + 4096, 0);
  }

  @Test
  void theVendorsHooksBoundTheSize() {
    doReturn(PageLevel.PG_4K).when(ops).gmemMaxMappingLevel(anyLong(), anyInt(), anyBoolean());
    check(BASE, 4096, 0, BASE + 4096, 0);
    verify(ops).setExternalSpte(eq(GFN), eq(PageLevel.PG_4K), anyLong());
    doReturn(PageLevel.PG_1G).when(ops).gmemMaxMappingLevel(anyLong(), anyInt(), anyBoolean());
    doReturn(PageLevel.PG_1G)
        .when(ops)
        .privateMaxMappingLevel(any(), anyLong(), anyLong(), anyBoolean());
    check(BASE + M, 4096, 0, BASE + M + 4096, 0);
    verify(ops).setExternalSpte(eq(GFN + 512), eq(PageLevel.PG_2M), anyLong());
  }

  @Test
  void theLevelAGuestAcceptsAtIsNoMatterOfPreFaulting() {
    doReturn(PageLevel.PG_4K).when(ops).faultLevelHint(any(), anyLong());
    check(BASE, 4096, 0, BASE + 4096, 0);
    assertThat(process.stats(vm)).isEqualTo(new PageStats(0, 1, 0));
  }

  @Test
  void aFolioThatCannotBePreparedIsNotMapped() {
    doReturn(Errno.EIO, Errno.OK).when(ops).gmemPrepare(anyLong(), anyLong(), anyInt());
    check(BASE + 4096, 4096, -Errno.EIO.number(), BASE + 4096, 4096);
    assertThat(process.stats(vm)).isEqualTo(new PageStats(0, 0, 0));
    check(BASE + 4096, 4096, 0, BASE + 8192, 0);
    long pfn = backend.context().gmemPfn(GFN, false);
    verify(ops, times(2)).gmemPrepare(GFN, pfn, 9);
  }
}
