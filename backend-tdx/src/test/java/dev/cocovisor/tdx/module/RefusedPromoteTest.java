package dev.cocovisor.tdx.module;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.tdx.module.abi.Operand;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.pamt.PamtLocks;
import org.junit.jupiter.api.Test;

/** TDH.MEM.PAGE.PROMOTE that is refused leaves every lock; TDH.MEM.SEPT.RD of a nested VM's. */
class RefusedPromoteTest {
  private static final long GPA = 0x40000000L;
  private static final long TDR = Bench.TDR;

  private final Bench b = Bench.runnable(true);
  private final long huge = b.huge();

  /** A 2 MiB page that was split, its table blocked. */
  private void split() {
    b.tables(GPA, 1);
    b.must(b.host.memPageAug(TDR, GPA, 1, huge));
    b.mustAccept(GPA, 1);
    block(1);
    b.must(b.host.memPageDemote(TDR, GPA, 1, b.page()));
  }

  private void block(int level) {
    b.must(b.host.memRangeBlock(TDR, GPA, level));
    b.track();
  }

  // TDX module 1.5.01, tdh_mem_page_promote.c: the 512 entries are locked one after the other.
  @Test
  void anEntryThatDoesNotFitLeavesThoseBeforeItUnlocked() {
    split();
    long last = GPA + 511 * 4096;
    b.must(b.host.memRangeBlock(TDR, last, 0));
    b.track();
    b.must(b.host.memPageRelocate(TDR, last, b.page()));
    block(1);
    long refused = SeamStatus.EPT_INVALID_PROMOTE_CONDITIONS.with(Operand.RCX);
    assertThat(b.host.memPagePromote(TDR, GPA, 1)).isEqualTo(refused);
    assertThat(b.host.memPagePromote(TDR, GPA, 1)).as("not busy").isEqualTo(refused);
    b.must(b.host.memRangeUnblock(TDR, GPA, 1));
    for (int i : new int[] {0, 1, 255, 510, 511}) {
      b.must(b.host.memRangeBlock(TDR, GPA + i * 4096L, 0));
    }
  }

  // The same: the large page's PAMT entry is had alone, or OPERAND_BUSY.
  @Test
  void aLargeEntryThatAnotherShares() {
    split();
    block(1);
    PamtLocks another = new PamtLocks();
    assertThat(another.lock(b.pamt, 1, huge, false)).isTrue();
    assertThat(b.host.memPagePromote(TDR, GPA, 1))
        .isEqualTo(SeamStatus.OPERAND_BUSY.with(Operand.RCX));
    another.releaseAll();
    b.must(b.host.memPagePromote(TDR, GPA, 1));
    assertThat(another.lock(b.pamt, 1, huge, true)).as("promote gave it back").isTrue();
  }

  // TDX module 1.5.01, tdh_mem_sept_rd.c: RDX bit 0 asks for a nested VM's entry.
  @Test
  void aNestedVmsEntryIsNotShownOfATdThatCannotBeDebugged() {
    b.tables(GPA, 0);
    assertThat(b.host.memSeptRead(TDR | 1, GPA, 0))
        .isEqualTo(SeamStatus.OPERAND_INVALID.with(Operand.RDX));
    b.must(b.host.memSeptRead(TDR, GPA, 0));
  }
}
