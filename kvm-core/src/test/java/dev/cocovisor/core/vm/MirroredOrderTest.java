package dev.cocovisor.core.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyInt;
import static org.mockito.ArgumentMatchers.anyLong;
import static org.mockito.ArgumentMatchers.eq;
import static org.mockito.Mockito.CALLS_REAL_METHODS;
import static org.mockito.Mockito.clearInvocations;
import static org.mockito.Mockito.doAnswer;
import static org.mockito.Mockito.doReturn;
import static org.mockito.Mockito.inOrder;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.verify;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.ops.LifecycleOps.SlotChange;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.attr.AttributeRuns;
import dev.cocovisor.core.attr.AttributeStore;
import dev.cocovisor.core.gmem.BackingStore;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.core.host.PageStats;
import dev.cocovisor.core.slot.MemSlot;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What comes before what for memory of a mirrored VM, and what is as before after a refusal. */
@SuppressWarnings("NullAway") // a null here fails the test, as it should
class MirroredOrderTest {
  private static final long BASE = 1L << 30;
  private static final long GFN = BASE >>> 12;
  private static final long HVA = 0x7f60_0000_0000L;
  private static final long M = 2L << 20;

  /** Runs something right before attributes change, when everything was zapped. */
  private final class Store implements AttributeStore {
    private final AttributeRuns tree = new AttributeRuns();

    @Override
    public int get(long gfn) {
      return tree.get(gfn);
    }

    @Override
    public boolean isUniform(long gfn, PageLevel level) {
      return tree.isUniform(gfn, level);
    }

    @Override
    public boolean rangeIs(long start, long end, int mask, int want) {
      return tree.rangeIs(start, end, mask, want);
    }

    @Override
    public void set(long start, long end, int value) {
      Runnable now = beforeAttributes;
      beforeAttributes = null;
      if (now != null) {
        now.run();
      }
      tree.set(start, end, value);
    }
  }

  private @Nullable Runnable beforeAttributes;
  private final VmOps ops = mock(VmOps.class, CALLS_REAL_METHODS);
  private final FakeBackend backend = new FakeBackend(ops);
  private final Kvm kvm =
      new Kvm(
          HostConfig.DEFAULT.withSetting("core.gmem-order", "9").withSetting("core.retries", "3"),
          List.of(backend),
          TraceSink.OFF,
          CoreParts.DEFAULT.withAttributes(_ -> new Store()));
  private final KvmProcess process = new KvmProcess(kvm);
  private int vm;
  private int vcpu;
  private int gmem;

  @BeforeEach
  void start() {
    doReturn(FakeBackend.MIRRORED).when(ops).traits();
    vm = (int) process.createVm((int) process.openDevKvm(), 5);
    vcpu = (int) process.createVcpu(vm, 0);
    gmem = (int) process.createGuestMemfd(vm, 3 * M, 0);
    assertThat(process.mmap(HVA, 3 * M, 3, 0x22, -1, 0)).isEqualTo(HVA);
    assertThat(process.setUserMemoryRegion2(vm, 1, 4, BASE, 2 * M, HVA, 0, gmem)).isZero();
    assertThat(process.setMemoryAttributes(vm, BASE, 2 * M, 8, 0)).isZero();
  }

  @AfterEach
  void nothingIsBroken() {
    assertThat(kvm.violations()).isEmpty();
  }

  private long prefault(long gpa, long size) {
    return process.preFaultMemory(vcpu, 0, new long[] {gpa, size});
  }

  private PageStats stats() {
    return process.stats(vm);
  }

  private MemSlot slot() {
    return process.vm(vm).slotsOf(0).find(GFN);
  }

  private long delete() {
    return process.setUserMemoryRegion2(vm, 1, 4, BASE, 0, HVA, 0, gmem);
  }

  // mmu.c, kvm_arch_pre_set_memory_attributes: head and tail huge pages are invalidated with it.
  @Test
  void aHugePageThatTheRangeCutsIsNotInstalledWhileAttributesChange() {
    List<Long> answers = new ArrayList<>();
    beforeAttributes =
        () -> {
          answers.add(prefault(BASE + 5 * 4096, 4096));
          answers.add(prefault(BASE + 2 * M - 4096, 4096));
        };
    assertThat(process.setMemoryAttributes(vm, BASE + M - 4096, 2 * 4096, 0, 0)).isZero();
    assertThat(answers).as("tried until the core gave up").hasSize(2).allMatch(r -> r < 0);
    assertThat(stats().pages2m()).isZero();
    assertThat(prefault(BASE + 5 * 4096, 4096)).isZero();
    assertThat(stats().pages4k()).isEqualTo(1);
  }

  @Test
  void aFaultOutsideTheHugePagesOfARangeGoesThroughWhileAttributesChange() {
    List<Long> answers = new ArrayList<>();
    beforeAttributes = () -> answers.add(prefault(BASE + M + 4096, 4096));
    assertThat(process.setMemoryAttributes(vm, BASE + 4096, 4096, 0, 0)).isZero();
    assertThat(answers).containsExactly(0L);
  }

  // kvm_main.c: kvm_arch_guest_memory_reclaimed follows the flush; kvm_gmem_unbind is the last.
  @Test
  void aSlotsMemoryIsReclaimedAfterItsLeavesWentAndWhileItIsStillBound() {
    prefault(BASE, M);
    MemSlot slot = slot();
    BackingStore store = slot.gmem();
    List<Boolean> bound = new ArrayList<>();
    doAnswer(_ -> bound.add(store.isBound(slot, 0))).when(ops).guestMemoryReclaimed();
    assertThat(delete()).isZero();
    assertThat(bound).containsExactly(true);
    assertThat(store.isBound(slot, 0)).isFalse();
    var order = inOrder(ops);
    order.verify(ops).removeExternalSpte(eq(GFN), eq(PageLevel.PG_2M), anyLong());
    order.verify(ops).guestMemoryReclaimed();
    order.verify(ops).commitMemoryRegion(eq(SlotChange.DELETE), any(), any());
  }

  // mmu.c, kvm_mmu_faultin_pfn: EAGAIN, so that whoever pre-faults does not wait for the update.
  @Test
  void aPreFaultInASlotThatGoesIsToldToTryAgain() {
    List<Long> answers = new ArrayList<>();
    doAnswer(
            _ -> {
              answers.add(prefault(BASE, 4096));
              return Errno.OK;
            })
        .when(ops)
        .prepareMemoryRegion(eq(SlotChange.DELETE), any(), any());
    assertThat(delete()).isZero();
    assertThat(answers).containsExactly((long) -Errno.EAGAIN.number());
    assertThat(prefault(BASE, 4096)).as("there is none now").isEqualTo(-Errno.EFAULT.number());
  }

  @Test
  void aDeleteThatTheVendorRefusesLeavesTheSlotInUse() {
    doReturn(Errno.EIO).when(ops).prepareMemoryRegion(eq(SlotChange.DELETE), any(), any());
    assertThat(delete()).isEqualTo(-Errno.EIO.number());
    assertThat(prefault(BASE, 4096)).isZero();
  }

  // guest_memfd.c, kvm_gmem_get_pfn and its folio_mark_uptodate: once in a page's life, whatever
  // becomes of the folio.
  @Test
  void pagesOfAFolioThatSplitStayPrepared() {
    prefault(BASE, M);
    assertThat(process.fallocate(gmem, 3, 4096, 4096)).isZero();
    assertThat(process.setMemoryAttributes(vm, BASE + 2 * 4096, 4096, 0, 0)).isZero();
    assertThat(process.setMemoryAttributes(vm, BASE + 2 * 4096, 4096, 8, 0)).isZero();
    clearInvocations(ops);
    assertThat(prefault(BASE + 2 * 4096, 4096)).isZero();
    verify(ops, never()).gmemPrepare(anyLong(), anyLong(), anyInt());
    assertThat(prefault(BASE + 4096, 4096)).isZero();
    verify(ops).gmemPrepare(eq(GFN + 1), anyLong(), eq(0));
  }

  // tdp_mmu.c, tdp_mmu_link_sp and __tdp_mmu_set_spte_atomic: nothing is left of what was refused.
  @Test
  void aRefusedLinkGivesItsTableBackAndCanBeMadeAgain() {
    doReturn(Errno.ENOSPC).when(ops).linkExternalSpt(anyLong(), any(), anyLong());
    assertThat(prefault(BASE, M)).isEqualTo(-Errno.ENOSPC.number());
    long frames = kvm.memory().allocatedFrames();
    assertThat(prefault(BASE, M)).isEqualTo(-Errno.ENOSPC.number());
    assertThat(kvm.memory().allocatedFrames()).isEqualTo(frames);
    assertThat(process.vm(vm).stage().externalTablePages()).isZero();
    doReturn(Errno.OK).when(ops).linkExternalSpt(anyLong(), any(), anyLong());
    assertThat(prefault(BASE, M)).isZero();
    assertThat(stats().pages2m()).isEqualTo(1);
  }

  @Test
  void aRefusedLeafCanBeSetAgain() {
    doReturn(Errno.EIO, Errno.OK).when(ops).setExternalSpte(anyLong(), any(), anyLong());
    assertThat(prefault(BASE, M)).isEqualTo(-Errno.EIO.number());
    assertThat(stats().pages2m()).isZero();
    assertThat(prefault(BASE, M)).isZero();
    assertThat(stats().pages2m()).isEqualTo(1);
  }

  @Test
  void aRefusedSplitGivesItsTableBackAndLeavesTheHugeLeaf() {
    prefault(BASE, M);
    long frames = kvm.memory().allocatedFrames();
    doReturn(Errno.EIO, Errno.OK)
        .when(ops)
        .splitExternalSpt(anyLong(), any(), anyLong(), anyLong(), eq(false));
    assertThat(process.setMemoryAttributes(vm, BASE, 4096, 0, 0)).isEqualTo(-Errno.EIO.number());
    assertThat(kvm.memory().allocatedFrames()).isEqualTo(frames);
    assertThat(stats()).isEqualTo(new PageStats(0, 1, 0));
    assertThat(process.setMemoryAttributes(vm, BASE, 4096, 0, 0)).isZero();
    assertThat(stats()).isEqualTo(new PageStats(511, 0, 0));
  }

  // The TDX huge page series, kvm_split_cross_boundary_leafs: at both ends, nowhere between.
  @Test
  void aRangeSplitsTheHugeLeavesAtBothItsEnds() {
    prefault(BASE, 2 * M);
    assertThat(process.setMemoryAttributes(vm, BASE + M - 4096, 2 * 4096, 0, 0)).isZero();
    assertThat(stats()).isEqualTo(new PageStats(2 * 511, 0, 0));
  }

  @Test
  void aRangeOfWholeHugePagesSplitsNothing() {
    prefault(BASE, 2 * M);
    assertThat(process.setMemoryAttributes(vm, BASE + M, M, 0, 0)).isZero();
    assertThat(stats()).isEqualTo(new PageStats(0, 1, 0));
    verify(ops, never()).splitExternalSpt(anyLong(), any(), anyLong(), anyLong(), eq(false));
  }

  // guest_memfd.c, kvm_gmem_punch_hole: the pages of the hole, and the vendor is told of each.
  @Test
  void aHoleTakesItsOwnPagesOfAFolioAndNoOthers() {
    prefault(BASE, M);
    long pfn = backend.context().gmemPfn(GFN, false);
    assertThat(process.fallocate(gmem, 3, 0, 4096)).isZero();
    verify(ops).gmemInvalidate(pfn, pfn + 1);
    assertThat(process.guestMemfd(gmem).pages()).isEqualTo(511);
    assertThat(stats().pages4k()).isEqualTo(511);
    assertThat(process.fallocate(gmem, 3, M - 4096, 2 * 4096)).isZero();
    verify(ops).gmemInvalidate(pfn + 511, pfn + 512);
    assertThat(process.guestMemfd(gmem).pages()).isEqualTo(510);
    prefault(BASE + M, M);
    long next = backend.context().gmemPfn(GFN + 512, false);
    assertThat(process.fallocate(gmem, 3, M, M)).isZero();
    verify(ops).gmemInvalidate(next, next + 512);
    assertThat(stats().pages2m()).isZero();
  }

  // guest_memfd.c, kvm_gmem_release: what the VM maps of the file goes with the file.
  @Test
  void aFileThatIsClosedTakesItsPagesOutOfTheGuest() {
    prefault(BASE, 2 * M);
    process.close(gmem);
    assertThat(stats()).isEqualTo(new PageStats(0, 0, 0));
    verify(ops).removeExternalSpte(eq(GFN + 512), eq(PageLevel.PG_2M), anyLong());
    assertThat(prefault(BASE, 4096)).isEqualTo(-Errno.EFAULT.number());
  }

  // guest_memfd.c, kvm_gmem_prepare_memory_region: EEXIST wherever the ranges of the file meet.
  @Test
  void noPageOfAFileIsBoundTwice() {
    assertThat(bind(3, M)).as("behind, with its first page inside").isEqualTo(-17);
    assertThat(bind(3, 2 * M)).isZero();
    assertThat(process.setUserMemoryRegion2(vm, 3, 4, 2 * BASE, 0, HVA, 0, gmem)).isZero();
    assertThat(delete()).isZero();
    assertThat(bind(4, M)).isZero();
    assertThat(process.setUserMemoryRegion2(vm, 1, 4, BASE, 2 * M, HVA, 0, gmem))
        .as("in front, with its last page inside")
        .isEqualTo(-Errno.EEXIST.number());
    assertThat(process.setUserMemoryRegion2(vm, 1, 4, BASE, M, HVA, 0, gmem)).isZero();
  }

  private long bind(int id, long offset) {
    return process.setUserMemoryRegion2(vm, id, 4, 2 * BASE, M, HVA, offset, gmem);
  }

  @Test
  void unbindingNamesTheSlotAndLeavesAnothersBindingAlone() {
    MemSlot slot = slot();
    BackingStore store = slot.gmem();
    MemSlot other = new MemSlot(0, 9, GFN, 1024, MemSlot.GUEST_MEMFD, HVA, store, 0);
    store.unbind(other);
    assertThat(store.isBound(slot, 0)).isTrue();
    assertThat(store.isBound(other, 0)).isFalse();
  }

  // guest_memfd.c, kvm_gmem_populate: ret && !i ? ret : i.
  @Test
  void aPopulationThatFailsHalfWayTellsWhatWasDone() {
    assertThat(process.setMemoryAttributes(vm, BASE, 2 * M, 8, 0)).isZero();
    var context = backend.context();
    context.slotsLock().lock();
    long done =
        context.populate(GFN, HVA, 600, (gfn, _, _, _) -> gfn < GFN + 513 ? Errno.OK : Errno.EIO);
    context.slotsLock().unlock();
    assertThat(done).isEqualTo(513);
  }

  @Test
  void aPopulationEndsBeforeThePageThatIsShared() {
    assertThat(process.setMemoryAttributes(vm, BASE + 3 * 4096, 4096, 0, 0)).isZero();
    List<Integer> orders = new ArrayList<>();
    var context = backend.context();
    context.slotsLock().lock();
    long done =
        context.populate(
            GFN,
            HVA,
            600,
            (_, _, _, order) -> {
              orders.add(order);
              return Errno.OK;
            });
    context.slotsLock().unlock();
    assertThat(done).isEqualTo(3);
    assertThat(orders).containsExactly(0, 0, 0);
  }

  @Test
  void aMappedPageIsToldOfItsOwnHalf() {
    assertThat(prefault(BASE, 4096)).isZero();
    var context = backend.context();
    List<Long> pages = new ArrayList<>();
    context.eachMapped(true, (gfn, _) -> pages.add(gfn));
    assertThat(pages).hasSize(512).startsWith(GFN).endsWith(GFN + 511);
    pages.clear();
    context.eachMapped(false, (gfn, _) -> pages.add(gfn));
    assertThat(pages).isEmpty();
  }
}
