package dev.cocovisor.core.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyBoolean;
import static org.mockito.ArgumentMatchers.anyInt;
import static org.mockito.ArgumentMatchers.anyLong;
import static org.mockito.ArgumentMatchers.eq;
import static org.mockito.Mockito.CALLS_REAL_METHODS;
import static org.mockito.Mockito.doReturn;
import static org.mockito.Mockito.inOrder;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.verify;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.mockito.InOrder;

/** What a backend with an external table sees, in which order. */
@SuppressWarnings("NullAway") // a null here fails the test, as it should
class MirroredHooksTest {
  private static final long BASE = 1L << 30;
  private static final long GFN = BASE >>> 12;
  private static final long M = 2L << 20;

  private final VmOps ops = mock(VmOps.class, CALLS_REAL_METHODS);
  private final FakeBackend backend = new FakeBackend(ops);
  private final Kvm kvm =
      new Kvm(HostConfig.DEFAULT.withSetting("core.gmem-order", "9"), List.of(backend));
  private final KvmProcess process = new KvmProcess(kvm);
  private int vm;
  private int vcpu;
  private int gmem;

  @BeforeEach
  void start() {
    doReturn(FakeBackend.MIRRORED).when(ops).traits();
    vm = (int) process.createVm((int) process.openDevKvm(), 5);
    vcpu = (int) process.createVcpu(vm, 0);
    gmem = (int) process.createGuestMemfd(vm, 2 * M, 0);
    long hva = process.mmap(0, 2 * M, 3, 0x22, -1, 0);
    // Alike aligned addresses, or no huge page would be allowed.
    long aligned = process.mmap(0x7f60_0000_0000L, 2 * M, 3, 0x22, -1, 0);
    assertThat(hva).isPositive();
    assertThat(process.setUserMemoryRegion2(vm, 1, 4, BASE, 2 * M, aligned, 0, gmem)).isZero();
    assertThat(process.setMemoryAttributes(vm, BASE, 2 * M, 8, 0)).isZero();
  }

  @AfterEach
  void nothingIsBroken() {
    assertThat(kvm.violations()).isEmpty();
  }

  private long prefault(long gpa, long size) {
    return process.preFaultMemory(vcpu, 0, new long[] {gpa, size});
  }

  @Test
  void aFaultLinksTablesFromTheTopAndThenSetsTheLeaf() {
    assertThat(prefault(BASE, 4096)).isZero();
    InOrder order = inOrder(ops);
    order.verify(ops).gmemPrepare(eq(GFN), anyLong(), eq(9));
    order.verify(ops).privateMaxMappingLevel(any(), anyLong(), eq(GFN), eq(true));
    order.verify(ops).linkExternalSpt(eq(0L), eq(PageLevel.PG_512G), anyLong());
    order.verify(ops).linkExternalSpt(eq(GFN), eq(PageLevel.PG_1G), anyLong());
    order.verify(ops).setExternalSpte(eq(GFN), eq(PageLevel.PG_2M), anyLong());
    assertThat(process.stats(vm).pages2m()).isEqualTo(1);
    assertThat(prefault(BASE + 4096, 4096)).isZero();
    verify(ops).setExternalSpte(anyLong(), any(), anyLong());
  }

  @Test
  void s38_5_preFaultBeforeTheVendorAllowsItIsNotSupported() {
    doReturn(false).when(ops).preFaultAllowed();
    assertThat(prefault(BASE, 4096)).isEqualTo(-Errno.EOPNOTSUPP.number());
    assertThat(process.preFaultMemory(vcpu, 0, new long[] {BASE, 1}))
        .as("the arguments come first")
        .isEqualTo(-Errno.EINVAL.number());
    doReturn(true).when(ops).preFaultAllowed();
    assertThat(prefault(BASE, 4096)).isZero();
  }

  @Test
  void aPartialConversionSplitsThenRemovesOnePage() {
    prefault(BASE, M);
    assertThat(process.setMemoryAttributes(vm, BASE, 4096, 0, 0)).isZero();
    InOrder order = inOrder(ops);
    order
        .verify(ops)
        .splitExternalSpt(eq(GFN), eq(PageLevel.PG_2M), anyLong(), anyLong(), eq(false));
    order.verify(ops).removeExternalSpte(eq(GFN), eq(PageLevel.PG_4K), anyLong());
    assertThat(process.stats(vm).pages4k()).isEqualTo(511);
  }

  @Test
  void aSplitThatFailsFailsTheIoctlAndZapsNothing() {
    prefault(BASE, M);
    doReturn(Errno.ENOMEM)
        .when(ops)
        .splitExternalSpt(anyLong(), any(), anyLong(), anyLong(), anyBoolean());
    assertThat(process.setMemoryAttributes(vm, BASE + 4096, 4096, 0, 0))
        .isEqualTo(-Errno.ENOMEM.number());
    assertThat(process.fallocate(gmem, 3, 4096, 4096)).isEqualTo(-Errno.ENOMEM.number());
    verify(ops, never()).removeExternalSpte(anyLong(), any(), anyLong());
    assertThat(backend.context().isPrivate(GFN + 1)).isTrue();
    assertThat(process.stats(vm).pages2m()).isEqualTo(1);
  }

  @Test
  void theMirrorNeverMerges() {
    doReturn(PageLevel.PG_4K)
        .when(ops)
        .privateMaxMappingLevel(any(), anyLong(), anyLong(), anyBoolean());
    prefault(BASE, 4096);
    doReturn(null).when(ops).privateMaxMappingLevel(any(), anyLong(), anyLong(), anyBoolean());
    assertThat(prefault(BASE + 8192, 4096)).isZero();
    verify(ops).setExternalSpte(eq(GFN + 2), eq(PageLevel.PG_4K), anyLong());
    assertThat(process.stats(vm).pages4k()).isEqualTo(2);
    assertThat(process.stats(vm).pages2m()).isZero();
  }

  @Test
  void aBusyHookRetriesAndAnotherErrorEndsTheFault() {
    doReturn(Errno.EBUSY, Errno.OK).when(ops).setExternalSpte(anyLong(), any(), anyLong());
    assertThat(prefault(BASE, M)).isZero();
    doReturn(Errno.EIO).when(ops).setExternalSpte(anyLong(), any(), anyLong());
    assertThat(prefault(BASE + M, M)).isEqualTo(-Errno.EIO.number());
    doReturn(Errno.ENOSPC).when(ops).linkExternalSpt(anyLong(), any(), anyLong());
    assertThat(process.stats(vm).pages2m()).isEqualTo(1);
  }

  @Test
  void aGuestThatAcceptsSmallPagesGetsTheLeafSplitUnderTheExclusiveLock() {
    prefault(BASE, M);
    doReturn(PageLevel.PG_4K).when(ops).faultLevelHint(any(), anyLong());
    doReturn(Errno.EAGAIN)
        .when(ops)
        .splitExternalSpt(anyLong(), any(), anyLong(), anyLong(), eq(true));
    doReturn(-2L, -1L).when(ops).guestWalk(any(), anyLong(), any(), anyBoolean());
    assertThat(process.guestRun(vcpu, new GuestAction.Read(BASE)).exit())
        .isEqualTo(new Exit.Hlt(0));
    verify(ops).splitExternalSpt(anyLong(), any(), anyLong(), anyLong(), eq(false));
    assertThat(process.stats(vm).pages4k()).isEqualTo(512);
  }

  @Test
  void sharedAccessesUseTheDirectRootAndLeaveTheMirrorAlone() {
    long shared = BASE | FakeBackend.SHARED_BIT_GFN << 12;
    var r = process.guestRun(vcpu, new GuestAction.Read(shared));
    assertThat(r.errno()).isEqualTo(Errno.EFAULT);
    assertThat(r.exit()).isEqualTo(new Exit.MemoryFault(0, BASE, 4096));
    process.setMemoryAttributes(vm, BASE, M, 0, 0);
    assertThat(process.guestRun(vcpu, new GuestAction.Write(shared, 7)).errno())
        .isEqualTo(Errno.OK);
    verify(ops, never()).setExternalSpte(anyLong(), any(), anyLong());
    assertThat(process.madvise(0x7f60_0000_0000L, M, 4)).isZero();
    assertThat(process.stats(vm).pages4k()).isZero();
  }

  @Test
  void punchingAHoleRemovesThenFreesTheFrames() {
    prefault(BASE, M);
    assertThat(process.fallocate(gmem, 3, 0, M)).isZero();
    InOrder order = inOrder(ops);
    order.verify(ops).removeExternalSpte(eq(GFN), eq(PageLevel.PG_2M), anyLong());
    order.verify(ops).gmemInvalidate(anyLong(), anyLong());
  }

  @Test
  void teardownZapsFreesTablesReclaimsAndThenDestroys() {
    prefault(BASE, M);
    process.close(vcpu);
    process.close(vm);
    verify(ops, never()).vmPreDestroy();
    process.close(gmem);
    InOrder order = inOrder(ops);
    order.verify(ops).removeExternalSpte(eq(GFN), eq(PageLevel.PG_2M), anyLong());
    order.verify(ops).vmPreDestroy();
    order.verify(ops).vcpuFree(any());
    order.verify(ops).freeExternalSpt(eq(GFN), eq(PageLevel.PG_1G), anyLong());
    order.verify(ops).freeExternalSpt(eq(0L), eq(PageLevel.PG_512G), anyLong());
    order.verify(ops).guestMemoryReclaimed();
    order.verify(ops).vmDestroy();
    process.exit();
    assertThat(kvm.memory().allocatedFrames()).isEqualTo(1);
  }

  @Test
  void aTablePageThatIsNotGivenBackIsLeaked() {
    prefault(BASE, M);
    doReturn(Errno.EIO).when(ops).freeExternalSpt(anyLong(), any(), anyLong());
    process.exit();
    assertThat(kvm.memory().allocatedFrames()).isEqualTo(3);
  }

  @Test
  void aLeafThatCannotBeRemovedKillsTheVm() {
    prefault(BASE, M);
    doReturn(Errno.EIO).when(ops).removeExternalSpte(anyLong(), any(), anyLong());
    process.setMemoryAttributes(vm, BASE, M, 0, 0);
    assertThat(backend.context().isDead()).isTrue();
    assertThat(process.vm(vm).bugText()).contains("remove_external_spte");
    assertThat(process.setMemoryAttributes(vm, BASE, M, 8, 0)).isEqualTo(-Errno.EIO.number());
    assertThat(process.guestRun(vcpu, new GuestAction.Read(BASE)).errno()).isEqualTo(Errno.EIO);
    assertThat(process.createGuestMemfd(vm, M, 0)).isEqualTo(-Errno.EIO.number());
    assertThat(process.createVcpu(vm, 3)).isEqualTo(-Errno.EIO.number());
    assertThat(prefault(BASE, M)).isEqualTo(-Errno.EIO.number());
  }

  @Test
  void populateHandsEachBlockOverUnderTheInvalidateLock() {
    var context = backend.context();
    List<Long> seen = new ArrayList<>();
    context.slotsLock().lock();
    long done =
        context.populate(
            GFN,
            0x7f60_0000_0000L,
            600,
            (gfn, pfn, from, orderOf) -> {
              seen.add(gfn);
              assertThat(context.mapPage(context.vcpus().get(0), gfn << 12, true))
                  .isEqualTo(Errno.OK);
              return Errno.OK;
            });
    assertThat(done).isEqualTo(600);
    assertThat(seen).hasSize(89).startsWith(GFN, GFN + 512, GFN + 513);
    assertThat(context.mappedLevel(GFN, true)).isEqualTo(PageLevel.PG_2M);
    assertThat(context.mappedPfn(GFN + 5, true)).isEqualTo(context.gmemPfn(GFN + 5, false));
    assertThat(context.populate(0, 0, 1, (a, b, c, d) -> Errno.OK)).isEqualTo(-22);
    assertThat(context.populate(GFN, 0, 0, (a, b, c, d) -> Errno.OK)).isEqualTo(-22);
    assertThat(context.populate(GFN, 4096, 1, (a, b, c, d) -> Errno.OK)).isEqualTo(-14);
    assertThat(context.populate(GFN, 0, 1, (a, b, c, d) -> Errno.EIO)).isEqualTo(-5);
    context.slotsLock().unlock();
    process.setMemoryAttributes(vm, BASE, 4096, 0, 0);
    context.slotsLock().lock();
    assertThat(context.populate(GFN, 0, 1, (a, b, c, d) -> Errno.OK)).isEqualTo(-22);
    context.slotsLock().unlock();
  }

  @Test
  void theContextSplitsZapsCopiesAndTells() {
    prefault(BASE, 2 * M);
    var c = backend.context();
    c.mmuLock().lock();
    assertThat(c.splitTo(GFN, PageLevel.PG_4K)).isEqualTo(Errno.OK);
    assertThat(c.splitRange(GFN + 513, GFN + 514)).isEqualTo(Errno.OK);
    c.zapRange(GFN + 513, GFN + 514);
    c.mmuLock().unlock();
    assertThat(c.mappedLevel(GFN + 512, true)).isEqualTo(PageLevel.PG_4K);
    assertThat(c.mappedLevel(GFN + 513, true)).isNull();
    assertThat(c.mappedPfn(GFN + 513, true)).isEqualTo(-1);
    assertThat(c.slotOf(GFN)).isNotNull();
    assertThat(c.slots()).hasSize(1);
    assertThat(c.rangeIs(GFN, GFN + 1024, true)).isTrue();
    byte[] b = {1, 2, 3};
    assertThat(c.copyToUser(0x7f60_0000_0ffeL, b, 0, 3)).isEqualTo(Errno.OK);
    byte[] back = new byte[3];
    assertThat(c.copyFromUser(0x7f60_0000_0ffeL, back, 0, 3)).isEqualTo(Errno.OK);
    assertThat(back).isEqualTo(b);
    assertThat(c.copyFromUser(8, back, 0, 3)).isEqualTo(Errno.EFAULT);
    assertThat(c.copyToUser(8, back, 0, 3)).isEqualTo(Errno.EFAULT);
    long pfn = c.pinUserPage(0x7f60_0000_0000L);
    c.unpinUserPage(pfn);
    assertThat(c.pinUserPage(8)).isEqualTo(-14);
    assertThat(c.id()).isEqualTo(1);
    assertThat(c.type().number()).isEqualTo(5);
    assertThat(c.host()).isSameAs(kvm);
    assertThat(c.exitHypercalls()).isZero();
    assertThat(process.enableCap(vm, 201, 0, 1 << 12)).isZero();
    assertThat(c.exitHypercalls()).isEqualTo(1 << 12);
    c.kickVcpus();
    c.flushRemoteTlbs();
    c.leak(3, 2, "for the test");
    assertThat(process.vm(vm).leakedFrames()).isEqualTo(2);
    assertThat(c.kvmLock().held()).isFalse();
    assertThat(process.checkExtension(vm, 999)).isEqualTo(42);
    verify(ops, never()).guestAction(any(), any());
    verify(ops, never()).enableCap(anyInt(), anyLong(), anyLong());
  }
}
