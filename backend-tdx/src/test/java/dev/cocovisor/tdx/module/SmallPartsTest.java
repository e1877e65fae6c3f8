package dev.cocovisor.tdx.module;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.mem.SparseMemory;
import dev.cocovisor.tdx.module.abi.Operand;
import dev.cocovisor.tdx.module.abi.PlatformConfig;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.call.LockProbe;
import dev.cocovisor.tdx.module.keys.CipherState;
import dev.cocovisor.tdx.module.keys.KeyTable;
import dev.cocovisor.tdx.module.td.CpuidConfig;
import dev.cocovisor.tdx.module.td.Mrtd;
import dev.cocovisor.tdx.module.td.StepGuard;
import dev.cocovisor.tdx.module.td.StripedCount;
import dev.cocovisor.tdx.module.td.TdParams;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** The small parts of the module, each at its bounds. */
class SmallPartsTest {
  private static final long GPA = 0x40000000L;

  private static byte[] block(String name, long gpa) {
    ByteBuffer out = ByteBuffer.allocate(128).order(ByteOrder.LITTLE_ENDIAN);
    out.put(name.getBytes(StandardCharsets.US_ASCII));
    out.putLong(16, gpa);
    return out.array();
  }

  // TDX module base specification, TD build-time measurement.
  @Test
  void theMeasurementIsOneHashOverBlocksAndChunks() throws GeneralSecurityException {
    MessageDigest sha = MessageDigest.getInstance("SHA-384");
    Mrtd mrtd = new Mrtd();
    assertThat(mrtd.value()).isEqualTo(sha.digest());
    byte[] page = new byte[4096];
    for (int i = 0; i < page.length; i++) {
      page[i] = (byte) (i * 7);
    }
    for (long gpa : new long[] {0, 0x1000, 0x1_2345_6000L}) {
      mrtd.pageAdd(gpa);
      sha.update(block("MEM.PAGE.ADD", gpa));
      for (int at : new int[] {0, 256, 3840}) {
        mrtd.extend(gpa + at, page, at);
        sha.update(block("MR.EXTEND", gpa + at));
        sha.update(page, at, 256);
      }
    }
    byte[] whole = sha.digest();
    assertThat(mrtd.value()).hasSize(Mrtd.SIZE).isEqualTo(whole);
    assertThat(mrtd.value()).as("asking ends nothing").isEqualTo(whole);
  }

  @Test
  void privateHkidsAreThoseOfTheRangeAndTheFirstIsTheModules() {
    PlatformConfig config = PlatformConfig.standard(4);
    KeyTable keys = new KeyTable(config);
    int first = config.firstPrivateHkid();
    int last = config.lastPrivateHkid();
    assertThat(keys.isPrivate(first - 1)).isFalse();
    assertThat(keys.isPrivate(first)).isTrue();
    assertThat(keys.isPrivate(last)).isTrue();
    assertThat(keys.isPrivate(last + 1)).isFalse();
    assertThat(keys.state(first)).isEqualTo(KeyTable.State.RESERVED);
    assertThat(keys.state(first + 1)).isEqualTo(KeyTable.State.FREE);
    assertThat(keys.state(last)).isEqualTo(KeyTable.State.FREE);
  }

  // TDX module 1.5.01, tdh_phymem_cache_wb.c.
  @Test
  void aWriteBackCleansTheKeysThatWereFlushedWhenItBegan() {
    KeyTable keys = new KeyTable(PlatformConfig.standard(4));
    assertThat(keys.beginWriteBack()).as("nothing is flushed").isFalse();
    keys.assign(20);
    assertThat(keys.state(20)).isEqualTo(KeyTable.State.ASSIGNED);
    keys.flush(20);
    assertThat(keys.needsWriteBack(20)).isTrue();
    assertThat(keys.needsWriteBack(21)).isFalse();
    assertThat(keys.beginWriteBack()).isTrue();
    int[] polls = {0};
    assertThat(keys.writeBack(() -> ++polls[0] == 2)).as("interrupted").isFalse();
    assertThat(keys.canResume()).isTrue();
    keys.flush(22);
    assertThat(
            keys.writeBack(() -> {
              polls[0]++;
              return false;
            }))
        .isTrue();
    assertThat(polls[0]).as("looks between four sub-blocks").isEqualTo(3);
    assertThat(keys.canResume()).isFalse();
    assertThat(keys.needsWriteBack(20)).isFalse();
    assertThat(keys.needsWriteBack(22)).as("flushed after it began").isTrue();
    assertThat(keys.beginWriteBack()).isTrue();
    keys.free(20);
    keys.free(22);
    assertThat(keys.state(20)).isEqualTo(KeyTable.State.FREE);
    assertThat(keys.beginWriteBack()).isFalse();
  }

  @Test
  void processorsCountInGroupsAndTheSumIsOfAll() {
    boolean[] seen = new boolean[8];
    for (int processor = 0; processor < 64; processor++) {
      seen[StripedCount.group(processor)] = true;
    }
    assertThat(seen).as("every group is somebody's").containsOnly(true);
    assertThat(StripedCount.group(3)).isNotEqualTo(StripedCount.group(11));
    StripedCount pages = new StripedCount();
    pages.add(2, 1);
    pages.add(7, 512);
    assertThat(pages.sum()).isEqualTo(513);
    pages.add(0, -513);
    assertThat(pages.sum()).as("taken away by another processor").isZero();
  }

  @Test
  void whatLeftATdIsCiphertextUntilItIsWrittenBackAndThenScrambled() {
    long base = 1L << 30;
    long frame = base >>> 12;
    SparseMemory memory = new SparseMemory();
    CipherState state = new CipherState(base, base + (2L << 30));
    for (long f : new long[] {frame, frame + 63, frame + (1 << 18), frame + (1 << 19) - 1}) {
      memory.write(f << 12, new byte[] {1, 2, 3}, 0, 3);
      assertThat(state.isStale(f)).isFalse();
      state.poison(f);
      assertThat(state.isPoisoned(f)).isTrue();
      assertThat(state.isPoisoned(f ^ 1)).isFalse();
      state.left(f, 1);
      assertThat(state.isPoisoned(f)).as("nobody reads it with the key any more").isFalse();
      assertThat(state.isStale(f)).isTrue();
      assertThat(state.isStale(f ^ 1)).isFalse();
      state.writtenBack(f, memory);
      assertThat(state.isStale(f)).isFalse();
      byte[] now = new byte[3];
      memory.read(f << 12, now, 0, 3);
      assertThat(now).isNotEqualTo(new byte[] {1, 2, 3});
      memory.write(f << 12, new byte[] {1, 2, 3}, 0, 3);
      state.writtenBack(f, memory);
      memory.read(f << 12, now, 0, 3);
      assertThat(now).as("there is nothing to write back").isEqualTo(new byte[] {1, 2, 3});
    }
    state.left(frame + 512, 512);
    assertThat(state.isStale(frame + 511)).isFalse();
    assertThat(state.isStale(frame + 512)).isTrue();
    assertThat(state.isStale(frame + 1023)).isTrue();
    assertThat(state.isStale(frame + 1024)).isFalse();
    long clean = frame + 2048;
    memory.write(clean << 12, new byte[] {9}, 0, 1);
    memory.write((clean + 2) << 12, new byte[] {9}, 0, 1);
    state.poison(clean);
    state.leftClean(clean, 2, memory);
    assertThat(state.isPoisoned(clean)).isFalse();
    assertThat(state.isStale(clean)).isFalse();
    byte[] one = new byte[1];
    memory.read(clean << 12, one, 0, 1);
    assertThat(one[0]).isNotEqualTo((byte) 9);
    assertThat(memory.isZero(clean + 1)).as("zeros cost nothing").isTrue();
    memory.read((clean + 2) << 12, one, 0, 1);
    assertThat(one[0]).as("behind the range").isEqualTo((byte) 9);
  }

  private static final TdParams GOOD = new TdParams(0, 3, 8, 0, 0x1e, 0, 80);

  private static long check(TdParams p, int tdcx) {
    return p.check(p.toBytes(), tdcx);
  }

  private static long invalid(int operand) {
    return SeamStatus.OPERAND_INVALID.with(operand);
  }

  // TDX module 1.5.01, read_and_set_td_configurations: the order of checks.
  @Test
  void eachParameterHasItsBounds() {
    assertThat(check(GOOD, 6)).isZero();
    assertThat(check(GOOD, 5)).isEqualTo(SeamStatus.TDCS_NOT_ALLOCATED.code());
    assertThat(check(with(2, 0), 6)).isEqualTo(invalid(Operand.ATTRIBUTES));
    assertThat(check(with(1L << 28 | 1, 0), 6)).isZero();
    assertThat(check(new TdParams(0, 1, 8, 0, 0x1e, 0, 80), 6)).isEqualTo(invalid(Operand.XFAM));
    assertThat(check(new TdParams(0, 0x13, 8, 0, 0x1e, 0, 80), 6)).isEqualTo(invalid(Operand.XFAM));
    assertThat(check(new TdParams(0, 0x61be7, 8, 0, 0x1e, 0, 80), 6)).isZero();
    for (int vcpus : new int[] {0, 577}) {
      assertThat(check(new TdParams(0, 3, vcpus, 0, 0x1e, 0, 80), 6))
          .isEqualTo(invalid(Operand.MAX_VCPUS));
    }
    assertThat(check(new TdParams(0, 3, 1, 0, 0x1e, 0, 80), 6)).isZero();
    assertThat(check(new TdParams(0, 3, 576, 0, 0x1e, 0, 80), 6)).isZero();
    assertThat(check(new TdParams(0, 3, 8, 4, 0x1e, 0, 80), 16))
        .isEqualTo(invalid(Operand.NUM_L2_VMS));
    assertThat(check(new TdParams(0, 3, 8, 3, 0x1e, 0, 80), 9)).isZero();
    assertThat(check(new TdParams(0, 3, 8, 3, 0x1e, 0, 80), 8))
        .isEqualTo(SeamStatus.TDCS_NOT_ALLOCATED.code());
    assertThat(check(with(0, 8), 6)).isEqualTo(invalid(Operand.EXEC_CONTROLS));
    assertThat(check(with(0, 4), 6)).isZero();
    for (long eptp : new long[] {0x1d, 0x16, 0x5e, 0x2e, 0x1f}) {
      assertThat(check(new TdParams(0, 3, 8, 0, eptp, 0, 80), 6))
          .as("EPTP %x", eptp)
          .isEqualTo(invalid(Operand.EPTP));
    }
    assertThat(check(new TdParams(0, 3, 8, 0, 0x26, 0, 80), 6)).as("five levels").isZero();
    assertThat(check(new TdParams(0, 3, 8, 0, 0x26, 1, 80), 6)).as("five, and 52 bits").isZero();
    assertThat(check(new TdParams(0, 3, 8, 0, 0x1e, 1, 80), 6))
        .as("four levels do not reach 52 bits")
        .isEqualTo(invalid(Operand.EPTP));
    for (int tsc : new int[] {3, 401}) {
      assertThat(check(new TdParams(0, 3, 8, 0, 0x1e, 0, tsc), 6))
          .isEqualTo(invalid(Operand.TSC_FREQUENCY));
    }
    assertThat(check(new TdParams(0, 3, 8, 0, 0x1e, 0, 4), 6)).isZero();
    assertThat(check(new TdParams(0, 3, 8, 0, 0x1e, 0, 400), 6)).isZero();
  }

  private static TdParams with(long attributes, long flags) {
    return new TdParams(attributes, 3, 8, 0, 0x1e, flags, 80);
  }

  @Test
  void reservedBytesAreZero() {
    for (int at : new int[] {20, 23, 42, 79, 224, 255, 448, 1023}) {
      byte[] raw = GOOD.toBytes();
      raw[at] = 1;
      assertThat(GOOD.check(raw, 6)).as("byte %s", at).isEqualTo(invalid(Operand.RDX));
    }
    for (int at : new int[] {19, 80, 223, 272}) {
      byte[] raw = GOOD.toBytes();
      raw[at] = 1;
      assertThat(GOOD.check(raw, 6)).as("byte %s", at).isZero();
    }
    byte[] raw = GOOD.toBytes();
    raw[19] = 2;
    assertThat(GOOD.check(raw, 6)).isEqualTo(invalid(Operand.RDX));
  }

  // TDX module 1.5.01, read_and_set_cpuid_configurations.
  @Test
  void cpuidBitsThatAreNeitherDirectNorAllowedAreRefused() {
    for (int row = 0; row < CpuidConfig.COUNT; row++) {
      for (int register = 0; register < CpuidConfig.REGISTERS; register++) {
        byte[] raw = GOOD.toBytes();
        long[] values = new long[CpuidConfig.REGISTERS];
        values[register] = CpuidConfig.direct(row, register);
        if (row == 0) {
          values[0] = CpuidConfig.PLATFORM_FMS;
        }
        CpuidConfig.put(raw, row, values);
        assertThat(GOOD.check(raw, 6)).as("row %s", row).isZero();
        assertThat(CpuidConfig.detail(raw, 0)).isZero();
      }
    }
    byte[] raw = GOOD.toBytes();
    CpuidConfig.put(raw, 4, new long[] {0, 0, 0, 8});
    assertThat(GOOD.check(raw, 6)).isEqualTo(invalid(Operand.CPUID_CONFIG));
    assertThat(CpuidConfig.detail(raw, 0)).isEqualTo(3L << 32 | 4);
    CpuidConfig.put(raw, 0, new long[] {0x806f1, 0, 0, 0});
    assertThat(CpuidConfig.detail(raw, 0)).as("the first").isEqualTo(0xffffffffL << 32 | 1);
  }

  @Test
  void aTdThatDoesNotMigrateSeesItsProcessor() {
    byte[] raw = GOOD.toBytes();
    CpuidConfig.put(raw, 0, new long[] {0x806f1, 0, 0, 0});
    assertThat(GOOD.check(raw, 6)).isEqualTo(invalid(Operand.CPUID_CONFIG));
    TdParams migrates = with(1L << 29, 0);
    assertThat(migrates.check(raw, 6)).isZero();
  }

  @Test
  void theTwoBitsOfTsxGoTogether() {
    byte[] raw = GOOD.toBytes();
    CpuidConfig.put(raw, 5, new long[] {0, 1 << 11, 0, 0});
    assertThat(GOOD.check(raw, 6)).isEqualTo(invalid(Operand.CPUID_CONFIG));
    assertThat(CpuidConfig.detail(raw, 0)).as("told without the leaf").isZero();
    CpuidConfig.put(raw, 5, new long[] {0, 1 << 11 | 1 << 4, 0, 0});
    assertThat(GOOD.check(raw, 6)).isZero();
  }

  @Test
  void parametersAreReadAsTheyAreWritten() {
    TdParams all =
        new TdParams(0x8000_0000_1000_0001L, 0x61be7, 0x123, 3, 0x1122_3344_5566_7788L, 5, 0x190);
    assertThat(TdParams.parse(all.toBytes())).isEqualTo(all);
    assertThat(Arrays.copyOf(all.toBytes(), 8))
        .isEqualTo(new byte[] {1, 0, 0, 0x10, 0, 0, 0, (byte) 0x80});
    assertThat(all.wide()).isTrue();
    assertThat(all.sharedBit()).isEqualTo(1L << 51);
    assertThat(GOOD.sharedBit()).isEqualTo(1L << 47);
    assertThat(GOOD.levels()).isEqualTo(4);
    assertThat(GOOD.septVeDisable()).isFalse();
    assertThat(all.septVeDisable()).isTrue();
  }

  // TDX module 1.5.01, td_exit_stepping.c: six faults at one instruction are nothing, then 32 are
  // kept.
  @Test
  void theStepGuardIsArmedByTheSeventhFaultAndForgetsAtProgress() {
    StepGuard guard = new StepGuard();
    for (int i = 0; i < 6; i++) {
      guard.fault(0x1000L * i);
      assertThat(guard.armed()).as("fault %d", i).isFalse();
    }
    guard.fault(0x7000);
    guard.fault(0x7000);
    assertThat(guard.armed()).isTrue();
    assertThat(guard.count()).isOne();
    assertThat(guard.address(0)).isEqualTo(0x7000);
    for (int i = 0; i < 40; i++) {
      guard.fault(0x10_0000L + 0x1000L * i);
    }
    assertThat(guard.count()).isEqualTo(32);
    guard.progress();
    assertThat(guard.armed()).isFalse();
    guard.fault(0x1000);
    assertThat(guard.armed()).as("six again").isFalse();
  }

  @Test
  void aProbeTakesTheEntryThatAHostCallWouldTake() {
    Bench fresh = new Bench();
    fresh.must(fresh.host.mngCreate(Bench.TDR, 0x20));
    assertThat(fresh.module.lockProbe().entry(fresh.td(), GPA, 0)).as("no table yet").isFalse();
    Bench b = Bench.runnable(true);
    LockProbe probe = b.module.lockProbe();
    assertThat(probe.entry(b.td(), GPA, 0)).as("no table of its level").isFalse();
    b.tables(GPA, 0);
    b.must(b.host.memPageAug(Bench.TDR, GPA, 0, b.page()));
    assertThat(probe.entry(b.td(), GPA, 0)).isTrue();
    assertThat(b.host.memRangeBlock(Bench.TDR, GPA, 0))
        .isEqualTo(SeamStatus.OPERAND_BUSY.with(Operand.RCX));
    assertThat(b.module.lockProbe().entry(b.td(), GPA, 0)).as("another probe").isFalse();
    probe.release();
    b.must(b.host.memRangeBlock(Bench.TDR, GPA, 0));
  }
}
