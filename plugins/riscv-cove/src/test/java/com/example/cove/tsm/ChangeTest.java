package com.example.cove.tsm;

import static com.example.cove.tsm.TsmBench.DATA;
import static com.example.cove.tsm.TsmBench.GPA;
import static com.example.cove.tsm.TsmBench.HUGE;
import static com.example.cove.tsm.TsmBench.PAGE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Mappings that are removed, split, merged and shared. */
class ChangeTest {
  private final TsmBench bench = new TsmBench();
  private final Tsm tsm = bench.tsm;

  @BeforeEach
  void launch() {
    bench.launch();
  }

  @Test
  void aPageIsRemovedOnlyAfterInvalidationAndFence() {
    bench.zero(DATA, 1, GPA);
    assertEquals(DATA + 5, tsm.access(bench.gid, GPA + 5, true));
    assertEquals(SbiStatus.INVALID_ADDRESS, tsm.tvmRemovePages(bench.gid, GPA, PAGE));
    bench.ok(tsm.tvmInvalidatePages(bench.gid, GPA, PAGE));
    assertEquals(Tsm.PAGE_FAULT, tsm.access(bench.gid, GPA, false));
    assertEquals(SbiStatus.INVALID_ADDRESS, tsm.tvmRemovePages(bench.gid, GPA, PAGE));
    bench.ok(tsm.tvmFence(bench.gid));
    bench.ok(tsm.tvmRemovePages(bench.gid, GPA, PAGE));
    assertEquals(FrameState.UNASSIGNED, bench.state(DATA));
    bench.ok(tsm.addTvmZeroPages(bench.gid, DATA, PageType.PAGE_4K, 1, GPA));
  }

  @Test
  void aFenceIsNotThroughWhileAVcpuHasNotTrapped() {
    bench.zero(DATA, 1, GPA);
    bench.enter();
    bench.ok(tsm.tvmInvalidatePages(bench.gid, GPA, PAGE));
    bench.ok(tsm.tvmFence(bench.gid));
    assertEquals(SbiStatus.INVALID_ADDRESS, tsm.tvmRemovePages(bench.gid, GPA, PAGE));
    assertEquals(SbiStatus.ALREADY_STARTED, tsm.tvmFence(bench.gid));
    assertEquals(SbiStatus.FAILED, tsm.destroyTvm(bench.gid));
    bench.leave();
    bench.enter(); // a vCPU that entered after the fence has nothing stale
    bench.ok(tsm.tvmRemovePages(bench.gid, GPA, PAGE));
    bench.leave();
  }

  @Test
  void anInvalidationCanBeTakenBack() {
    bench.zero(DATA, 2, GPA);
    bench.ok(tsm.tvmInvalidatePages(bench.gid, GPA, 2 * PAGE));
    assertEquals(SbiStatus.INVALID_ADDRESS, tsm.tvmInvalidatePages(bench.gid, GPA, PAGE));
    bench.ok(tsm.tvmValidatePages(bench.gid, GPA, 2 * PAGE));
    assertEquals(DATA + PAGE, tsm.access(bench.gid, GPA + PAGE, true));
    assertEquals(SbiStatus.INVALID_ADDRESS, tsm.tvmValidatePages(bench.gid, GPA, PAGE));
    assertEquals(SbiStatus.INVALID_ADDRESS, tsm.tvmInvalidatePages(bench.gid, GPA, 3 * PAGE));
    assertEquals(DATA, tsm.access(bench.gid, GPA, true)); // nothing of it was done
  }

  @Test
  void aHugePageIsSplitAndMergedWithItsContents() {
    bench.confidential(DATA, 512);
    bench.ok(tsm.addTvmZeroPages(bench.gid, DATA, PageType.PAGE_2MB, 1, GPA));
    bench.memory.writeByte(DATA + 9 * PAGE, 0x42);
    assertEquals(SbiStatus.INVALID_PARAM, tsm.tvmInvalidatePages(bench.gid, GPA + 9 * PAGE, PAGE));
    assertEquals(SbiStatus.INVALID_ADDRESS, tsm.tvmDemotePage(bench.gid, GPA, PageType.PAGE_2MB));
    bench.ok(tsm.tvmInvalidatePages(bench.gid, GPA, HUGE));
    bench.ok(tsm.tvmFence(bench.gid));
    bench.ok(tsm.tvmDemotePage(bench.gid, GPA, PageType.PAGE_2MB));
    assertEquals(Tsm.PAGE_FAULT, tsm.access(bench.gid, GPA + 9 * PAGE, false));
    bench.ok(tsm.tvmValidatePages(bench.gid, GPA, HUGE));
    long hpa = tsm.access(bench.gid, GPA + 9 * PAGE, false);
    assertEquals(0x42, bench.memory.readByte(hpa));

    assertEquals(SbiStatus.INVALID_ADDRESS, tsm.tvmPromotePage(bench.gid, GPA, PageType.PAGE_2MB));
    bench.ok(tsm.tvmInvalidatePages(bench.gid, GPA, HUGE));
    bench.ok(tsm.tvmFence(bench.gid));
    bench.ok(tsm.tvmPromotePage(bench.gid, GPA, PageType.PAGE_2MB));
    bench.ok(tsm.tvmValidatePages(bench.gid, GPA, HUGE));
    assertEquals(hpa, tsm.access(bench.gid, GPA + 9 * PAGE, true));
    bench.remove(GPA, HUGE);
    assertEquals(FrameState.UNASSIGNED, bench.state(DATA + 511 * PAGE));
  }

  @Test
  void pagesThatAreNotContiguousAreNotMerged() {
    bench.confidential(DATA, 513);
    bench.ok(tsm.addTvmZeroPages(bench.gid, DATA, PageType.PAGE_4K, 100, GPA));
    bench.ok(
        tsm.addTvmZeroPages(bench.gid, DATA + 101 * PAGE, PageType.PAGE_4K, 412, GPA + 100 * PAGE));
    bench.ok(tsm.tvmInvalidatePages(bench.gid, GPA, HUGE));
    bench.ok(tsm.tvmFence(bench.gid));
    assertEquals(SbiStatus.INVALID_ADDRESS, tsm.tvmPromotePage(bench.gid, GPA, PageType.PAGE_2MB));
    bench.ok(tsm.tvmValidatePages(bench.gid, GPA, HUGE));
  }

  @Test
  void theGuestDecidesWhereTheHostMayShare() {
    long host = 0x6000_0000L;
    assertEquals(
        SbiStatus.INVALID_ADDRESS,
        tsm.addTvmSharedPages(bench.gid, host, PageType.PAGE_4K, 1, GPA));
    assertEquals(
        SbiStatus.SUCCESS, bench.guest(GuestCall.SHARE_MEMORY_REGION, GPA, PAGE)); // MAPPABLE
    bench.ok(tsm.addTvmSharedPages(bench.gid, host, PageType.PAGE_4K, 1, GPA));
    assertEquals(FrameState.SHARED, bench.state(host));
    assertEquals(host + 1, tsm.access(bench.gid, GPA + 1, true));
    assertEquals(SbiStatus.INVALID_ADDRESS, tsm.convertPages(host, 1));
    bench.confidential(DATA, 1);
    assertEquals(
        SbiStatus.INVALID_ADDRESS, tsm.addTvmZeroPages(bench.gid, DATA, PageType.PAGE_4K, 1, GPA));
    bench.remove(GPA, PAGE);
    assertEquals(FrameState.VMM, bench.state(host));
  }

  @Test
  void theCallerIsBlockedUntilTheAssignmentHasChanged() {
    bench.zero(DATA, 4, GPA);
    assertEquals(
        SbiStatus.SUCCESS, bench.guest(GuestCall.SHARE_MEMORY_REGION, GPA + PAGE, 2 * PAGE));
    assertEquals(SbiStatus.FAILED, tsm.enterVcpu(bench.gid, 0));
    bench.remove(GPA + PAGE, PAGE);
    assertEquals(SbiStatus.FAILED, tsm.enterVcpu(bench.gid, 0));
    bench.remove(GPA + 2 * PAGE, PAGE);
    bench.enter();
    bench.leave();

    long host = 0x6000_0000L;
    bench.ok(tsm.addTvmSharedPages(bench.gid, host, PageType.PAGE_4K, 2, GPA + PAGE));
    assertEquals(
        SbiStatus.SUCCESS, bench.guest(GuestCall.UNSHARE_MEMORY_REGION, GPA + PAGE, 2 * PAGE));
    assertEquals(SbiStatus.FAILED, tsm.enterVcpu(bench.gid, 0));
    bench.remove(GPA + PAGE, 2 * PAGE);
    bench.enter();
    bench.leave();
    assertTrue(bench.memory.isZero(DATA >>> 12));
  }

  @Test
  void onlyWhatIsWhollyOfOneKindChangesKind() {
    assertEquals(SbiStatus.INVALID_PARAM, bench.guest(GuestCall.UNSHARE_MEMORY_REGION, GPA, PAGE));
    assertEquals(
        SbiStatus.INVALID_PARAM,
        bench.guest(GuestCall.SHARE_MEMORY_REGION, GPA + 4 * HUGE - PAGE, 2 * PAGE));
    assertEquals(SbiStatus.INVALID_PARAM, bench.guest(GuestCall.SHARE_MEMORY_REGION, GPA, 10));
    assertEquals(
        SbiStatus.INVALID_ADDRESS, bench.guest(GuestCall.SHARE_MEMORY_REGION, GPA + 1, PAGE));
  }

  @Test
  void mmioRegionsAreTheGuestsToDeclare() {
    long device = 0x1000_0000L;
    assertEquals(Tsm.ACCESS_FAULT, tsm.access(bench.gid, device, false));
    assertEquals(SbiStatus.SUCCESS, bench.guest(GuestCall.ADD_MMIO_REGION, device, 2 * PAGE));
    assertEquals(Tsm.PAGE_FAULT, tsm.access(bench.gid, device, false));
    assertEquals(
        SbiStatus.INVALID_ADDRESS, bench.guest(GuestCall.ADD_MMIO_REGION, device + PAGE, PAGE));
    assertEquals(SbiStatus.INVALID_ADDRESS, bench.guest(GuestCall.ADD_MMIO_REGION, GPA, PAGE));
    assertEquals(SbiStatus.SUCCESS, bench.guest(GuestCall.REMOVE_MMIO_REGION, device + PAGE, PAGE));
    assertEquals(Tsm.ACCESS_FAULT, tsm.access(bench.gid, device, false));
    assertEquals(
        SbiStatus.INVALID_ADDRESS, bench.guest(GuestCall.REMOVE_MMIO_REGION, device, PAGE));
  }
}
