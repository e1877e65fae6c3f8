package dev.cocovisor.core.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyBoolean;
import static org.mockito.ArgumentMatchers.anyLong;
import static org.mockito.ArgumentMatchers.eq;
import static org.mockito.Mockito.CALLS_REAL_METHODS;
import static org.mockito.Mockito.doAnswer;
import static org.mockito.Mockito.doReturn;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.verify;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.ops.PrivateRule;
import dev.cocovisor.api.ops.StageShape;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.ops.VmTraits;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.core.host.PageStats;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The registry of a delegated stage whose trusted half takes blocks, splits and replaces them. */
@SuppressWarnings("NullAway") // a null here fails the test, as it should
class DelegatedBlocksTest {
  private static final long BASE = 1L << 31;
  private static final long GFN = BASE >>> 12;
  private static final long HVA = 0x7f60_0000_0000L;
  private static final long M = 2L << 20;
  private static final VmTraits BLOCKS =
      VmTraits.of(StageShape.DELEGATED)
          .withPrivateMemory(true)
          .withPrivateRule(PrivateRule.SHARED_BIT)
          .withSharedGfnMask(FakeBackend.SHARED_BIT_GFN)
          .withMaxPrivateLevel(PageLevel.PG_2M)
          .withProtectedState(true);

  private final VmOps ops = mock(VmOps.class, CALLS_REAL_METHODS);
  private final FakeBackend backend = new FakeBackend(ops, Architecture.ARM64);
  private final Kvm kvm =
      new Kvm(
          HostConfig.DEFAULT
              .withArchitecture(Architecture.ARM64)
              .withSetting("core.gmem-order", "9"),
          List.of(backend));
  private final KvmProcess process = new KvmProcess(kvm);
  private int vm;
  private int vcpu;
  private int gmem;

  @BeforeEach
  void start() {
    doReturn(BLOCKS).when(ops).traits();
    doAnswer(call -> call.getArgument(2))
        .when(ops)
        .delegatedMaxLevel(anyLong(), anyLong(), any(), anyBoolean());
    vm = (int) process.createVm((int) process.openDevKvm(), FakeBackend.ARM_TYPE);
    vcpu = (int) process.createVcpu(vm, 0);
    gmem = (int) process.createGuestMemfd(vm, 2 * M, 0);
    assertThat(process.mmap(HVA, 2 * M, 3, 0x22, -1, 0)).isEqualTo(HVA);
    assertThat(process.setUserMemoryRegion2(vm, 0, 4, BASE, 2 * M, HVA, 0, gmem)).isZero();
    assertThat(process.setMemoryAttributes(vm, BASE, 2 * M, 8, 0)).isZero();
  }

  @AfterEach
  void nothingIsBroken() {
    assertThat(kvm.violations()).isEmpty();
  }

  private Errno read(long gpa) {
    return process.guestRun(vcpu, new GuestAction.Read(gpa)).errno();
  }

  private PageStats stats() {
    return process.stats(vm);
  }

  private void small() {
    doReturn(PageLevel.PG_4K)
        .when(ops)
        .delegatedMaxLevel(anyLong(), anyLong(), any(), anyBoolean());
  }

  private void large() {
    doReturn(PageLevel.PG_2M)
        .when(ops)
        .delegatedMaxLevel(anyLong(), anyLong(), any(), anyBoolean());
  }

  @Test
  void aBlockIsAskedForAtItsFirstPageAndFrame() {
    assertThat(read(BASE + 7 * 4096)).isEqualTo(Errno.OK);
    long pfn = backend.context().gmemPfn(GFN, false);
    verify(ops).mapDelegated(any(), eq(GFN), eq(pfn), eq(PageLevel.PG_2M), eq(true), eq(true));
    assertThat(stats()).isEqualTo(new PageStats(0, 1, 0));
    assertThat(backend.context().mappedPfn(GFN + 9, true)).isEqualTo(pfn + 9);
  }

  @Test
  void aSmallerMappingIsOfThePagesOwnFrame() {
    small();
    assertThat(read(BASE + 7 * 4096)).isEqualTo(Errno.OK);
    long pfn = backend.context().gmemPfn(GFN + 7, false);
    verify(ops).mapDelegated(any(), eq(GFN + 7), eq(pfn), eq(PageLevel.PG_4K), eq(true), eq(true));
    assertThat(stats()).isEqualTo(new PageStats(1, 0, 0));
  }

  // arch/arm64/kvm/pkvm.c, pkvm_mapping: what a block took the place of is no mapping any more.
  @Test
  void aBlockTakesThePlaceOfThePagesBelowIt() {
    small();
    for (long i : new long[] {0, 1, 511}) {
      assertThat(read(BASE + i * 4096)).isEqualTo(Errno.OK);
    }
    assertThat(read(BASE + M)).isEqualTo(Errno.OK);
    assertThat(stats()).isEqualTo(new PageStats(4, 0, 0));
    large();
    assertThat(read(BASE + 5 * 4096)).isEqualTo(Errno.OK);
    assertThat(stats()).as("the neighbour stays").isEqualTo(new PageStats(1, 1, 0));
  }

  @Test
  void convertingAPageOfABlockSplitsItAndTakesThePageAlone() {
    doReturn(Errno.OK).when(ops).splitDelegated(anyLong(), any(), anyBoolean());
    read(BASE);
    assertThat(process.setMemoryAttributes(vm, BASE + 4096, 4096, 0, 0)).isZero();
    verify(ops).splitDelegated(GFN, PageLevel.PG_2M, true);
    long pfn = backend.context().gmemPfn(GFN + 1, false);
    verify(ops).unmapDelegated(GFN + 1, pfn, PageLevel.PG_4K, true);
    verify(ops, never()).unmapDelegated(eq(GFN), anyLong(), any(), anyBoolean());
    assertThat(stats()).isEqualTo(new PageStats(511, 0, 0));
    assertThat(backend.context().mappedPfn(GFN + 2, true)).isEqualTo(pfn + 1);
  }

  @Test
  void bothEndsOfARangeAreSplit() {
    doReturn(Errno.OK).when(ops).splitDelegated(anyLong(), any(), anyBoolean());
    read(BASE);
    read(BASE + M);
    assertThat(process.setMemoryAttributes(vm, BASE + M - 4096, 2 * 4096, 0, 0)).isZero();
    assertThat(stats()).isEqualTo(new PageStats(2 * 511, 0, 0));
  }

  @Test
  void whatCannotBeSplitGoesWhole() {
    read(BASE);
    read(BASE + M);
    assertThat(process.setMemoryAttributes(vm, BASE + 4096, 4096, 0, 0)).isZero();
    verify(ops).unmapDelegated(eq(GFN), anyLong(), eq(PageLevel.PG_2M), eq(true));
    assertThat(stats()).isEqualTo(new PageStats(0, 1, 0));
  }

  @Test
  void aSplitThatFindsNoMemoryFailsTheConversionWithNothingLost() {
    doReturn(Errno.ENOMEM).when(ops).splitDelegated(anyLong(), any(), anyBoolean());
    read(BASE);
    assertThat(process.setMemoryAttributes(vm, BASE + 4096, 4096, 0, 0))
        .isEqualTo(-Errno.ENOMEM.number());
    assertThat(backend.context().isPrivate(GFN + 1)).isTrue();
    assertThat(stats()).isEqualTo(new PageStats(0, 1, 0));
    verify(ops, never()).unmapDelegated(anyLong(), anyLong(), any(), anyBoolean());
  }

  @Test
  void aHoleAlignedToABlockSplitsNothing() {
    read(BASE);
    read(BASE + M);
    assertThat(process.fallocate(gmem, 3, M, M)).isZero();
    verify(ops, never()).splitDelegated(anyLong(), any(), anyBoolean());
    assertThat(stats()).isEqualTo(new PageStats(0, 1, 0));
    assertThat(backend.context().mappedLevel(GFN + 600, true)).isNull();
    assertThat(backend.context().mappedLevel(GFN + 5, true)).isEqualTo(PageLevel.PG_2M);
  }

  @Test
  void aMappingThatIsThereIsNotMadeAgain() {
    read(BASE);
    var c = backend.context();
    assertThat(c.mapPage(c.vcpus().get(0), BASE + 4096, true)).isEqualTo(Errno.OK);
    verify(ops).mapDelegated(any(), anyLong(), anyLong(), any(), anyBoolean(), anyBoolean());
    verify(ops).refaultDelegated(any(), eq(GFN + 1), eq(true));
    doReturn(Errno.EPERM).when(ops).refaultDelegated(any(), anyLong(), anyBoolean());
    assertThat(c.mapPage(c.vcpus().get(0), BASE + 4096, true)).isEqualTo(Errno.EPERM);
  }

  @Test
  void splittingToAPageLeavesOtherBlocksAlone() {
    doReturn(Errno.OK).when(ops).splitDelegated(anyLong(), any(), anyBoolean());
    read(BASE);
    read(BASE + M);
    var c = backend.context();
    c.mmuLock().lock();
    assertThat(c.splitTo(GFN + 600, PageLevel.PG_4K)).isEqualTo(Errno.OK);
    assertThat(c.splitTo(GFN + 600, PageLevel.PG_4K)).isEqualTo(Errno.OK);
    c.mmuLock().unlock();
    verify(ops).splitDelegated(GFN + 512, PageLevel.PG_2M, true);
    assertThat(stats()).isEqualTo(new PageStats(512, 1, 0));
    long pfn = backend.context().gmemPfn(GFN + 600, false);
    assertThat(c.mappedPfn(GFN + 600, true)).isEqualTo(pfn);
  }

  // ops.MappingOps.delegatedMaxLevel: what is asked for is the page that the guest touched.
  @Test
  void theLargestBlockIsAskedForByTheFrameOfThePage() {
    assertThat(read(BASE + 5 * 4096)).isEqualTo(Errno.OK);
    long pfn = backend.context().gmemPfn(GFN + 5, false);
    verify(ops).delegatedMaxLevel(GFN + 5, pfn, PageLevel.PG_2M, true);
  }
}
