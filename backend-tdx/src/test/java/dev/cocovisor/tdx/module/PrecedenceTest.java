package dev.cocovisor.tdx.module;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.PhysicalGuard.Verdict;
import dev.cocovisor.tdx.module.abi.AccessKind;
import dev.cocovisor.tdx.module.abi.GuestOutcome;
import dev.cocovisor.tdx.module.abi.Operand;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.call.LockProbe;
import dev.cocovisor.tdx.module.call.SeamCall;
import dev.cocovisor.tdx.module.call.TdCall;
import dev.cocovisor.tdx.module.pamt.PageType;
import org.junit.jupiter.api.Test;

/** Which of two errors a call reports, and what locks, epochs and the guard make of it. */
class PrecedenceTest {
  private static final long GPA = 0x40000000L;
  private static final long TDR = Bench.TDR;

  @Test
  void theTdrIsCheckedBeforeTheTdAndTheTdBeforeRcx() {
    Bench b = new Bench();
    long bad = 0x8000000000000000L;
    assertThat(b.host.call(SeamCall.MEM_PAGE_AUG, bad, TDR + 1, 1, 0))
        .isEqualTo(SeamStatus.OPERAND_INVALID.with(Operand.RDX));
    assertThat(b.host.call(SeamCall.MEM_PAGE_AUG, bad, 0x10000000, 1, 0))
        .isEqualTo(SeamStatus.OPERAND_ADDR_RANGE_ERROR.with(Operand.RDX));
    assertThat(b.host.call(SeamCall.MEM_PAGE_AUG, bad, TDR, 1, 0))
        .isEqualTo(SeamStatus.PAGE_METADATA_INCORRECT.with(Operand.RDX));
    b.must(b.host.mngCreate(TDR, 0x20));
    assertThat(b.host.call(SeamCall.MEM_PAGE_AUG, bad, TDR, 1, 0))
        .isEqualTo(SeamStatus.TD_KEYS_NOT_CONFIGURED.code());
    b.must(b.host.mngKeyConfig(TDR));
    assertThat(b.host.call(SeamCall.MEM_PAGE_AUG, bad, TDR, 1, 0))
        .isEqualTo(SeamStatus.TDCS_NOT_ALLOCATED.code());
    Bench r = Bench.runnable(true);
    assertThat(r.host.call(SeamCall.MEM_PAGE_AUG, bad, TDR, 1, 0))
        .isEqualTo(SeamStatus.OPERAND_INVALID.with(Operand.RCX));
    assertThat(r.host.call(SeamCall.MEM_PAGE_AUG, GPA, TDR, 1, 0))
        .isEqualTo(SeamStatus.EPT_WALK_FAILED.with(Operand.RCX));
    r.tables(GPA, 0);
    assertThat(r.host.call(SeamCall.MEM_PAGE_AUG, GPA, TDR, 1, 0))
        .isEqualTo(SeamStatus.OPERAND_INVALID.with(Operand.R8));
    r.td().markFatal();
    assertThat(r.host.call(SeamCall.MEM_PAGE_AUG, bad, TDR, 1, 0))
        .isEqualTo(SeamStatus.TD_FATAL.code());
  }

  @Test
  void reservedBitsOfRaxComeFirstAndLeaveRegistersAlone() {
    Bench b = new Bench();
    b.r.clear();
    b.r.rax = SeamCall.MEM_PAGE_AUG.leaf() | 1L << 40;
    b.r.rcx = 7;
    assertThat(b.module.seamcall(0, b.r)).isEqualTo(SeamStatus.OPERAND_INVALID.with(Operand.RAX));
    assertThat(b.r.rcx).isEqualTo(7);
    b.r.rax = 63;
    assertThat(b.module.seamcall(0, b.r)).isEqualTo(SeamStatus.OPERAND_INVALID.with(Operand.RAX));
  }

  @Test
  void blockWantsTheTreeAloneAndSoLosesAgainstAnyOtherCallInIt() {
    Bench b = Bench.runnable(true);
    b.tables(GPA, 0);
    b.must(b.host.memPageAug(TDR, GPA, 0, b.page()));
    LockProbe other = b.module.lockProbe();
    assertThat(other.tree(b.td(), false)).isTrue();
    assertThat(b.host.memRangeBlock(TDR, GPA, 0))
        .isEqualTo(SeamStatus.OPERAND_BUSY.with(Operand.SEPT_TREE));
    b.must(b.host.memPageAug(TDR, GPA + 4096, 0, b.page()));
    other.release();
    b.must(b.host.memRangeBlock(TDR, GPA, 0));
  }

  @Test
  void aHostThatFailedOnAnEntryKeepsTheGuestAwayUntilItSucceeds() {
    Bench b = Bench.runnable(true);
    b.tables(GPA, 0);
    b.must(b.host.memPageAug(TDR, GPA, 0, b.page()));
    LockProbe other = b.module.lockProbe();
    assertThat(other.entry(b.td(), GPA, 0)).isTrue();
    assertThat(b.host.memSeptRead(TDR, GPA, 0))
        .isEqualTo(SeamStatus.OPERAND_BUSY.with(Operand.RCX));
    other.release();
    b.enter();
    assertThat(b.accept(GPA, 0)).isEqualTo(GuestOutcome.DONE);
    assertThat(b.r.rax).isEqualTo(SeamStatus.OPERAND_BUSY.with(Operand.RCX));
    b.must(b.host.memSeptRead(TDR, GPA, 0));
    assertThat(b.accept(GPA, 0)).isEqualTo(GuestOutcome.DONE);
    assertThat(b.r.rax).isZero();
  }

  @Test
  void callsThatWantTheTdrAloneAreBusyWhileAVcpuIsInside() {
    Bench b = Bench.initialized(true);
    b.must(b.host.mrFinalize(TDR));
    b.enter();
    assertThat(b.host.mrFinalize(TDR)).isEqualTo(SeamStatus.OPERAND_BUSY.with(Operand.RCX));
    assertThat(b.host.mngVpFlushDone(TDR)).isEqualTo(SeamStatus.OPERAND_BUSY.with(Operand.RCX));
    b.leave();
    assertThat(b.host.mrFinalize(TDR)).isEqualTo(SeamStatus.OP_STATE_INCORRECT.code());
  }

  @Test
  void aSecondTrackWaitsForTheVcpusOfTheEpochBefore() {
    Bench b = Bench.runnable(true);
    b.enter();
    b.must(b.host.memTrack(TDR));
    assertThat(b.host.memTrack(TDR)).isEqualTo(SeamStatus.PREVIOUS_TLB_EPOCH_BUSY.code());
    b.leave();
    b.must(b.host.memTrack(TDR));
  }

  @Test
  void sevenFaultsAtOneInstructionArmTheZeroStepGuard() {
    Bench b = Bench.runnable(true);
    b.tables(GPA, 0);
    for (int i = 0; i < 7; i++) {
      b.enter();
      assertThat(b.module.access(Bench.LP, GPA, AccessKind.WRITE)).isEqualTo(GuestOutcome.TD_EXIT);
    }
    assertThat(b.onLp.vpEnter(Bench.VCPU)).isEqualTo(0x30);
    assertThat(b.onLp.r8()).isEqualTo(GPA);
    LockProbe other = b.module.lockProbe();
    assertThat(other.tree(b.td(), false)).isTrue();
    assertThat(b.onLp.vpEnter(Bench.VCPU))
        .isEqualTo(SeamStatus.OPERAND_BUSY.with(Operand.SEPT_TREE));
    other.release();
    b.must(b.host.memPageAug(TDR, GPA, 0, b.page()));
    assertThat(b.onLp.vpEnter(Bench.VCPU)).isEqualTo(0x30);
    b.onLp1.vpEnter(Bench.VCPU_1);
    b.r.clear();
    b.r.rax = TdCall.MEM_PAGE_ACCEPT.leaf();
    b.r.rcx = GPA;
    assertThat(b.module.tdcall(Bench.LP_1, b.r)).isEqualTo(GuestOutcome.DONE);
    b.enter();
  }

  @Test
  void aTdsPageIsCiphertextToOthersAndAForeignWriteEndsTheTd() {
    Bench b = Bench.runnable(true);
    b.tables(GPA, 0);
    long page = b.page();
    b.must(b.host.memPageAug(TDR, GPA, 0, page));
    b.mustAccept(GPA, 0);
    var guard = b.module.guard();
    Accessor owner = new Accessor(Accessor.Kind.GUEST, 1, 0x20);
    assertThat(guard.check(owner, page >>> 12, true)).isEqualTo(Verdict.ALLOW);
    assertThat(guard.check(Accessor.HOST_KERNEL, page >>> 12, false)).isEqualTo(Verdict.CIPHER);
    assertThat(guard.check(new Accessor(Accessor.Kind.GUEST, 2, 0x21), page >>> 12, false))
        .isEqualTo(Verdict.CIPHER);
    b.enter();
    assertThat(b.module.access(Bench.LP, GPA, AccessKind.READ)).isEqualTo(GuestOutcome.DONE);
    assertThat(guard.check(Accessor.HOST_USER, page >>> 12, true)).isEqualTo(Verdict.POISON);
    assertThat(b.module.access(Bench.LP, GPA, AccessKind.READ)).isEqualTo(GuestOutcome.TD_EXIT);
    assertThat(b.onLp.vpEnter(Bench.VCPU)).isEqualTo(SeamStatus.TD_FATAL.code());
  }

  @Test
  void aRemovedPageStaysCiphertextUntilItIsWrittenBack() {
    Bench b = Bench.runnable(true);
    b.tables(GPA, 0);
    long page = b.page();
    b.must(b.host.memPageAug(TDR, GPA, 0, page));
    b.mustAccept(GPA, 0);
    b.memory.writeByte(page, 0x5a);
    b.must(b.host.memRangeBlock(TDR, GPA, 0));
    b.track();
    b.must(b.host.memPageRemove(TDR, GPA, 0));
    var guard = b.module.guard();
    assertThat(guard.check(Accessor.HOST_KERNEL, page >>> 12, false)).isEqualTo(Verdict.CIPHER);
    b.must(b.host.phymemPageWbinvd(page | 0x20L << 46));
    assertThat(guard.check(Accessor.HOST_KERNEL, page >>> 12, false)).isEqualTo(Verdict.ALLOW);
    // Written back is not cleared: what the key made of the page is there until the host writes.
    assertThat(b.memory.isZero(page >>> 12)).isFalse();
    assertThat(b.memory.readByte(page)).isNotEqualTo(0x5a);
  }

  @Test
  void teardownGivesEveryPageBack() {
    Bench b = Bench.runnable(true);
    b.tables(GPA, 0);
    b.must(b.host.memPageAug(TDR, GPA, 0, b.page()));
    assertThat(b.host.mngVpFlushDone(TDR)).isEqualTo(SeamStatus.FLUSHVP_NOT_DONE.code());
    b.must(b.onLp.vpFlush(Bench.VCPU));
    b.must(b.onLp1.vpFlush(Bench.VCPU_1));
    b.must(b.host.mngVpFlushDone(TDR));
    assertThat(b.host.mngKeyFreeId(TDR)).isEqualTo(SeamStatus.WBCACHE_NOT_COMPLETE.code());
    b.must(b.host.phymemCacheWb(false));
    b.must(b.host.mngKeyFreeId(TDR));
    assertThat(b.host.phymemPageReclaim(TDR))
        .isEqualTo(SeamStatus.TD_ASSOCIATED_PAGES_EXIST.code());
    for (long hpa = Bench.BASE + 4096; hpa < Bench.BASE + (2L << 20); hpa += 4096) {
      if (b.pamt.type(0, hpa) != PageType.NDA) {
        b.must(b.host.phymemPageReclaim(hpa));
      }
    }
    b.must(b.host.phymemPageReclaim(TDR));
    assertThat(b.pamt.used4k(Bench.BASE)).isZero();
    assertThat(b.module.td(TDR)).isNull();
  }
}
