package dev.cocovisor.tdx.module;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.mem.SparseMemory;
import dev.cocovisor.tdx.module.abi.Operand;
import dev.cocovisor.tdx.module.abi.PlatformConfig;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.call.LockProbe;
import dev.cocovisor.tdx.module.call.SeamCall;
import dev.cocovisor.tdx.module.pamt.Pamt;
import java.util.List;
import org.junit.jupiter.api.Test;

/** PHYMEM.PAMT.ADD and REMOVE, and what else no program of the recording asks. */
// "TDX: Enable Dynamic PAMT", version 6; TDX module, tdh_phymem_pamt_add.c and _remove.c.
class PamtPairCallsTest {
  private static final long BASE = 0x40000000L;
  private static final long MEGA = BASE + (8L << 20);
  private static final long FIRST = BASE + 0x1000;
  private static final long SECOND = BASE + 0x2000;

  private final Pamt pamt = new Pamt(BASE, BASE + (1L << 30));
  private final TdxModule module =
      new TdxModule(
          PlatformConfig.standard(2).withDynamicPamt(true), new SparseMemory(), List.of(pamt));
  private final SeamCalls host = new SeamCalls(module, 0);

  private long add(long rcx, long rdx, long r8) {
    return host.call(SeamCall.PHYMEM_PAMT_ADD, rcx, rdx, r8, 0);
  }

  private long remove(long rcx) {
    return host.call(SeamCall.PHYMEM_PAMT_REMOVE, rcx, 0, 0, 0);
  }

  private static long invalid(int operand) {
    return SeamStatus.OPERAND_INVALID.with(operand);
  }

  @Test
  void operandsAreJudgedInTheirOrderAndAPairIsTakenOnce() {
    long huge = MEGA | 1;
    assertThat(add(MEGA, FIRST, FIRST)).as("no size").isEqualTo(invalid(Operand.RCX));
    assertThat(add(huge | 0x1000, FIRST, FIRST)).isEqualTo(invalid(Operand.RCX));
    assertThat(add(huge, FIRST, FIRST)).as("one page twice").isEqualTo(invalid(Operand.RDX));
    assertThat(add(huge, FIRST | 8, SECOND)).isEqualTo(invalid(Operand.RDX));
    assertThat(add(huge, FIRST, SECOND | 8)).isEqualTo(invalid(Operand.R8));
    LockProbe other = module.lockProbe();
    assertThat(other.pamt(MEGA, 1, true)).isTrue();
    assertThat(add(huge, FIRST, SECOND)).isEqualTo(SeamStatus.OPERAND_BUSY.with(Operand.RCX));
    other.release();
    assertThat(remove(huge)).isEqualTo(SeamStatus.PAGE_METADATA_INCORRECT.with(Operand.RCX));
    assertThat(add(huge, FIRST, SECOND)).isZero();
    assertThat(add(huge, FIRST, SECOND))
        .as("there is one")
        .isEqualTo(SeamStatus.HPA_RANGE_NOT_FREE.with(Operand.RCX));
    assertThat(remove(MEGA)).isEqualTo(invalid(Operand.RCX));
    assertThat(remove(huge | 0x1000)).isEqualTo(invalid(Operand.RCX));
    assertThat(host.mngCreate(MEGA + 0x3000, 0x20)).isZero();
    assertThat(remove(huge))
        .as("a page of it is in use")
        .isEqualTo(SeamStatus.HPA_RANGE_NOT_FREE.with(Operand.RCX));
    assertThat(host.mngVpFlushDone(MEGA + 0x3000)).isZero();
    assertThat(host.phymemCacheWb(false)).isZero();
    assertThat(host.mngKeyFreeId(MEGA + 0x3000)).isZero();
    assertThat(host.phymemPageReclaim(MEGA + 0x3000)).isZero();
    assertThat(remove(huge)).isZero();
    assertThat(host.rdx()).isEqualTo(FIRST);
    assertThat(host.r8()).isEqualTo(SECOND);
    assertThat(add(huge, FIRST, SECOND)).isZero();
  }

  @Test
  void aModuleWithoutThemKnowsNeitherCall() {
    Bench b = new Bench();
    for (SeamCall c : List.of(SeamCall.PHYMEM_PAMT_ADD, SeamCall.PHYMEM_PAMT_REMOVE)) {
      assertThat(b.host.call(c, MEGA | 1, FIRST, SECOND, 0)).isEqualTo(invalid(Operand.RAX));
    }
  }

  @Test
  void aTdThatAMachineCheckEndedIsGivenNothingMore() {
    Bench b = new Bench();
    b.must(b.host.mngCreate(Bench.TDR, 0x20));
    b.td().markFatal();
    long fatal = SeamStatus.TD_FATAL.code();
    assertThat(b.host.mngKeyConfig(Bench.TDR)).isEqualTo(fatal);
    assertThat(b.host.mngAddCx(Bench.TDR, Bench.TDR + 0x1000)).isEqualTo(fatal);
    Bench late = Bench.initialized(true);
    late.td().markFatal();
    assertThat(late.host.vpCreate(Bench.TDR, Bench.TDR + 0x30000)).isEqualTo(fatal);
    assertThat(late.host.mrFinalize(Bench.TDR)).isEqualTo(fatal);
    assertThat(late.onLp.vpFlush(Bench.VCPU)).as("so that it can end").isZero();
  }

  // Pages for tables of nested VMs, which no TD here has, are refused one by one.
  @Test
  void tablesOfNestedVmsAreRefused() {
    long gpa = 0x40000000L;
    for (int nested = 0; nested < 3; nested++) {
      Bench b = Bench.runnable(true);
      b.tables(gpa, 2);
      b.r.clear();
      b.r.rax = SeamCall.MEM_SEPT_ADD.leaf() | 1L << 16;
      b.r.rcx = gpa | 2;
      b.r.rdx = Bench.TDR;
      b.r.r8 = b.page();
      b.r.r9 = nested == 0 ? b.page() : -1L;
      b.r.r10 = nested == 1 ? b.page() : -1L;
      b.r.r11 = nested == 2 ? b.page() : -1L;
      int[] operands = {Operand.R9, Operand.R10, Operand.R11};
      assertThat(b.module.seamcall(0, b.r)).isEqualTo(invalid(operands[nested]));
      b.check();
    }
    Bench b = Bench.runnable(true);
    b.tables(gpa, 2);
    assertThat(b.host.memSeptAdd(Bench.TDR, gpa, 2, -1L))
        .as("no page, which only version 1 knows")
        .isEqualTo(invalid(Operand.R8));
  }

  @Test
  void everyStatusHasItsReason() {
    SeamCall call = SeamCall.MEM_PAGE_AUG;
    String name = call.callName() + ": ";
    assertThat(SeamReasons.of(call, SeamStatus.OPERAND_BUSY.with(Operand.RCX)))
        .startsWith(name)
        .contains("RCX")
        .endsWith("is locked by another call or a vCPU");
    assertThat(SeamReasons.of(call, 0xC000_7777_0000_0000L)).isEqualTo(call.callName() + " failed");
    for (SeamStatus s : SeamStatus.values()) {
      assertThat(SeamReasons.of(call, s.code())).startsWith(name).hasSizeGreaterThan(name.length());
    }
    assertThat(SeamStatus.describe(0xC000_7777_0000_0000L)).isEqualTo("0xc000777700000000");
  }
}
