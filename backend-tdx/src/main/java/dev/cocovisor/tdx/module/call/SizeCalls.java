package dev.cocovisor.tdx.module.call;

import dev.cocovisor.tdx.module.abi.Operand;
import dev.cocovisor.tdx.module.abi.PendingInterrupts;
import dev.cocovisor.tdx.module.abi.Registers;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.pamt.PageType;
import dev.cocovisor.tdx.module.pamt.Pamt;
import dev.cocovisor.tdx.module.sept.SeptEntry;
import dev.cocovisor.tdx.module.sept.SeptState;
import dev.cocovisor.tdx.module.sept.SeptTable;
import dev.cocovisor.tdx.module.td.Td;

/**
 * Changes of page size: MEM.PAGE.DEMOTE splits a leaf, MEM.PAGE.PROMOTE merges a table.
 *
 * <p>Both poll for an interrupt once, just before they commit; interrupted, they change nothing and
 * give the host its RCX and RDX back. Source: TDX module 1.5.01, {@code tdh_mem_page_demote.c},
 * {@code tdh_mem_page_promote.c}.
 */
final class SizeCalls {
  private static final int DEMOTE_FROM =
      Checks.states(
          SeptState.MAPPED, SeptState.PENDING, SeptState.BLOCKED, SeptState.PENDING_BLOCKED);
  private static final int PROMOTE_FROM = Checks.states(SeptState.NL_MAPPED, SeptState.NL_BLOCKED);

  private final Checks checks;

  SizeCalls(Checks checks) {
    this.checks = checks;
  }

  long demote(Frame f, Registers r, PendingInterrupts interrupts) {
    long s = checks.beginFlagged(f, r, SeamCall.MEM_PAGE_DEMOTE);
    if (s == 0) {
      s = checks.entryOf(f, r, 1, 2, false, DEMOTE_FROM);
    }
    if (s != 0) {
      return s;
    }
    int size = f.level;
    SeptState state = SeptState.of(f.entry);
    f.entry = SeptEntry.withoutCounter(f.entry, size);
    long page = SeptEntry.hpa(f.entry, size);
    s = checks.tracked(f, r, page, size);
    if (s == 0) {
      s = checks.page(f, r.r8, 0, true, PageType.NDA, Operand.R8);
    }
    if (s != 0) {
      return s;
    }
    var pairs = checks.pairs();
    if (pairs != null && size == 1 && r.r12 == r.r13) {
      // The 512 entries need their two pages, which come with the call.
      return SeamStatus.MISSING_PAMT_PAGE_PAIR.with(Operand.R12);
    }
    if (checks.config().demoteInterruptible() && interrupts.poll()) {
      return Checks.restart(f, r);
    }
    if (!checks.lockImplicit(f, page, size, true)) {
      return SeamStatus.OPERAND_BUSY.with(Operand.RCX);
    }
    if (pairs != null && size == 1 && !pairs.add(page, r.r12, r.r13)) {
      throw new IllegalStateException("a page of 2 MiB in use that has entries of 4 KiB");
    }
    Td td = f.td();
    SeptTable table = new SeptTable(r.r8, size - 1);
    table.fillLeaves(state.unblocked(), page);
    checks.pamt(page).split(size, page);
    // The table's page keeps the BEPOCH it had (TDX module 1.5.01, tdh_mem_page_demote.c).
    checks.pamt(r.r8).assign(0, r.r8, PageType.EPT, td.tdr());
    td.addChildren(f.group, 1);
    f.table().setChild(f.index, table);
    f.table().update(f.index, SeptEntry.table(r.r8));
    return 0;
  }

  long promote(Frame f, Registers r, int version, PendingInterrupts interrupts) {
    if (version > 0) {
      Checks.noNestedPages(r);
    }
    if (version > SeamCall.MEM_PAGE_PROMOTE.maxVersion()) {
      r.rcx = 0;
      r.rdx = 0;
      return SeamStatus.OPERAND_INVALID.with(Operand.RAX);
    }
    long s = checks.begin(f, r, SeamCall.MEM_PAGE_PROMOTE);
    if (s == 0) {
      s = checks.entryOf(f, r, 1, 2, false, PROMOTE_FROM);
    }
    if (s != 0) {
      return s;
    }
    long tableHpa = SeptEntry.hpa(f.entry, f.level);
    if (!checks.lockImplicit(f, tableHpa, 0, true)) {
      return SeamStatus.OPERAND_BUSY.with(Operand.RCX);
    }
    s = checks.tracked(f, r, tableHpa, 0);
    if (s != 0) {
      return s;
    }
    SeptTable table = f.table().child(f.index);
    if (table == null) {
      throw new IllegalStateException("a non-leaf entry without a table");
    }
    int locked = 0;
    try {
      long want = 0;
      long step = 4096L << (9 * table.level());
      for (; locked < 512; want += step) {
        if (!table.tryLockHost(locked)) {
          return Checks.details(f, r, SeamStatus.OPERAND_BUSY.with(Operand.RCX));
        }
        long e = SeptEntry.withoutCounter(table.get(locked), table.level());
        if (locked == 0) {
          want = e;
        }
        locked++;
        if (locked == 1 ? !mayBeFirst(e, f.level) : e != want) {
          return Checks.details(f, r, SeamStatus.EPT_INVALID_PROMOTE_CONDITIONS.with(Operand.RCX));
        }
      }
      return merge(f, r, table, tableHpa, interrupts);
    } finally {
      while (locked > 0) {
        table.unlock(--locked);
      }
    }
  }

  private static boolean mayBeFirst(long e, int largeLevel) {
    SeptState s = SeptState.of(e);
    return (e & SeptEntry.HPA_MASK & ((4096L << (9 * largeLevel)) - 1)) == 0
        && (s == SeptState.MAPPED || s == SeptState.PENDING);
  }

  private long merge(
      Frame f, Registers r, SeptTable table, long tableHpa, PendingInterrupts interrupts) {
    if (interrupts.poll()) {
      return Checks.restart(f, r);
    }
    int size = f.level;
    long first = table.get(0);
    long page = SeptEntry.hpa(first, size);
    Pamt pamt = checks.pamt(page);
    if (!f.lockPamt(pamt, size, page, true)) {
      return SeamStatus.OPERAND_BUSY.with(Operand.RCX);
    }
    Td td = f.td();
    pamt.merge(size, page, PageType.REG, td.tdr());
    f.table().update(f.index, SeptEntry.leaf(SeptState.of(first), page));
    f.table().setChild(f.index, null);
    checks.free(0, tableHpa);
    td.addChildren(f.group, -1);
    r.rcx = tableHpa;
    return 0;
  }
}
