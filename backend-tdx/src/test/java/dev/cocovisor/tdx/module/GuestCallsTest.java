package dev.cocovisor.tdx.module;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.tdx.module.abi.GuestOutcome;
import dev.cocovisor.tdx.module.abi.Operand;
import dev.cocovisor.tdx.module.abi.Registers;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.call.LockProbe;
import dev.cocovisor.tdx.module.call.TdCall;
import org.junit.jupiter.api.Test;

/**
 * TDCALLs register by register: what goes in, what comes out, what the host finds after an exit.
 */
class GuestCallsTest {
  /** TDG.MEM.PAGE.ATTR.RD, RCX bit 62: the page is pending. */
  private static final long PENDING = 1L << 62;

  private static final long GPA = 0x40000000L;
  private static final long TDR = Bench.TDR;

  /** A page accepted at 2 MiB, a pending one behind it, a table of 4 KiB behind that; inside. */
  private static Bench inside() {
    Bench b = Bench.runnable(true);
    b.tables(GPA, 1);
    b.must(b.host.memPageAug(TDR, GPA, 1, b.huge()));
    b.mustAccept(GPA, 1);
    b.must(b.host.memPageAug(TDR, GPA + (2L << 20), 1, b.huge()));
    b.must(b.host.memSeptAdd(TDR, GPA + (4L << 20), 1, b.page()));
    b.enter();
    return b;
  }

  private static GuestOutcome call(Bench b, TdCall leaf, long rcx, long rdx, long r8) {
    b.r.clear();
    b.r.rax = leaf.leaf();
    b.r.rcx = rcx;
    b.r.rdx = rdx;
    b.r.r8 = r8;
    return b.module.tdcall(Bench.LP, b.r);
  }

  private static void answers(Bench b, GuestOutcome o, long rax, long rcx, long rdx) {
    assertThat(o).isEqualTo(GuestOutcome.DONE);
    assertThat(b.r.rax).isEqualTo(rax);
    assertThat(b.r.rcx).isEqualTo(rcx);
    assertThat(b.r.rdx).isEqualTo(rdx);
  }

  @Test
  void readingAttributesTellsSizeAndStateOfWhateverMapsTheAddress() {
    Bench b = inside();
    long attrRd = GPA + 0x3123;
    // RCX is a plain address; its low bits are no level.
    answers(b, call(b, TdCall.MEM_PAGE_ATTR_RD, attrRd, 7, 7), 0, GPA | 1, 0);
    long pending = GPA + (2L << 20);
    answers(
        b, call(b, TdCall.MEM_PAGE_ATTR_RD, pending + 0x5000, 0, 0), 0, pending | 1 | PENDING, 0);
  }

  @Test
  void readingAttributesOfNothingExitsWithTheAddressAlone() {
    Bench b = inside();
    assertThat(call(b, TdCall.MEM_PAGE_ATTR_RD, GPA + (4L << 20) + 0x1007, 0, 0))
        .isEqualTo(GuestOutcome.TD_EXIT);
    Registers e = b.module.exitRegisters(Bench.LP);
    assertThat(e.rax).isEqualTo(0x30);
    assertThat(e.rcx).isZero();
    assertThat(e.rdx).isZero();
    assertThat(e.r8).isEqualTo(GPA + (4L << 20) + 0x1000);
    assertThat(b.module.inside(Bench.LP)).isNull();
  }

  @Test
  void attributesOfASharedAddressAreRefused() {
    Bench b = inside();
    long invalid = SeamStatus.OPERAND_INVALID.with(Operand.RCX);
    answers(b, call(b, TdCall.MEM_PAGE_ATTR_RD, 1L << 47, 5, 0), invalid, 0, 0);
    answers(b, call(b, TdCall.MEM_PAGE_ATTR_WR, 1L << 47, 0, 0), invalid, 0, 0);
    answers(b, call(b, TdCall.MEM_PAGE_ATTR_WR, GPA | 3, 0, 0), invalid, 0, 0);
    answers(b, call(b, TdCall.MEM_PAGE_ATTR_WR, GPA + 0x1000 | 1, 0, 0), invalid, 0, 0);
  }

  @Test
  void writingAttributesChecksThemVmByVmBeforeTheAddress() {
    Bench b = inside();
    long badGpa = GPA | 7;
    long rdx = SeamStatus.OPERAND_INVALID.with(Operand.RDX);
    long r8 = SeamStatus.OPERAND_INVALID.with(Operand.R8);
    answers(b, call(b, TdCall.MEM_PAGE_ATTR_WR, badGpa, 1, 1), rdx, 0, 0);
    // L1's flags come before the attributes of the first nested VM.
    answers(b, call(b, TdCall.MEM_PAGE_ATTR_WR, badGpa, 0x10000, 1), r8, 0, 0);
    answers(b, call(b, TdCall.MEM_PAGE_ATTR_WR, badGpa, 0x10000, 0x10000), rdx, 0, 0);
    answers(b, call(b, TdCall.MEM_PAGE_ATTR_WR, badGpa, 0, 1L << 63), r8, 0, 0);
  }

  @Test
  void writingNoAttributesTellsTheMapping() {
    Bench b = inside();
    answers(b, call(b, TdCall.MEM_PAGE_ATTR_WR, GPA | 1, 0, 0), 0, GPA | 1, 0);
    long pending = GPA + (2L << 20) | 1;
    answers(b, call(b, TdCall.MEM_PAGE_ATTR_WR, pending, 0, 0), 0, pending | PENDING, 0);
    long table = GPA + (4L << 20) | 1;
    answers(
        b,
        call(b, TdCall.MEM_PAGE_ATTR_WR, table, 0, 0),
        SeamStatus.PAGE_SIZE_MISMATCH.with(1),
        0,
        0);
  }

  @Test
  void writingAttributesUnderALargerPageAsksTheHostToSplitIt() {
    Bench b = inside();
    assertThat(call(b, TdCall.MEM_PAGE_ATTR_WR, GPA + 0x3000, 0, 0))
        .isEqualTo(GuestOutcome.TD_EXIT);
    Registers e = b.module.exitRegisters(Bench.LP);
    assertThat(e.rax).isEqualTo(0x30);
    assertThat(e.rcx).isEqualTo(0x3a);
    // Type ATTR_WR; level 0 wanted, level 1 reached, state 4, a leaf.
    assertThat(e.rdx).isEqualTo(0x4108_0000_0005L);
    assertThat(e.r8).isEqualTo(GPA + 0x3000);
  }

  @Test
  void guestCallsOnAnEntryTheHostWaitsForAreBusy() {
    Bench b = inside();
    LockProbe host = b.module.lockProbe();
    assertThat(host.entry(b.td(), GPA, 1)).isTrue();
    long busy = SeamStatus.OPERAND_BUSY.with(Operand.RCX);
    answers(b, call(b, TdCall.MEM_PAGE_ATTR_RD, GPA, 9, 0), busy, 0, 0);
    answers(b, call(b, TdCall.MEM_PAGE_ATTR_WR, GPA | 1, 0, 0), busy, 0, 0);
    host.release();
    answers(b, call(b, TdCall.MEM_PAGE_ATTR_RD, GPA, 9, 0), 0, GPA | 1, 0);
  }

  @Test
  void aVmcallPassesTheRegistersItsMaskSelectsAndNoOthers() {
    Bench b = inside();
    b.r.clear();
    b.r.rax = TdCall.VP_VMCALL.leaf();
    b.r.rcx = 1L << 10 | 1L << 11 | 1L << 13;
    b.r.rdx = 2;
    b.r.r8 = 8;
    b.r.r9 = 9;
    b.r.r10 = 10;
    b.r.r11 = 11;
    b.r.r12 = 12;
    b.r.r13 = 13;
    b.r.r14 = 14;
    b.r.r15 = 15;
    long mask = b.r.rcx;
    assertThat(b.module.tdcall(Bench.LP, b.r)).isEqualTo(GuestOutcome.TD_EXIT);
    Registers e = b.module.exitRegisters(Bench.LP);
    assertThat(new long[] {e.rax, e.rcx, e.rdx, e.r8, e.r9, e.r10, e.r11, e.r12, e.r13, e.r14})
        .containsExactly(77, mask, 0, 0, 0, 10, 11, 0, 13, 0);
    assertThat(e.r15).isZero();
    assertThat(b.module.inside(Bench.LP)).isNull();
  }

  @Test
  void aVmcallThatWouldPassRaxRcxRspOrNoRegisterIsRefused() {
    Bench b = inside();
    for (int bit : new int[] {0, 1, 4, 32, 63}) {
      assertThat(call(b, TdCall.VP_VMCALL, 1L << bit, 0, 0)).isEqualTo(GuestOutcome.DONE);
      assertThat(b.r.rax).isEqualTo(SeamStatus.OPERAND_INVALID.with(Operand.RCX));
    }
    assertThat(b.module.inside(Bench.LP)).isNotNull();
    assertThat(call(b, TdCall.VP_VMCALL, 1L << 5, 0, 0)).isEqualTo(GuestOutcome.TD_EXIT);
  }

  @Test
  void anUnknownGuestLeafOrReservedBitsOfRaxAreRefused() {
    Bench b = inside();
    long invalid = SeamStatus.OPERAND_INVALID.with(Operand.RAX);
    for (long rax : new long[] {0x7f, 1L << 16 | 6, 1L << 63 | 6}) {
      b.r.clear();
      b.r.rax = rax;
      assertThat(b.module.tdcall(Bench.LP, b.r)).isEqualTo(GuestOutcome.DONE);
      assertThat(b.r.rax).isEqualTo(invalid);
    }
  }
}
