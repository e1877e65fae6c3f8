package com.example.cove.tsm;

import static com.example.cove.tsm.TsmBench.DATA;
import static com.example.cove.tsm.TsmBench.DIRECTORY;
import static com.example.cove.tsm.TsmBench.PAGE;
import static com.example.cove.tsm.TsmBench.STATE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.PhysicalGuard.Verdict;
import org.junit.jupiter.api.Test;

/** Frames between the host and confidential memory. */
class ConversionTest {
  private final TsmBench bench = new TsmBench();
  private final Tsm tsm = bench.tsm;

  @Test
  void aFrameIsUnassignedOnlyWhenEveryHartHasSeenAFenceThatBeganAfterwards() {
    bench.ok(tsm.convertPages(DATA, 1));
    assertEquals(FrameState.CONVERTING, bench.state(DATA));
    bench.ok(tsm.globalFence(0));
    assertEquals(FrameState.CONVERTING, bench.state(DATA));
    bench.ok(tsm.convertPages(DATA + PAGE, 1)); // too late for this fence
    bench.ok(tsm.localFence(1));
    assertEquals(FrameState.UNASSIGNED, bench.state(DATA));
    assertEquals(FrameState.CONVERTING, bench.state(DATA + PAGE));
  }

  @Test
  void oneFenceAtATime() {
    bench.ok(tsm.globalFence(1));
    assertEquals(SbiStatus.ALREADY_STARTED, tsm.globalFence(0));
    bench.ok(tsm.localFence(0));
    bench.ok(tsm.globalFence(0));
  }

  @Test
  void conversionTakesAllFramesOrNone() {
    bench.ok(tsm.convertPages(DATA + 2 * PAGE, 1));
    assertEquals(SbiStatus.INVALID_ADDRESS, tsm.convertPages(DATA, 4));
    assertEquals(FrameState.VMM, bench.state(DATA));
    assertEquals(FrameState.VMM, bench.state(DATA + 3 * PAGE));
    assertEquals(SbiStatus.INVALID_ADDRESS, tsm.convertPages(DATA + 1, 1));
    assertEquals(SbiStatus.INVALID_PARAM, tsm.convertPages(DATA, 0));
    assertEquals(SbiStatus.INVALID_ADDRESS, tsm.convertPages(-PAGE, 1));
  }

  @Test
  void theHostIsKeptOutFromTheConversionOnUntilTheReclaim() {
    Accessor[] hosts = {Accessor.HOST_KERNEL, Accessor.HOST_USER, Accessor.DEVICE};
    bench.memory.writeByte(DATA, 0x55);
    bench.ok(tsm.convertPages(DATA, 1));
    for (Accessor who : hosts) {
      assertEquals(Verdict.FAULT, tsm.guard().check(who, DATA >>> 12, false));
    }
    assertEquals(
        Verdict.ALLOW,
        tsm.guard().check(new Accessor(Accessor.Kind.FIRMWARE, 0, 0), DATA >>> 12, true));
    assertEquals(SbiStatus.INVALID_ADDRESS, tsm.reclaimPages(DATA, 1)); // not fenced yet
    bench.ok(tsm.globalFence(0));
    bench.ok(tsm.localFence(1));
    bench.ok(tsm.reclaimPages(DATA, 1));
    for (Accessor who : hosts) {
      assertEquals(Verdict.ALLOW, tsm.guard().check(who, DATA >>> 12, true));
    }
    assertTrue(bench.memory.isZero(DATA >>> 12));
  }

  @Test
  void whatATvmUsesCannotBeReclaimedUntilItIsDestroyed() {
    bench.launch();
    bench.zero(DATA, 1, TsmBench.GPA);
    assertEquals(FrameState.TVM, bench.state(DATA));
    assertEquals(FrameState.TSM, bench.state(DIRECTORY));
    assertEquals(SbiStatus.INVALID_ADDRESS, tsm.reclaimPages(DATA, 1));
    assertEquals(SbiStatus.INVALID_ADDRESS, tsm.reclaimPages(STATE, 2));
    bench.ok(tsm.destroyTvm(bench.gid));
    assertEquals(FrameState.UNASSIGNED, bench.state(DATA));
    bench.ok(tsm.reclaimPages(DATA, 1));
    bench.ok(tsm.reclaimPages(DIRECTORY, 4));
  }

  @Test
  void aTvmNeedsAlignedConfidentialPagesOfItsOwn() {
    assertEquals(SbiStatus.INVALID_ADDRESS.code(), tsm.createTvm(DIRECTORY, STATE));
    bench.confidential(DIRECTORY, 8);
    bench.confidential(STATE, 2);
    assertEquals(SbiStatus.INVALID_ADDRESS.code(), tsm.createTvm(DIRECTORY + PAGE, STATE));
    assertEquals(1, tsm.createTvm(DIRECTORY, STATE));
    assertEquals(SbiStatus.INVALID_ADDRESS.code(), tsm.createTvm(DIRECTORY, STATE));
    // What the failed call took went back.
    assertEquals(SbiStatus.INVALID_ADDRESS.code(), tsm.createTvm(DIRECTORY + 4 * PAGE, STATE));
    assertEquals(FrameState.UNASSIGNED, bench.state(DIRECTORY + 4 * PAGE));
    bench.check();
  }
}
