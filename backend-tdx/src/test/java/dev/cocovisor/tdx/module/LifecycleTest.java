package dev.cocovisor.tdx.module;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.tdx.module.abi.Operand;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.call.LockProbe;
import dev.cocovisor.tdx.module.call.SeamCall;
import org.junit.jupiter.api.Test;

/** The life of keys, TDs and vCPUs where the recorded programs do not reach. */
class LifecycleTest {
  private static final long TDR = Bench.TDR;

  private static Bench flushed() {
    Bench b = Bench.runnable(true);
    b.must(b.onLp.vpFlush(Bench.VCPU));
    b.must(b.onLp1.vpFlush(Bench.VCPU_1));
    b.must(b.host.mngVpFlushDone(TDR));
    return b;
  }

  @Test
  void writingCachesBackNeedsAFlushedKey() {
    Bench b = Bench.runnable(true);
    long none = b.host.phymemCacheWb(false);
    assertThat(none).isEqualTo(SeamStatus.NO_HKID_READY_TO_WBCACHE.code());
    assertThat(SeamStatus.isError(none)).isFalse();
    assertThat(b.host.call(SeamCall.PHYMEM_CACHE_WB, 2, 0, 0, 0))
        .isEqualTo(SeamStatus.OPERAND_INVALID.with(Operand.RCX));
  }

  @Test
  void cachesCanBeWrittenBackAgainUntilTheKeyIsFreed() {
    Bench b = flushed();
    b.must(b.host.phymemCacheWb(false));
    b.must(b.host.phymemCacheWb(false));
    b.must(b.host.mngKeyFreeId(TDR));
    assertThat(b.host.phymemCacheWb(false)).isEqualTo(SeamStatus.NO_HKID_READY_TO_WBCACHE.code());
  }

  @Test
  void anInterruptedWriteBackIsResumedFromAnyProcessorOfThePackage() {
    Bench b = flushed();
    assertThat(b.host.phymemCacheWb(true)).isEqualTo(SeamStatus.WBCACHE_RESUME_ERROR.code());
    b.module.setInterrupts(0, () -> true);
    assertThat(b.host.phymemCacheWb(false)).isEqualTo(SeamStatus.INTERRUPTED_RESUMABLE.code());
    assertThat(b.host.mngKeyFreeId(TDR)).isEqualTo(SeamStatus.WBCACHE_NOT_COMPLETE.code());
    b.must(b.onLp.phymemCacheWb(true));
    assertThat(b.onLp.phymemCacheWb(true)).isEqualTo(SeamStatus.WBCACHE_RESUME_ERROR.code());
    b.must(b.host.mngKeyFreeId(TDR));
  }

  @Test
  void startingAWriteBackForgetsTheInterruptedOne() {
    Bench b = flushed();
    b.module.setInterrupts(0, () -> true);
    assertThat(b.host.phymemCacheWb(false)).isEqualTo(SeamStatus.INTERRUPTED_RESUMABLE.code());
    b.must(b.onLp.phymemCacheWb(false));
    assertThat(b.onLp.phymemCacheWb(true)).isEqualTo(SeamStatus.WBCACHE_RESUME_ERROR.code());
  }

  @Test
  void aWriteBackThatWasBegunBeforeAKeyWasFlushedDoesNotCleanIt() {
    Bench b = flushed();
    b.module.setInterrupts(0, () -> true);
    assertThat(b.host.phymemCacheWb(false)).isEqualTo(SeamStatus.INTERRUPTED_RESUMABLE.code());
    long late = TDR + 0x80000;
    b.must(b.host.mngCreate(late, 0x22));
    b.must(b.host.mngVpFlushDone(late));
    b.must(b.onLp.phymemCacheWb(true));
    b.must(b.host.mngKeyFreeId(TDR));
    assertThat(b.host.mngKeyFreeId(late)).isEqualTo(SeamStatus.WBCACHE_NOT_COMPLETE.code());
    b.must(b.onLp.phymemCacheWb(false));
    b.must(b.host.mngKeyFreeId(late));
  }

  @Test
  void aVcpuWithoutItsPagesCanBeNeitherInitialisedNorEnteredNorFlushed() {
    Bench b = Bench.initialized(true);
    long third = TDR + 0x30000;
    b.must(b.host.vpCreate(TDR, third));
    long few = SeamStatus.TDCX_NUM_INCORRECT.code();
    assertThat(b.host.vpInit(third, 0)).isEqualTo(few);
    assertThat(b.host.vpFlush(third)).isEqualTo(few);
    for (int i = 1; i <= 5; i++) {
      b.must(b.host.vpAddCx(third, third + i * 0x1000L));
    }
    assertThat(b.host.vpFlush(third)).isEqualTo(SeamStatus.VCPU_NOT_ASSOCIATED.code());
    long fourth = TDR + 0x38000;
    b.must(b.host.vpCreate(TDR, fourth));
    b.must(b.host.mrFinalize(TDR));
    assertThat(b.host.vpEnter(third)).isEqualTo(SeamStatus.VCPU_STATE_INCORRECT.code());
    assertThat(b.host.vpEnter(fourth)).isEqualTo(few);
  }

  @Test
  void aVcpuOfALostTdCanStillBeFlushed() {
    Bench b = Bench.runnable(true);
    b.td().markFatal();
    assertThat(b.onLp.vpEnter(Bench.VCPU)).isEqualTo(SeamStatus.TD_FATAL.code());
    LockProbe other = b.module.lockProbe();
    assertThat(other.opState(b.td(), true)).isTrue();
    b.must(b.onLp.vpFlush(Bench.VCPU));
    other.release();
  }

  @Test
  void addingMorePagesThanAVcpuCanHaveIsRefused() {
    Bench b = Bench.initialized(true);
    long third = TDR + 0x30000;
    b.must(b.host.vpCreate(TDR, third));
    for (int i = 1; i <= 14; i++) {
      b.must(b.host.vpAddCx(third, third + i * 0x1000L));
    }
    assertThat(b.host.vpAddCx(third, third + 0xf000))
        .isEqualTo(SeamStatus.TDCX_NUM_INCORRECT.code());
    assertThat(b.host.vpAddCx(Bench.VCPU, third + 0xf000))
        .isEqualTo(SeamStatus.VCPU_STATE_INCORRECT.code());
  }

  @Test
  void reclaimShowsNothingOfAFreePageAndReadingMetadataItsLastOwner() {
    Bench b = Bench.runnable(true);
    long gpa = 0x40000000L;
    b.tables(gpa, 0);
    long page = b.page();
    b.must(b.host.memPageAug(TDR, gpa, 0, page));
    b.must(b.host.memRangeBlock(TDR, gpa, 0));
    b.track();
    b.must(b.host.memPageRemove(TDR, gpa, 0));
    assertThat(b.host.phymemPageReclaim(page))
        .isEqualTo(SeamStatus.PAGE_METADATA_INCORRECT.with(Operand.RCX));
    assertThat(b.host.rdx()).isZero();
    b.must(b.host.phymemPageReadMetadata(page));
    assertThat(b.host.rdx()).isEqualTo(TDR);
  }

  @Test
  void addingATableGivesBackWhatBecameOfThePage() {
    Bench b = Bench.runnable(true);
    long gpa = 0x40000000L;
    b.tables(gpa, 2);
    long page = b.page();
    long unused = 1L << 63;
    // Version 1; no table of a nested VM. An error gives the address back without bit 63.
    assertThat(add(b, 0x8000000000000000L, page | unused))
        .isEqualTo(SeamStatus.OPERAND_INVALID.with(Operand.RCX));
    assertThat(b.r.r8).isEqualTo(page);
    assertThat(add(b, gpa | 2, page | unused)).isZero();
    assertThat(b.r.r8).isEqualTo(-1L);
    long other = b.page();
    assertThat(add(b, gpa | 2, other))
        .isEqualTo(SeamStatus.EPT_ENTRY_STATE_INCORRECT.with(Operand.RCX));
    assertThat(b.r.r8).isEqualTo(other);
    b.r.rdx = TDR | 1;
    assertThat(add(b, gpa | 2, other, TDR | 1)).isZero();
    assertThat(b.r.r8).isEqualTo(other | unused);
    assertThat(add(b, gpa | 2, -1L)).isZero();
    assertThat(add(b, gpa + (1L << 30) | 2, -1L))
        .isEqualTo(SeamStatus.EPT_ENTRY_STATE_INCORRECT.with(Operand.RCX));
  }

  private static long add(Bench b, long rcx, long r8) {
    return add(b, rcx, r8, TDR);
  }

  private static long add(Bench b, long rcx, long r8, long handle) {
    b.r.clear();
    b.r.rax = SeamCall.MEM_SEPT_ADD.leaf() | 1L << 16;
    b.r.rcx = rcx;
    b.r.rdx = handle;
    b.r.r8 = r8;
    b.r.r9 = -1L;
    b.r.r10 = -1L;
    b.r.r11 = -1L;
    return b.module.seamcall(0, b.r);
  }
}
