package dev.cocovisor.tdx.module;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.tdx.module.abi.AccessKind;
import dev.cocovisor.tdx.module.abi.GuestOutcome;
import dev.cocovisor.tdx.module.abi.Operand;
import dev.cocovisor.tdx.module.abi.Registers;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.sept.SeptState;
import dev.cocovisor.tdx.module.td.Mrtd;
import org.junit.jupiter.api.Test;

/** The six rules that most wrong implementations miss (TDX module 1.5.01), by name. */
class SixTrapsTest {
  private static final long GPA = 0x40000000L;
  private static final long TDR = Bench.TDR;

  @Test
  void aSmallCallUnderALargeLeafFailsItsWalkAndALargeCallOnATableFindsAWrongState() {
    Bench b = Bench.runnable(true);
    b.tables(GPA, 1);
    b.must(b.host.memPageAug(TDR, GPA, 1, b.huge()));
    assertThat(b.host.memPageAug(TDR, GPA, 0, b.page()))
        .isEqualTo(SeamStatus.EPT_WALK_FAILED.with(Operand.RCX));
    assertThat(b.host.rdx()).isEqualTo(0x201);
    long other = GPA + (2L << 20);
    b.must(b.host.memSeptAdd(TDR, other, 1, b.page()));
    assertThat(b.host.memPageAug(TDR, other, 1, b.huge()))
        .isEqualTo(SeamStatus.EPT_ENTRY_STATE_INCORRECT.with(Operand.RCX));
    assertThat(b.host.rdx()).isEqualTo(0x8401);
  }

  @Test
  void aLiveEntryThatWasNeverBlockedIsNotBlockedRatherThanInAWrongState() {
    Bench b = Bench.runnable(true);
    b.tables(GPA, 0);
    b.must(b.host.memPageAug(TDR, GPA, 0, b.page()));
    assertThat(b.host.memPageRemove(TDR, GPA, 0))
        .isEqualTo(SeamStatus.GPA_RANGE_NOT_BLOCKED.with(Operand.RCX));
    assertThat(b.host.memPageRemove(TDR, GPA + 4096, 0))
        .isEqualTo(SeamStatus.EPT_ENTRY_STATE_INCORRECT.with(Operand.RCX));
  }

  @Test
  void whileTheTdIsBuiltNothingHasToBeBlockedOrTracked() {
    Bench b = Bench.initialized(true);
    b.tables(GPA, 0);
    b.must(b.host.memPageAdd(TDR, GPA, b.page(), Bench.SOURCE));
    b.must(b.host.memPageRemove(TDR, GPA, 0));
    b.must(b.host.memSeptRemove(TDR, GPA, 1));
    b.must(b.host.memPageAug(TDR, GPA, 1, b.huge()));
    b.must(b.host.memPageDemote(TDR, GPA, 1, b.page()));
    assertThat(b.td().epoch()).isEqualTo(1);
  }

  // TDX module 1.5.01, tdh_mem_page_aug.c and others: what is given is PT_NDA at every size.
  @Test
  void aPageInUseIsGivenToNobody() {
    Bench b = Bench.runnable(true);
    b.tables(GPA, 0);
    long other = GPA + (4L << 20);
    b.tables(other, 1);
    long page = b.page();
    long inUse = SeamStatus.PAGE_METADATA_INCORRECT.with(Operand.R8);
    b.must(b.host.memPageAug(TDR, GPA, 0, page));
    assertThat(b.host.memPageAug(TDR, GPA + 4096, 0, page)).isEqualTo(inUse);
    assertThat(b.host.memSeptAdd(TDR, other, 1, page)).isEqualTo(inUse);
    long huge = b.huge();
    b.must(b.host.memPageAug(TDR, other, 1, huge));
    assertThat(b.host.memPageAug(TDR, GPA + 4096, 0, huge)).isEqualTo(inUse);
    assertThat(b.host.memPageAug(TDR, GPA + 4096, 0, huge + 4096)).isEqualTo(inUse);
    b.must(b.host.memRangeBlock(TDR, other, 1));
    b.track();
    assertThat(b.host.memPageDemote(TDR, other, 1, page)).isEqualTo(inUse);
    assertThat(b.host.memPageDemote(TDR, other, 1, huge + 4096)).isEqualTo(inUse);
    b.must(b.host.memPageDemote(TDR, other, 1, b.page()));
    assertThat(b.host.memPageAug(TDR, GPA + 4096, 0, huge + 4096)).isEqualTo(inUse);
    assertThat(b.host.memPageAug(TDR, GPA + (6L << 20), 1, huge))
        .as("small pages of it are in use")
        .isEqualTo(inUse);
  }

  // TDX module 1.5.01, tdh_mem_page_promote.c: 512 pages in a row, all in the first one's state.
  @Test
  void onlyPagesInARowBecomeOne() {
    for (boolean moved : new boolean[] {false, true}) {
      Bench b = Bench.runnable(true);
      b.tables(GPA, 1);
      b.must(b.host.memPageAug(TDR, GPA, 1, b.huge()));
      b.mustAccept(GPA, 1);
      b.must(b.host.memRangeBlock(TDR, GPA, 1));
      b.track();
      b.must(b.host.memPageDemote(TDR, GPA, 1, b.page()));
      if (moved) {
        b.must(b.host.memRangeBlock(TDR, GPA + 9 * 4096, 0));
        b.track();
        b.must(b.host.memPageRelocate(TDR, GPA + 9 * 4096, b.page()));
      }
      b.must(b.host.memRangeBlock(TDR, GPA, 1));
      b.track();
      assertThat(b.host.memPagePromote(TDR, GPA, 1))
          .isEqualTo(moved ? SeamStatus.EPT_INVALID_PROMOTE_CONDITIONS.with(Operand.RCX) : 0);
    }
  }

  // TDX module 1.5.01, tdh_mem_page_relocate.c: what the guest accepted moves, nothing else does.
  @Test
  void aPageThatMovesTakesItsContentsAlongOnceItWasAccepted() {
    for (boolean accepted : new boolean[] {false, true}) {
      Bench b = Bench.runnable(true);
      b.tables(GPA, 0);
      long from = b.page();
      long to = b.page();
      b.must(b.host.memPageAug(TDR, GPA, 0, from));
      if (accepted) {
        b.mustAccept(GPA, 0);
      }
      b.memory.write(from, new byte[] {9}, 0, 1);
      b.must(b.host.memRangeBlock(TDR, GPA, 0));
      b.track();
      b.must(b.host.memPageRelocate(TDR, GPA, to));
      byte[] moved = new byte[1];
      b.memory.read(to, moved, 0, 1);
      assertThat(moved[0]).isEqualTo((byte) (accepted ? 9 : 0));
    }
  }

  // TDX module base specification, TD build-time measurement: the address of each page added.
  @Test
  void whatIsAddedIsMeasuredByItsAddress() {
    Bench b = Bench.initialized(true);
    b.tables(GPA, 0);
    Mrtd expected = new Mrtd();
    for (int i = 0; i < 2; i++) {
      b.must(b.host.memPageAdd(TDR, GPA + i * 4096L, b.page(), Bench.SOURCE));
      expected.pageAdd(GPA + i * 4096L);
    }
    b.must(b.host.mrFinalize(TDR));
    assertThat(b.td().mrtd()).isEqualTo(expected.value());
  }

  // TDX module 1.5.01, check_gpa_validity: the shared bit and everything above it are clear.
  @Test
  void anAddressWithTheSharedBitIsNoPrivateOne() {
    Bench b = Bench.runnable(true);
    long invalid = SeamStatus.OPERAND_INVALID.with(Operand.RCX);
    for (int bit : new int[] {47, 48, 51}) {
      assertThat(b.host.memPageAug(TDR, GPA | 1L << bit, 0, b.page()))
          .as("bit %d", bit)
          .isEqualTo(invalid);
    }
    long children = b.td().children();
    b.tables(GPA, 1);
    b.must(b.host.memPageAug(TDR, GPA, 1, b.huge()));
    b.must(b.host.memRangeBlock(TDR, GPA, 1));
    b.track();
    long before = b.td().children();
    b.must(b.host.memPageDemote(TDR, GPA, 1, b.page()));
    assertThat(b.td().children()).as("one more table").isEqualTo(before + 1);
    assertThat(before).isGreaterThan(children + 512);
  }

  // TDX module 1.5.01, tdh_phymem_page_reclaim.c: of a TD in TEARDOWN only, and its TDR last.
  @Test
  void nothingIsReclaimedFromATdThatIsAlive() {
    Bench b = Bench.runnable(true);
    b.tables(GPA, 0);
    long page = b.page();
    b.must(b.host.memPageAug(TDR, GPA, 0, page));
    long alive = SeamStatus.LIFECYCLE_STATE_INCORRECT.code();
    assertThat(b.host.phymemPageReclaim(page)).isEqualTo(alive);
    assertThat(b.host.phymemPageReclaim(TDR)).isEqualTo(alive);
    b.must(b.onLp.vpFlush(Bench.VCPU));
    b.must(b.onLp1.vpFlush(Bench.VCPU_1));
    b.must(b.host.mngVpFlushDone(TDR));
    assertThat(b.host.phymemPageReclaim(page)).as("flushed only").isEqualTo(alive);
    b.must(b.host.phymemCacheWb(false));
    b.must(b.host.mngKeyFreeId(TDR));
    assertThat(b.host.phymemPageReclaim(TDR))
        .isEqualTo(SeamStatus.TD_ASSOCIATED_PAGES_EXIST.code());
    b.must(b.host.phymemPageReclaim(page));
    assertThat(b.host.phymemPageReclaim(page))
        .as("it is nobody's")
        .isEqualTo(SeamStatus.PAGE_METADATA_INCORRECT.with(Operand.RCX));
  }

  // TDX module 1.5.01, tdh_mem_sept_remove.c: the table's entries are looked at, pending ones too.
  @Test
  void aTableThatHoldsAPageStays() {
    Bench b = Bench.initialized(true);
    b.tables(GPA, 0);
    b.must(b.host.memPageAdd(TDR, GPA + 7 * 4096, b.page(), Bench.SOURCE));
    assertThat(b.host.memSeptRemove(TDR, GPA, 1))
        .isEqualTo(SeamStatus.EPT_PAGE_NOT_FREE.with(Operand.RCX));
    assertThat(b.host.memSeptRemove(TDR, GPA & -(1L << 30), 2))
        .as("a table below is no free entry")
        .isEqualTo(SeamStatus.EPT_PAGE_NOT_FREE.with(Operand.RCX));
    b.must(b.host.memPageRemove(TDR, GPA + 7 * 4096, 0));
    b.must(b.host.memSeptRemove(TDR, GPA, 1));
    b.must(b.host.memSeptRemove(TDR, GPA & -(1L << 30), 2));
  }

  @Test
  void demoteLeavesItsChildrenUnblocked() {
    Bench b = Bench.runnable(true);
    b.tables(GPA, 1);
    b.must(b.host.memPageAug(TDR, GPA, 1, b.huge()));
    b.mustAccept(GPA, 1);
    b.must(b.host.memRangeBlock(TDR, GPA, 1));
    b.track();
    b.must(b.host.memPageDemote(TDR, GPA, 1, b.page()));
    assertThat(b.state(GPA, 1)).isEqualTo(SeptState.NL_MAPPED);
    for (int i = 0; i < 512; i++) {
      assertThat(b.state(GPA + i * 4096L, 0)).isEqualTo(SeptState.MAPPED);
    }
    b.enter();
    assertThat(b.module.access(Bench.LP, GPA + 0x5123, AccessKind.READ))
        .isEqualTo(GuestOutcome.DONE);
  }

  @Test
  void acceptAtAnotherSizeThanTheEntryHasThreeAnswers() {
    Bench b = Bench.runnable(true);
    b.tables(GPA, 1);
    b.must(b.host.memSeptAdd(TDR, GPA, 1, b.page()));
    long pending = GPA + (2L << 20);
    long mapped = GPA + (4L << 20);
    b.must(b.host.memPageAug(TDR, pending, 1, b.huge()));
    b.must(b.host.memPageAug(TDR, mapped, 1, b.huge()));
    b.mustAccept(mapped, 1);
    b.enter();
    assertThat(b.accept(GPA, 1)).isEqualTo(GuestOutcome.DONE);
    assertThat(b.r.rax).isEqualTo(SeamStatus.PAGE_SIZE_MISMATCH.with(1));
    assertThat(b.accept(mapped + 0x3000, 0)).isEqualTo(GuestOutcome.DONE);
    assertThat(b.r.rax).isEqualTo(SeamStatus.PAGE_ALREADY_ACCEPTED.with(1));
    assertThat(SeamStatus.isError(b.r.rax)).isFalse();
    assertThat(b.accept(pending + 0x3000, 0)).isEqualTo(GuestOutcome.TD_EXIT);
    Registers e = b.module.exitRegisters(Bench.LP);
    assertThat(e.rax).isEqualTo(0x30);
    // Type ACCEPT; asked for level 0, stopped at level 1, pending, a leaf.
    assertThat(e.rdx).isEqualTo(0x4088_0000_0001L);
    assertThat(e.r8).isEqualTo(pending + 0x3000);
  }

  @Test
  void blockingAHalfAcceptedPageForgetsHowFarTheGuestCame() {
    Bench b = Bench.runnable(true);
    b.tables(GPA, 1);
    b.must(b.host.memPageAug(TDR, GPA, 1, b.huge()));
    b.enter();
    int[] polls = {0};
    b.module.setInterrupts(Bench.LP, () -> ++polls[0] >= 100);
    assertThat(b.accept(GPA, 1)).isEqualTo(GuestOutcome.INTERRUPTED);
    b.leave();
    b.must(b.host.memSeptRead(TDR, GPA, 1));
    assertThat(b.host.rcx() >>> 12 & 0x1ff).isEqualTo(100);
    b.must(b.host.memRangeBlock(TDR, GPA, 1));
    b.must(b.host.memSeptRead(TDR, GPA, 1));
    assertThat(b.host.rcx() >>> 12 & 0x1ff).isZero();
    b.track();
    b.must(b.host.memRangeUnblock(TDR, GPA, 1));
    assertThat(b.state(GPA, 1)).isEqualTo(SeptState.PENDING);
    b.enter();
    int[] again = {0};
    b.module.setInterrupts(
        Bench.LP,
        () -> {
          again[0]++;
          return false;
        });
    assertThat(b.accept(GPA, 1)).isEqualTo(GuestOutcome.DONE);
    assertThat(again[0]).isEqualTo(511);
  }
}
