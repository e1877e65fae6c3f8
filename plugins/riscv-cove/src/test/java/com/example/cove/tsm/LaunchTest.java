package com.example.cove.tsm;

import static com.example.cove.tsm.TsmBench.DATA;
import static com.example.cove.tsm.TsmBench.GPA;
import static com.example.cove.tsm.TsmBench.HUGE;
import static com.example.cove.tsm.TsmBench.PAGE;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** What may be done before and after finalize_tvm, and what is measured. */
class LaunchTest {
  private static final long SOURCE = 0x5000_0000L;

  private final TsmBench bench = new TsmBench();
  private final Tsm tsm = bench.tsm;

  @Test
  void measuredPagesComeBeforeTheEndOfTheLaunchAndZeroPagesAfter() {
    bench.create();
    bench.confidential(DATA, 2);
    assertEquals(
        SbiStatus.INVALID_PARAM, tsm.addTvmZeroPages(bench.gid, DATA, PageType.PAGE_4K, 1, GPA));
    assertEquals(SbiStatus.INVALID_PARAM, tsm.enterVcpu(bench.gid, 0));
    bench.ok(tsm.addTvmMeasuredPages(bench.gid, SOURCE, DATA, PageType.PAGE_4K, 1, GPA));
    bench.ok(tsm.finalizeTvm(bench.gid, GPA, 0));
    assertEquals(
        SbiStatus.INVALID_PARAM,
        tsm.addTvmMeasuredPages(bench.gid, SOURCE, DATA + PAGE, PageType.PAGE_4K, 1, GPA + PAGE));
    assertEquals(SbiStatus.INVALID_PARAM, tsm.finalizeTvm(bench.gid, GPA, 0));
    assertEquals(SbiStatus.INVALID_PARAM, tsm.addTvmMemoryRegion(bench.gid, GPA + 8 * HUGE, PAGE));
    assertEquals(SbiStatus.INVALID_PARAM, tsm.createTvmVcpu(bench.gid, 1, DATA + PAGE));
    bench.ok(tsm.addTvmZeroPages(bench.gid, DATA + PAGE, PageType.PAGE_4K, 1, GPA + PAGE));
  }

  @Test
  void theMeasurementIsAChainOverAddressAndContents() throws Exception {
    bench.create();
    bench.confidential(DATA, 2);
    bench.memory.writeByte(SOURCE, 0x11);
    bench.memory.writeByte(SOURCE + PAGE + 7, 0x22);
    bench.ok(tsm.addTvmMeasuredPages(bench.gid, SOURCE, DATA, PageType.PAGE_4K, 2, GPA));
    byte[] expected = new byte[48];
    for (int i = 0; i < 2; i++) {
      byte[] page = new byte[4096];
      page[i == 0 ? 0 : 7] = (byte) (i == 0 ? 0x11 : 0x22);
      ByteBuffer all = ByteBuffer.allocate(48 + 8 + 4096).order(ByteOrder.LITTLE_ENDIAN);
      all.put(expected).putLong(GPA + i * PAGE).put(page);
      expected = MessageDigest.getInstance("SHA-384").digest(all.array());
    }
    assertArrayEquals(expected, tsm.measurement(bench.gid, 0));
    byte[] before = tsm.measurement(bench.gid, 1);
    bench.ok(tsm.finalizeTvm(bench.gid, GPA, 0x1234));
    assertFalse(Arrays.equals(before, tsm.measurement(bench.gid, 1)));
    assertArrayEquals(expected, tsm.measurement(bench.gid, 0));
  }

  @Test
  void theSourceHasToBeTheHostsAndTheTargetConfidential() {
    bench.create();
    bench.confidential(DATA, 1);
    assertEquals(
        SbiStatus.INVALID_ADDRESS,
        tsm.addTvmMeasuredPages(bench.gid, DATA, DATA, PageType.PAGE_4K, 1, GPA));
    assertEquals(
        SbiStatus.INVALID_ADDRESS,
        tsm.addTvmMeasuredPages(bench.gid, SOURCE, SOURCE, PageType.PAGE_4K, 1, GPA));
    assertEquals(
        SbiStatus.INVALID_ADDRESS,
        tsm.addTvmMeasuredPages(bench.gid, SOURCE, DATA, PageType.PAGE_4K, 1, GPA + 4 * HUGE));
    bench.ok(tsm.addTvmMeasuredPages(bench.gid, SOURCE, DATA, PageType.PAGE_4K, 1, GPA));
  }

  @Test
  void regionsDoNotOverlapAndVcpusAreOfOneId() {
    bench.create();
    assertEquals(
        SbiStatus.INVALID_ADDRESS, tsm.addTvmMemoryRegion(bench.gid, GPA + HUGE, 8 * HUGE));
    assertEquals(SbiStatus.INVALID_PARAM, tsm.addTvmMemoryRegion(bench.gid, 0, 100));
    bench.ok(tsm.addTvmMemoryRegion(bench.gid, GPA + 4 * HUGE, PAGE));
    bench.confidential(DATA, 1);
    assertEquals(SbiStatus.INVALID_PARAM, tsm.createTvmVcpu(bench.gid, 0, DATA));
    assertEquals(SbiStatus.INVALID_ADDRESS, tsm.createTvmVcpu(bench.gid, 1, DATA + PAGE));
    bench.ok(tsm.createTvmVcpu(bench.gid, 1, DATA));
  }

  @Test
  void aPoolThatIsEmptyIsToldAndNothingIsTakenUntilItIsFilled() {
    bench.launch();
    bench.confidential(DATA, 16);
    // Three tables lead to the first 2 MiB; one more each to the others: 8 pages are enough for 4.
    for (int i = 0; i < 4; i++) {
      bench.ok(
          tsm.addTvmZeroPages(bench.gid, DATA + i * PAGE, PageType.PAGE_4K, 1, GPA + i * HUGE));
    }
    TsmBench poor = new TsmBench();
    poor.confidential(TsmBench.DIRECTORY, 4);
    poor.confidential(TsmBench.STATE, 2);
    poor.gid = poor.tsm.createTvm(TsmBench.DIRECTORY, TsmBench.STATE);
    poor.ok(poor.tsm.addTvmMemoryRegion(poor.gid, GPA, HUGE));
    poor.ok(poor.tsm.finalizeTvm(poor.gid, GPA, 0));
    poor.confidential(DATA, 1);
    poor.confidential(TsmBench.TABLES, 3);
    for (int i = 0; i < 3; i++) {
      assertEquals(
          SbiStatus.OUT_OF_PTPAGES,
          poor.tsm.addTvmZeroPages(poor.gid, DATA, PageType.PAGE_4K, 1, GPA));
      assertEquals(FrameState.UNASSIGNED, poor.state(DATA));
      poor.ok(poor.tsm.addTvmPageTablePages(poor.gid, TsmBench.TABLES + i * PAGE, 1));
    }
    poor.ok(poor.tsm.addTvmZeroPages(poor.gid, DATA, PageType.PAGE_4K, 1, GPA));
  }
}
