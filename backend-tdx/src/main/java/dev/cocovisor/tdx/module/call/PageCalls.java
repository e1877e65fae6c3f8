package dev.cocovisor.tdx.module.call;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.tdx.module.abi.Operand;
import dev.cocovisor.tdx.module.abi.Registers;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.pamt.PageType;
import dev.cocovisor.tdx.module.pamt.Pamt;
import dev.cocovisor.tdx.module.sept.SeptEntry;
import dev.cocovisor.tdx.module.sept.SeptState;
import dev.cocovisor.tdx.module.td.Td;

/**
 * Pages of a TD's memory: MEM.PAGE.ADD, AUG, REMOVE, RELOCATE.
 *
 * <p>Source: TDX module 1.5.01, {@code tdh_mem_page_*.c}.
 */
final class PageCalls {
  private static final int ADD_FROM = Checks.states(SeptState.FREE);
  private static final int AUG_FROM = Checks.states(SeptState.FREE, SeptState.REMOVED);
  private static final int REMOVE_FROM =
      Checks.states(
          SeptState.MAPPED,
          SeptState.PENDING,
          SeptState.BLOCKED,
          SeptState.PENDING_BLOCKED,
          SeptState.BLOCKEDW,
          SeptState.PENDING_BLOCKEDW);
  private static final int RELOCATE_FROM =
      ~Checks.states(SeptState.FREE, SeptState.REMOVED, SeptState.NL_MAPPED, SeptState.NL_BLOCKED);

  private final Checks checks;
  private final PhysicalMemory memory;
  private final TdLifecycle lifecycle;

  PageCalls(Checks checks, PhysicalMemory memory, TdLifecycle lifecycle) {
    this.checks = checks;
    this.memory = memory;
    this.lifecycle = lifecycle;
  }

  long add(Frame f, Registers r) {
    // The TDR is exclusive, so neither op state, tree nor entry needs a lock.
    long s = checks.beginAlone(f, r, SeamCall.MEM_PAGE_ADD);
    if (s == 0) {
      s = Checks.pageInfo(f.rcx, 0, 0);
    }
    if (s != 0) {
      return s;
    }
    long gpa = f.rcx & SeptEntry.HPA_MASK;
    Td td = f.td();
    if (!checks.privateGpa(td, gpa)) {
      return SeamStatus.OPERAND_INVALID.with(Operand.RCX);
    }
    Checks.walk(f, td, gpa, 0);
    if (f.level != 0) {
      return Checks.details(f, r, SeamStatus.EPT_WALK_FAILED.with(Operand.RCX));
    }
    s = Checks.entry(f, r, ADD_FROM);
    if (s != 0) {
      return s;
    }
    if ((r.r9 & 4095) != 0 || !lifecycle.sharedHpa(r.r9)) {
      return SeamStatus.OPERAND_INVALID.with(Operand.R9);
    }
    s = checks.page(f, r.r8, 0, true, PageType.NDA, Operand.R8);
    if (s != 0) {
      return s;
    }
    memory.copyFrame(r.r8 >>> PageLevel.PAGE_SHIFT, r.r9 >>> PageLevel.PAGE_SHIFT);
    td.mrtdInProgress.pageAdd(gpa);
    own(f, r.r8);
    f.put(SeptEntry.leaf(SeptState.MAPPED, r.r8));
    return 0;
  }

  long aug(Frame f, Registers r) {
    long s = checks.begin(f, r, SeamCall.MEM_PAGE_AUG);
    if (s == 0) {
      s = checks.entryOf(f, r, 0, 1, false, AUG_FROM);
    }
    if (s == 0) {
      s = checks.page(f, r.r8, f.level, true, PageType.NDA, Operand.R8);
    }
    if (s != 0) {
      return s;
    }
    if (f.level == 1 && checks.pamt(r.r8).used4k(r.r8) != 0) {
      return SeamStatus.PAGE_METADATA_INCORRECT.with(Operand.R8);
    }
    own(f, r.r8);
    f.put(SeptEntry.leaf(SeptState.PENDING, r.r8));
    return 0;
  }

  /** Makes a page of the entry's size the TD's. */
  private void own(Frame f, long hpa) {
    Td td = f.td();
    Pamt pamt = checks.pamt(hpa);
    pamt.assign(f.level, hpa, PageType.REG, td.tdr());
    pamt.setBepoch(f.level, hpa, 0);
    td.addChildren(f.group, 1L << (9 * f.level));
  }

  long remove(Frame f, Registers r) {
    long s = checks.begin(f, r, SeamCall.MEM_PAGE_REMOVE);
    if (s == 0) {
      s = checks.entryOf(f, r, 0, 2, false, REMOVE_FROM);
    }
    if (s != 0) {
      return s;
    }
    int size = f.level;
    long page = SeptEntry.hpa(f.entry, size);
    if (!checks.lockImplicit(f, page, size, true)) {
      return SeamStatus.OPERAND_BUSY.with(Operand.RCX);
    }
    s = checks.tracked(f, r, page, size);
    if (s != 0) {
      return s;
    }
    checks.free(size, page);
    f.td().addChildren(f.group, -(1L << (9 * size)));
    f.put(SeptEntry.FREE);
    r.rcx = page;
    return 0;
  }

  long relocate(Frame f, Registers r) {
    long s = checks.begin(f, r, SeamCall.MEM_PAGE_RELOCATE);
    if (s == 0) {
      s = checks.entryOf(f, r, 0, 0, false, RELOCATE_FROM);
    }
    if (s != 0) {
      return s;
    }
    long old = SeptEntry.hpa(f.entry, 0);
    // Only bits 51:12 are compared, and before the new address is looked at (facts, 10.7).
    if ((r.r8 & SeptEntry.HPA_MASK) == old) {
      return SeamStatus.OPERAND_INVALID.with(Operand.R8);
    }
    if (!checks.lockImplicit(f, old, 0, true)) {
      return SeamStatus.OPERAND_BUSY.with(Operand.RCX);
    }
    s = checks.tracked(f, r, old, 0);
    if (s == 0) {
      s = checks.page(f, r.r8, 0, true, PageType.NDA, Operand.R8);
    }
    if (s != 0) {
      return s;
    }
    SeptState state = SeptState.of(f.entry).unblocked();
    if (state == SeptState.MAPPED) {
      memory.copyFrame(r.r8 >>> PageLevel.PAGE_SHIFT, old >>> PageLevel.PAGE_SHIFT);
    }
    f.table().update(f.index, SeptEntry.leaf(state, r.r8));
    Pamt pamt = checks.pamt(r.r8);
    pamt.assign(0, r.r8, PageType.REG, f.td().tdr());
    pamt.setBepoch(0, r.r8, 0);
    checks.free(0, old);
    r.rcx = old;
    return 0;
  }
}
