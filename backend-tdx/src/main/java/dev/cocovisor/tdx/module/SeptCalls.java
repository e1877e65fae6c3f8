package dev.cocovisor.tdx.module;

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

  /** Bits of a TD handle with flags that must be zero; bit 0 is the flag. */
  private static final long HANDLE_RESERVED = ~(SeptEntry.HPA_MASK | 1);

  private final Checks checks;

  SeptCalls(Checks checks) {
    this.checks = checks;
  }

  /** Checks a TD handle whose bit 0 is a flag, and the TD. */
  static long flaggedTd(Checks checks, Frame f, long handle, SeamCall leaf) {
    if ((handle & HANDLE_RESERVED) != 0) {
      return SeamStatus.OPERAND_INVALID.with(Operand.RDX);
    }
    long s = checks.tdr(f, handle & SeptEntry.HPA_MASK, Operand.RDX, false);
    return s != 0 ? s : checks.tdState(f, leaf, true);
  }

  long add(Frame f, Registers r, int version) {
    long rcx = r.rcx;
    long handle = r.rdx;
    r.rcx = 0;
    r.rdx = 0;
    if (version > SeamCall.MEM_SEPT_ADD.maxVersion()) {
      return SeamStatus.OPERAND_INVALID.with(Operand.RAX);
    }
    boolean allowExisting = (handle & 1) != 0;
    long page = r.r8 == NO_PAGE ? NO_PAGE : r.r8 & ~UNUSED;
    long s = flaggedTd(checks, f, handle, SeamCall.MEM_SEPT_ADD);
    if (s == 0) {
      s = checks.walkAndLock(f, r, rcx, 1, rootLevel(f), false);
    }
    if (s == 0) {
      s = Checks.entry(f, r, ADD_FROM);
    }
    if (s != 0) {
      return s;
    }
    boolean exists = !SeptEntry.isFree(f.entry);
    boolean take = false;
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
      take = true;
    } else if (allowExisting) {
      page |= UNUSED;
    } else {
      return Checks.details(f, r, SeamStatus.EPT_ENTRY_STATE_INCORRECT.with(Operand.RCX));
    }
    if (version > 0) {
      r.r8 = page;
      s = noNestedPages(r, f.td());
      if (s != 0) {
        return s;
      }
    }
    if (take) {
      Td td = f.td();
      Pamt pamt = checks.pamt(page);
      pamt.assign(0, page, PageType.EPT, td.tdr());
      pamt.setBepoch(0, page, 0);
      td.addChildren(1);
      f.table().setChild(f.index, new SeptTable(page, f.level - 1));
      f.table().update(f.index, SeptEntry.table(page));
      if (version > 0) {
        r.r8 = NO_PAGE;
      }
    }
    return 0;
  }

  /** Pages for tables of nested VMs can only be given for VMs the TD has; here there are none. */
  private static long noNestedPages(Registers r, Td td) {
    long l2 = td.params.numL2Vms();
    if (r.r9 != NO_PAGE && l2 < 1) {
      return SeamStatus.OPERAND_INVALID.with(Operand.R9);
    }
    if (r.r10 != NO_PAGE && l2 < 2) {
      return SeamStatus.OPERAND_INVALID.with(Operand.R10);
    }
    if (r.r11 != NO_PAGE && l2 < 3) {
      return SeamStatus.OPERAND_INVALID.with(Operand.R11);
    }
    return 0;
  }

  long remove(Frame f, Registers r, int version) {
    long rcx = r.rcx;
    long tdr = r.rdx;
    r.rcx = 0;
    r.rdx = 0;
    if (version > 0) {
      r.r9 = NO_PAGE;
      r.r10 = NO_PAGE;
      r.r11 = NO_PAGE;
    }
    if (version > SeamCall.MEM_SEPT_REMOVE.maxVersion()) {
      return SeamStatus.OPERAND_INVALID.with(Operand.RAX);
    }
    long s = checks.tdr(f, tdr, Operand.RDX, false);
    if (s == 0) {
      s = checks.tdState(f, SeamCall.MEM_SEPT_REMOVE, true);
    }
    if (s == 0) {
      s = checks.walkAndLock(f, r, rcx, 1, rootLevel(f), true);
    }
    if (s == 0) {
      s = Checks.entry(f, r, REMOVE_FROM);
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
    f.td().addChildren(-1);
    r.rcx = page;
    return 0;
  }

  long read(Frame f, Registers r) {
    long rcx = r.rcx;
    long handle = r.rdx;
    r.rcx = 0;
    r.rdx = 0;
    long s = flaggedTd(checks, f, handle, SeamCall.MEM_SEPT_RD);
    if (s != 0) {
      return s;
    }
    // The flag asks for a nested VM's entry, which only a debuggable TD shows.
    if ((handle & 1) != 0 && (f.td().params.attributes() & TdParams.DEBUG) == 0) {
      return SeamStatus.OPERAND_INVALID.with(Operand.RDX);
    }
    s = checks.walkAndLock(f, r, rcx, 0, rootLevel(f), false);
    return s != 0 ? s : Checks.details(f, r, 0);
  }

  static int rootLevel(Frame f) {
    return f.td().params.levels() - 1;
  }
}
