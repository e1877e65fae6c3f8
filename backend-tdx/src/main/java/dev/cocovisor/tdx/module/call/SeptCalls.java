package dev.cocovisor.tdx.module.call;

import dev.cocovisor.tdx.module.abi.Operand;
import dev.cocovisor.tdx.module.abi.Registers;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.pamt.PageType;
import dev.cocovisor.tdx.module.pamt.Pamt;
import dev.cocovisor.tdx.module.sept.SeptEntry;
import dev.cocovisor.tdx.module.sept.SeptState;
import dev.cocovisor.tdx.module.sept.SeptTable;
import dev.cocovisor.tdx.module.td.Td;
import dev.cocovisor.tdx.module.td.TdParams;

/**
 * Tables of the Secure EPT: MEM.SEPT.ADD, REMOVE, RD.
 *
 * <p>The level of a table call is that of the entry that points to the table. Source: TDX module
 * 1.5.01, {@code tdh_mem_sept_*.c}.
 */
final class SeptCalls {
  private static final int ADD_FROM = Checks.states(SeptState.FREE, SeptState.NL_MAPPED);
  private static final int REMOVE_FROM = Checks.states(SeptState.NL_MAPPED, SeptState.NL_BLOCKED);

  private static final long NO_PAGE = -1L;
  private static final long UNUSED = 1L << 63;

  private final Checks checks;

  SeptCalls(Checks checks) {
    this.checks = checks;
  }

  /** A page operand as the module goes on with it: bit 63 of an address is ignored. */
  private static long page(long operand) {
    return operand == NO_PAGE ? NO_PAGE : operand & ~UNUSED;
  }

  long add(Frame f, Registers r, int version) {
    if (version > SeamCall.MEM_SEPT_ADD.maxVersion()) {
      r.rcx = 0;
      r.rdx = 0;
      return SeamStatus.OPERAND_INVALID.with(Operand.RAX);
    }
    long page = page(r.r8);
    if (version > 0) {
      // Given back whatever comes; a page that was used or not says so in the end.
      r.r8 = page;
      r.r9 = page(r.r9);
      r.r10 = page(r.r10);
      r.r11 = page(r.r11);
    }
    long s = checks.beginFlagged(f, r, SeamCall.MEM_SEPT_ADD);
    if (s == 0) {
      s = checks.entryOf(f, r, 1, Checks.ROOT, false, ADD_FROM);
    }
    if (s != 0) {
      return s;
    }
    boolean exists = !SeptEntry.isFree(f.entry);
    boolean allowExisting = (f.rdx & 1) != 0;
    if (page == NO_PAGE) {
      if (version == 0) {
        return SeamStatus.OPERAND_INVALID.with(Operand.R8);
      }
      if (!exists) {
        return Checks.details(f, r, SeamStatus.EPT_ENTRY_STATE_INCORRECT.with(Operand.RCX));
      }
    } else if (!exists) {
      s = checks.page(f, page, 0, true, PageType.NDA, Operand.R8);
      if (s != 0) {
        return s;
      }
    } else if (!allowExisting) {
      return Checks.details(f, r, SeamStatus.EPT_ENTRY_STATE_INCORRECT.with(Operand.RCX));
    }
    if (version > 0) {
      if (exists) {
        r.r8 |= UNUSED;
      }
      s = noNestedPages(r);
      if (s != 0) {
        return s;
      }
      r.r8 = exists ? r.r8 : NO_PAGE;
    }
    if (!exists) {
      link(f, page);
    }
    return 0;
  }

  private void link(Frame f, long page) {
    Td td = f.td();
    Pamt pamt = checks.pamt(page);
    pamt.assign(0, page, PageType.EPT, td.tdr());
    pamt.setBepoch(0, page, 0);
    td.addChildren(f.group, 1);
    f.table().setChild(f.index, new SeptTable(page, f.level - 1));
    f.table().update(f.index, SeptEntry.table(page));
  }

  /**
   * Pages for tables of nested VMs are refused as if the VM did not exist; tables of nested VMs are
   * not modelled.
   */
  private static long noNestedPages(Registers r) {
    if (r.r9 != NO_PAGE) {
      return SeamStatus.OPERAND_INVALID.with(Operand.R9);
    }
    if (r.r10 != NO_PAGE) {
      return SeamStatus.OPERAND_INVALID.with(Operand.R10);
    }
    if (r.r11 != NO_PAGE) {
      return SeamStatus.OPERAND_INVALID.with(Operand.R11);
    }
    return 0;
  }

  long remove(Frame f, Registers r, int version) {
    if (version > 0) {
      Checks.noNestedPages(r);
    }
    if (version > SeamCall.MEM_SEPT_REMOVE.maxVersion()) {
      r.rcx = 0;
      r.rdx = 0;
      return SeamStatus.OPERAND_INVALID.with(Operand.RAX);
    }
    long s = checks.begin(f, r, SeamCall.MEM_SEPT_REMOVE);
    if (s == 0) {
      s = checks.entryOf(f, r, 1, Checks.ROOT, true, REMOVE_FROM);
    }
    if (s != 0) {
      return s;
    }
    long page = SeptEntry.hpa(f.entry, f.level);
    if (!checks.lockImplicit(f, page, 0, true)) {
      return SeamStatus.OPERAND_BUSY.with(Operand.RCX);
    }
    s = checks.tracked(f, r, page, 0);
    if (s != 0) {
      return s;
    }
    SeptTable child = f.table().child(f.index);
    if (child != null && !child.allFree()) {
      return Checks.details(f, r, SeamStatus.EPT_PAGE_NOT_FREE.with(Operand.RCX));
    }
    f.table().update(f.index, SeptEntry.FREE);
    f.table().setChild(f.index, null);
    checks.free(0, page);
    f.td().addChildren(f.group, -1);
    r.rcx = page;
    return 0;
  }

  long read(Frame f, Registers r) {
    long s = checks.beginFlagged(f, r, SeamCall.MEM_SEPT_RD);
    if (s != 0) {
      return s;
    }
    // The flag asks for a nested VM's entry, which only a debuggable TD shows.
    if ((f.rdx & 1) != 0 && (f.td().params.attributes() & TdParams.DEBUG) == 0) {
      return SeamStatus.OPERAND_INVALID.with(Operand.RDX);
    }
    s = checks.entryOf(f, r, 0, Checks.ROOT, false, Checks.ANY);
    return s != 0 ? s : Checks.details(f, r, 0);
  }
}
