package dev.cocovisor.core.gmem;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyBoolean;
import static org.mockito.ArgumentMatchers.anyLong;
import static org.mockito.ArgumentMatchers.eq;
import static org.mockito.Mockito.doCallRealMethod;
import static org.mockito.Mockito.doReturn;
import static org.mockito.Mockito.inOrder;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.times;
import static org.mockito.Mockito.verify;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.core.mem.PhysicalHost;
import dev.cocovisor.core.slot.MemSlot;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The folios of a guest_memfd, and what its VMs are told when they go. */
@SuppressWarnings("NullAway") // a null here fails the test, as it should
class GmemInodeTest {
  private static final long PAGE = 4096;
  private static final long HUGE = 512;

  private final PhysicalHost memory = new PhysicalHost(1 << 20);
  private final BindingOwner owner = mock(BindingOwner.class);
  private final BindingOwner other = mock(BindingOwner.class);

  @BeforeEach
  void owners() {
    for (BindingOwner o : new BindingOwner[] {owner, other}) {
      doReturn(TraceSink.OFF).when(o).trace();
      doReturn(Errno.OK).when(o).gmemInvalidateBegin(any(), anyLong(), anyLong(), any());
      doCallRealMethod().when(o).filterOfPages(anyBoolean());
      doReturn(Errno.EEXIST).when(o).boundAlready();
    }
  }

  private GmemFile file(long pages, int order) {
    return GmemFile.create(new GuestMemfd.Request(memory, owner, 7, pages * PAGE, 0, order));
  }

  private static MemSlot slot(int id, long gfn, long pages, BackingStore file, long at) {
    return new MemSlot(0, id, gfn, pages, MemSlot.GUEST_MEMFD, 0, file, at);
  }

  @Test
  void aLargeFolioIsOneAllocationSeenFromEachOfItsPages() {
    GmemFile f = file(2 * HUGE, 9);
    long third = f.page(3, 0);
    assertThat(Folio.order(third)).isEqualTo(9);
    assertThat(Folio.pfn(third)).isEqualTo(Folio.pfn(f.peek(0)) + 3);
    assertThat(Folio.pfn(f.peek(511))).isEqualTo(Folio.pfn(f.peek(0)) + 511);
    assertThat(f.peek(512)).isZero();
    assertThat(f.pages()).isEqualTo(HUGE);
    assertThat(memory.allocatedFrames()).isEqualTo(HUGE + 1);
  }

  @Test
  void aFolioOfAGibibyteIsSeenFromItsLastPage() {
    GmemFile f = file(1 << 18, 18);
    long last = f.page((1 << 18) - 1, 0);
    assertThat(Folio.order(last)).isEqualTo(18);
    assertThat(Folio.pfn(last) - Folio.pfn(f.peek(0))).isEqualTo((1 << 18) - 1);
    assertThat(Folio.pfn(f.peek(513)) - Folio.pfn(f.peek(0))).isEqualTo(513);
    f.markPrepared(700, true);
    assertThat(Folio.prepared(f.peek(0))).isTrue();
    assertThat(f.pages()).isEqualTo(1 << 18);
  }

  @Test
  void aBlockThatMeetsSmallerFoliosFallsBackToTheNextOrder() {
    GmemFile f = file(1 << 18, 18);
    f.page(0, 0);
    assertThat(f.fallocate(3, 0, PAGE)).isEqualTo(Errno.OK);
    assertThat(Folio.order(f.peek(1))).isZero();
    assertThat(f.fallocate(3, 600 * PAGE, 512 * 5 * PAGE)).isEqualTo(Errno.OK);
    assertThat(Folio.order(f.page(1024, 0))).as("a whole 2 MiB is free").isEqualTo(9);
    assertThat(Folio.order(f.page(0, 0))).as("its neighbours are there").isZero();
  }

  @Test
  void aHoleFreesItsPagesAndKeepsTheOthersPreparedAndInPlace() {
    GmemFile f = file(2 * HUGE, 9);
    f.page(0, 0);
    f.page(HUGE, 0);
    f.markPrepared(5, true);
    long first = Folio.pfn(f.peek(0));
    assertThat(f.fallocate(3, 511 * PAGE, 2 * PAGE)).isEqualTo(Errno.OK);
    assertThat(f.pages()).isEqualTo(2 * HUGE - 2);
    assertThat(f.peek(511)).isZero();
    assertThat(f.peek(512)).isZero();
    assertThat(Folio.pfn(f.peek(510))).isEqualTo(first + 510);
    assertThat(Folio.prepared(f.peek(510))).isTrue();
    assertThat(Folio.prepared(f.peek(513))).isFalse();
    verify(owner).gmemFreed(first + 511, first + 512);
    assertThat(memory.isFree(first + 511)).isTrue();
    assertThat(memory.isFree(first + 510)).isFalse();
    assertThat(memory.allocatedFrames()).isEqualTo(2 * HUGE - 2 + 1);
  }

  @Test
  void aHoleOverAWholeFolioFreesItAsOne() {
    GmemFile f = file(3 * HUGE, 9);
    f.page(HUGE, 0);
    long pfn = Folio.pfn(f.peek(HUGE));
    assertThat(f.fallocate(3, PAGE, 3 * HUGE * PAGE)).isEqualTo(Errno.OK);
    verify(owner, times(1)).gmemFreed(pfn, pfn + HUGE);
    assertThat(f.pages()).isZero();
    assertThat(memory.allocatedFrames()).isEqualTo(1);
  }

  @Test
  void onePageIsPreparedAloneWhereFoliosAreSmall() {
    GmemFile f = file(4, 0);
    f.page(1, 0);
    f.page(2, 0);
    f.markPrepared(1, true);
    assertThat(Folio.prepared(f.peek(1))).isTrue();
    assertThat(Folio.prepared(f.peek(2))).isFalse();
    f.markPrepared(1, false);
    assertThat(Folio.prepared(f.peek(1))).isFalse();
    f.markPrepared(3, false);
    assertThat(f.peek(3)).isZero();
  }

  @Test
  void fallocateRefusesInTheKernelsOrder() {
    GmemFile f = file(4, 0);
    assertThat(f.fallocate(0, 0, PAGE)).isEqualTo(Errno.EOPNOTSUPP);
    assertThat(f.fallocate(2, 0, PAGE)).isEqualTo(Errno.EOPNOTSUPP);
    assertThat(f.fallocate(5, 1, PAGE)).isEqualTo(Errno.EOPNOTSUPP);
    assertThat(f.fallocate(1, 1, PAGE)).isEqualTo(Errno.EINVAL);
    assertThat(f.fallocate(3, 0, PAGE + 1)).isEqualTo(Errno.EINVAL);
    assertThat(f.fallocate(1, PAGE, 4 * PAGE)).isEqualTo(Errno.EINVAL);
    assertThat(f.pages()).isZero();
    assertThat(f.fallocate(3, PAGE, 40 * PAGE)).as("a hole may leave the file").isEqualTo(Errno.OK);
    assertThat(f.fallocate(1, PAGE, 3 * PAGE)).isEqualTo(Errno.OK);
    assertThat(f.pages()).isEqualTo(3);
    assertThat(f.peek(0)).isZero();
  }

  @Test
  void memoryComesZeroedEvenIfItsFrameWasUsed() {
    for (int order : new int[] {0, 9}) {
      GmemFile f = file(HUGE, order);
      long pfn = Folio.pfn(f.page(1, 0));
      memory.raw().write(pfn << 12, new byte[] {1, 2, 3}, 0, 3);
      assertThat(f.fallocate(3, 0, HUGE * PAGE)).isEqualTo(Errno.OK);
      long again = Folio.pfn(f.page(1, 0));
      assertThat(again).as("the frame freed last comes first").isEqualTo(pfn);
      byte[] back = new byte[3];
      memory.raw().read(again << 12, back, 0, 3);
      assertThat(back).containsOnly(0);
      f.release();
      assertThat(memory.allocatedFrames()).isEqualTo(1);
    }
  }

  @Test
  void aHoleIsToldToTheBindingsItTouchesOfEveryFile() {
    GmemFile f = file(100, 0);
    GmemFile second = (GmemFile) f.link(other);
    MemSlot low = slot(1, 1000, 10, f, 0);
    MemSlot high = slot(2, 2000, 10, f, 10);
    MemSlot theirs = slot(1, 3000, 20, second, 5);
    assertThat(f.bind(low)).isEqualTo(Errno.OK);
    assertThat(f.bind(high)).isEqualTo(Errno.OK);
    assertThat(second.bind(theirs)).isEqualTo(Errno.OK);
    f.page(9, 0);
    assertThat(second.fallocate(3, 9 * PAGE, PAGE)).isEqualTo(Errno.OK);
    var order = inOrder(owner, other);
    order.verify(owner).gmemInvalidateBegin(List.of(low), 9, 10, PageFilter.PRIVATE);
    order.verify(other).gmemInvalidateBegin(List.of(theirs), 9, 10, PageFilter.PRIVATE);
    order.verify(other).gmemFreed(anyLong(), anyLong());
    order.verify(owner).gmemInvalidateEnd();
    order.verify(other).gmemInvalidateEnd();
    assertThat(f.fallocate(3, 9 * PAGE, 2 * PAGE)).isEqualTo(Errno.OK);
    verify(owner).gmemInvalidateBegin(List.of(low, high), 9, 11, PageFilter.PRIVATE);
    assertThat(f.fallocate(3, 20 * PAGE, 3 * PAGE)).isEqualTo(Errno.OK);
    verify(owner, never()).gmemInvalidateBegin(any(), eq(20L), anyLong(), any());
    verify(other).gmemInvalidateBegin(List.of(theirs), 20, 23, PageFilter.PRIVATE);
    assertThat(f.fallocate(3, 25 * PAGE, 3 * PAGE)).isEqualTo(Errno.OK);
    verify(other, never()).gmemInvalidateBegin(any(), eq(25L), anyLong(), any());
  }

  @Test
  void aRefusalOfOneFileEndsWhatTheOthersBeganAndFreesNothing() {
    GmemFile f = file(10, 0);
    GmemFile second = (GmemFile) f.link(other);
    f.bind(slot(1, 1000, 10, f, 0));
    second.bind(slot(1, 3000, 10, second, 0));
    f.page(1, 0);
    doReturn(Errno.ENOMEM).when(other).gmemInvalidateBegin(any(), anyLong(), anyLong(), any());
    assertThat(f.fallocate(3, PAGE, PAGE)).isEqualTo(Errno.ENOMEM);
    verify(owner).gmemInvalidateEnd();
    verify(other, never()).gmemInvalidateEnd();
    assertThat(f.pages()).isEqualTo(1);
  }

  @Test
  void aFileThatGoesDropsItsBindingsAndLeavesTheFoliosToTheInode() {
    GmemFile f = file(10, 0);
    GmemFile second = (GmemFile) f.link(other);
    MemSlot slot = slot(1, 1000, 10, f, 0);
    f.bind(slot);
    f.page(1, 0);
    f.acquire();
    f.release();
    verify(owner, never()).gmemClosed();
    f.release();
    verify(owner).gmemInvalidateBegin(List.of(slot), 0, Long.MAX_VALUE, PageFilter.PRIVATE);
    verify(owner).gmemInvalidateEnd();
    verify(owner).gmemClosed();
    assertThat(slot.gmem()).isNull();
    assertThat(f.hasBindings()).isFalse();
    assertThat(f.tryAcquire()).isFalse();
    assertThat(second.pages()).isEqualTo(1);
    second.release();
    verify(other, never()).gmemInvalidateBegin(any(), anyLong(), anyLong(), any());
    assertThat(memory.allocatedFrames()).isEqualTo(1);
  }

  @Test
  void whatIsBoundMustLieInTheFileAndBeOfItsVm() {
    GmemFile f = file(10, 0);
    assertThat(f.checkBind(owner, 0, 10 * PAGE)).isEqualTo(Errno.OK);
    assertThat(f.checkBind(owner, PAGE, 9 * PAGE)).isEqualTo(Errno.OK);
    assertThat(f.checkBind(owner, PAGE, 10 * PAGE)).isEqualTo(Errno.EINVAL);
    assertThat(f.checkBind(owner, -PAGE, PAGE)).isEqualTo(Errno.EINVAL);
    assertThat(f.checkBind(owner, 1, PAGE)).isEqualTo(Errno.EINVAL);
    assertThat(f.checkBind(other, 0, PAGE)).isEqualTo(Errno.EINVAL);
    assertThat(f.checkBind(owner, Long.MAX_VALUE & -PAGE, PAGE)).isEqualTo(Errno.EINVAL);
  }

  @Test
  void aBindingIsOfASlotInItsAddressSpace() {
    GmemFile f = file(10, 0);
    MemSlot slot = slot(1, 1000, 5, f, 2);
    assertThat(f.bind(slot)).isEqualTo(Errno.OK);
    assertThat(f.isBound(slot, 2)).isTrue();
    assertThat(f.isBound(slot, 6)).isTrue();
    assertThat(f.isBound(slot, 7)).isFalse();
    MemSlot moved = slot(1, 5000, 5, f, 2);
    f.rebind(slot, moved);
    assertThat(f.bind(slot(2, 9000, 2, f, 1))).isEqualTo(Errno.EEXIST);
    assertThat(f.bind(slot(2, 9000, 2, f, 6))).isEqualTo(Errno.EEXIST);
    assertThat(f.bind(slot(2, 9000, 2, f, 7))).isEqualTo(Errno.OK);
    f.unbind(new MemSlot(1, 1, 5000, 5, MemSlot.GUEST_MEMFD, 0, f, 2));
    assertThat(f.isBound(moved, 2)).isTrue();
    f.unbind(moved);
    assertThat(f.isBound(moved, 2)).isFalse();
    assertThat(moved.gmem()).isNull();
    assertThat(f.hasBindings()).isTrue();
  }

  @Test
  void mappingsNeedTheFlagAndFaultsStayInTheFile() {
    GmemFile closed = file(2, 0);
    assertThat(closed.mayMap(true)).isEqualTo(Errno.ENODEV);
    assertThat(closed.servesShared()).isFalse();
    GmemFile f =
        GmemFile.create(
            new GuestMemfd.Request(
                memory, owner, 8, 2 * PAGE, GmemInode.FLAG_MMAP | GmemInode.FLAG_INIT_SHARED, 0));
    assertThat(f.mayMap(true)).isEqualTo(Errno.OK);
    assertThat(f.mayMap(false)).isEqualTo(Errno.EINVAL);
    assertThat(f.servesShared()).isTrue();
    assertThat(f.userFault(1)).isPositive();
    assertThat(f.userFault(2)).isEqualTo(-1);
    assertThat(closed.userFault(0)).isEqualTo(-1);
    f.bind(slot(1, 1000, 2, f, 0));
    assertThat(f.punch(0, PAGE)).isEqualTo(Errno.OK);
    verify(owner).gmemInvalidateBegin(any(), eq(0L), eq(1L), eq(PageFilter.SHARED));
  }

  @Test
  void aSmallPageBesideLargeFoliosIsPreparedAlone() {
    GmemFile f = file(HUGE + 2, 9);
    long small = f.page(HUGE, 0);
    assertThat(Folio.order(small)).isZero();
    f.page(HUGE + 1, 0);
    f.page(0, 0);
    f.markPrepared(HUGE, true);
    assertThat(Folio.prepared(f.peek(HUGE))).isTrue();
    assertThat(Folio.pfn(f.peek(HUGE))).isEqualTo(Folio.pfn(small));
    assertThat(Folio.prepared(f.peek(HUGE + 1))).isFalse();
    assertThat(Folio.prepared(f.peek(0))).isFalse();
    f.markPrepared(HUGE, false);
    assertThat(Folio.prepared(f.peek(HUGE))).isFalse();
    f.markPrepared(3, true);
    f.markPrepared(4, false);
    assertThat(Folio.prepared(f.peek(511))).isFalse();
  }

  // guest_memfd.c (7.4), kvm_gmem_set_attributes: entries cost memory, and the range is whole.
  @Test
  void aConversionIsLimitedByTheEntriesThatMemoryHolds() {
    doReturn(true).when(owner).mayBePrivate();
    doReturn(4L).when(owner).attributeEntries();
    GmemFile f =
        GmemFile.create(
            new GuestMemfd.Request(memory, owner, 8, 8 * PAGE, GmemInode.FLAG_INIT_SHARED, 0));
    assertThat(f.setAttributes(0, 5 * PAGE, 8, 0)).isEqualTo(new Conversion(Errno.ENOMEM, 0));
    assertThat(f.isPrivate(0)).isFalse();
    assertThat(f.setAttributes(2 * PAGE, 3 * PAGE, 8, 0)).isEqualTo(Conversion.DONE);
    assertThat(f.setAttributes(5 * PAGE, PAGE, 8, 0)).isEqualTo(Conversion.DONE);
    assertThat(f.setAttributes(6 * PAGE, PAGE, 8, 0))
        .isEqualTo(new Conversion(Errno.ENOMEM, 6 * PAGE));
    assertThat(f.setAttributes(2 * PAGE, 4 * PAGE, 8, 0)).as("as it is").isEqualTo(Conversion.DONE);
    assertThat(f.allAre(2, 6, true)).isTrue();
    assertThat(f.allAre(1, 6, true)).isFalse();
    assertThat(f.allAre(6, 8, false)).isTrue();
  }

  @Test
  void aConversionThatOneVmRefusesEndsWhatTheOthersBegan() {
    doReturn(true).when(owner).mayBePrivate();
    doReturn(Long.MAX_VALUE).when(owner).attributeEntries();
    GmemFile f =
        GmemFile.create(
            new GuestMemfd.Request(memory, owner, 8, 8 * PAGE, GmemInode.FLAG_INIT_SHARED, 0));
    GmemFile second = (GmemFile) f.link(other);
    MemSlot mine = slot(1, 1000, 8, f, 0);
    f.bind(mine);
    second.bind(slot(1, 3000, 8, second, 0));
    doReturn(Errno.EBUSY).when(other).gmemInvalidateBegin(any(), anyLong(), anyLong(), any());
    assertThat(f.setAttributes(PAGE, PAGE, 8, 0)).isEqualTo(new Conversion(Errno.EBUSY, PAGE));
    verify(owner).gmemInvalidateBegin(List.of(mine), 1, 2, PageFilter.SHARED);
    verify(owner).gmemInvalidateEnd();
    verify(other, never()).gmemInvalidateEnd();
    verify(owner, never()).gmemBecamePrivate(any(), anyLong(), anyLong());
    assertThat(f.isPrivate(1)).isFalse();
    doReturn(Errno.OK).when(other).gmemInvalidateBegin(any(), anyLong(), anyLong(), any());
    assertThat(f.setAttributes(PAGE, PAGE, 8, 0)).isEqualTo(Conversion.DONE);
    verify(owner).gmemBecamePrivate(List.of(mine), 1, 2);
    assertThat(f.isPrivate(1)).isTrue();
    assertThat(f.userFault(1)).as("private pages are no process's").isEqualTo(-1);
  }

  @Test
  void aRequestForAnotherVmIsTheSameOtherwise() {
    GuestMemfd.Request r = new GuestMemfd.Request(memory, owner, 8, 8 * PAGE, 3, 9);
    assertThat(r.withOwner(other))
        .isEqualTo(new GuestMemfd.Request(memory, other, 8, 8 * PAGE, 3, 9));
  }

  @Test
  void aConversionThatCutsALargeFolioSplitsItAndNoOther() {
    doReturn(true).when(owner).mayBePrivate();
    doReturn(Long.MAX_VALUE).when(owner).attributeEntries();
    GmemFile f =
        GmemFile.create(
            new GuestMemfd.Request(
                memory, owner, 8, 3 * HUGE * PAGE, GmemInode.FLAG_INIT_SHARED, 9));
    for (int i = 0; i < 3; i++) {
      f.page(i * HUGE, 0);
    }
    long second = Folio.pfn(f.peek(HUGE));
    assertThat(f.setAttributes((HUGE + 5) * PAGE, (HUGE - 5) * PAGE, 8, 0))
        .isEqualTo(Conversion.DONE);
    assertThat(Folio.order(f.peek(0))).isEqualTo(9);
    assertThat(Folio.order(f.peek(HUGE))).as("cut by the start").isZero();
    assertThat(Folio.pfn(f.peek(HUGE + 7))).isEqualTo(second + 7);
    assertThat(Folio.order(f.peek(2 * HUGE))).as("begins at the end").isEqualTo(9);
    assertThat(f.pages()).isEqualTo(3 * HUGE);
    assertThat(f.setAttributes(0, PAGE, 8, 0)).isEqualTo(Conversion.DONE);
    assertThat(Folio.order(f.peek(1))).as("cut by the end").isZero();
    // Somebody holds a page of the last one: it stays shared, and whole.
    memory.pin(Folio.pfn(f.peek(2 * HUGE)) + 9);
    assertThat(f.setAttributes(2 * HUGE * PAGE, HUGE * PAGE, 8, 0))
        .isEqualTo(new Conversion(Errno.EAGAIN, 2 * HUGE * PAGE));
    assertThat(f.allAre(2 * HUGE, 3 * HUGE, false)).isTrue();
    memory.unpin(Folio.pfn(f.peek(2 * HUGE)) + 9);
    assertThat(f.setAttributes(2 * HUGE * PAGE, HUGE * PAGE, 8, 0)).isEqualTo(Conversion.DONE);
    assertThat(Folio.order(f.peek(2 * HUGE))).isEqualTo(9);
    // Back to the host: each folio is the host's as one, and not prepared any more.
    f.markPrepared(2 * HUGE, true);
    assertThat(f.setAttributes(2 * HUGE * PAGE, HUGE * PAGE, 0, 0)).isEqualTo(Conversion.DONE);
    long third = Folio.pfn(f.peek(2 * HUGE));
    verify(owner).gmemFreed(third, third + HUGE);
    assertThat(Folio.prepared(f.peek(2 * HUGE))).isFalse();
  }
}
