package dev.cocovisor.tdx.module.call;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.tdx.module.abi.OpState;
import dev.cocovisor.tdx.module.abi.Operand;
import dev.cocovisor.tdx.module.abi.PlatformConfig;
import dev.cocovisor.tdx.module.abi.Registers;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.keys.CipherState;
import dev.cocovisor.tdx.module.pamt.PageType;
import dev.cocovisor.tdx.module.pamt.Pamt;
import dev.cocovisor.tdx.module.pamt.PamtPairs;
import dev.cocovisor.tdx.module.sept.SeptEntry;
import dev.cocovisor.tdx.module.sept.SeptState;
import dev.cocovisor.tdx.module.sept.SeptTable;
import dev.cocovisor.tdx.module.td.Td;
import dev.cocovisor.tdx.module.td.TdParams;
import org.jspecify.annotations.Nullable;

/**
 * The checks that many leaves begin with, in the module's order: the TDR page, the TD's state, the
 * layout of RCX, the Secure-EPT walk, the entry lock, the entry's state; then page operands and TLB
 * tracking. Each returns 0 or the completion status to give.
 *
 * <p>Source: TDX module 1.5.01, {@code helpers.c}: check_lock_and_map_explicit_tdr,
 * check_state_map_tdcs_and_lock, lock_sept_check_and_walk_private_gpa,
 * check_and_lock_explicit_private_hpa.
 */
final class Checks {
  /** States of a set that {@link #entry} allows. */
  static int states(SeptState... states) {
    int set = 0;
    for (SeptState s : states) {
      set |= s.bit();
    }
    return set;
  }

  private static final long PAGE_INFO_RESERVED = ~(SeptEntry.HPA_MASK | 7);

  private final PlatformConfig config;
  private final Pamt[] pamts;
  private final CipherState[] ciphers;
  private final @Nullable PamtPairs pairs;

  Checks(PlatformConfig config, Pamt[] pamts) {
    this.config = config;
    this.pamts = pamts;
    this.pairs = config.dynamicPamt() ? new PamtPairs() : null;
    this.ciphers = new CipherState[pamts.length];
    for (int i = 0; i < pamts.length; i++) {
      ciphers[i] = new CipherState(pamts[i].base(), pamts[i].end());
    }
  }

  PlatformConfig config() {
    return config;
  }

  /** Returns where there are entries of 4 KiB; null where there are everywhere. */
  @Nullable PamtPairs pairs() {
    return pairs;
  }

  CipherState cipher(long hpa) {
    for (int i = 0; i < pamts.length; i++) {
      if (pamts[i].covers(hpa)) {
        return ciphers[i];
      }
    }
    throw new IllegalStateException("outside every TDMR: " + Long.toHexString(hpa));
  }

  /** Frees a page whose PAMT entry is locked; its content stays the TD's ciphertext. */
  void free(int size, long hpa) {
    pamt(hpa).release(size, hpa);
    cipher(hpa).left(hpa >>> PageLevel.PAGE_SHIFT, 1 << (9 * size));
  }

  /** Returns the table of the TDMR around an address, or null outside all. */
  @Nullable Pamt pamtOf(long hpa) {
    for (Pamt p : pamts) {
      if (p.covers(hpa)) {
        return p;
      }
    }
    return null;
  }

  Pamt pamt(long hpa) {
    Pamt p = pamtOf(hpa);
    if (p == null) {
      throw new IllegalStateException("outside every TDMR: " + Long.toHexString(hpa));
    }
    return p;
  }

  /** Address without key bits, aligned to the page size. */
  boolean validHpa(long hpa, int size) {
    return (hpa & ((4096L << (9 * size)) - 1)) == 0 && hpa >>> config.keyShift() == 0;
  }

  /**
   * Checks a page operand and locks its PAMT path: the larger sizes shared, its own as asked.
   *
   * @param type what the page must be
   */
  long page(Frame f, long hpa, int size, boolean exclusive, int type, int operand) {
    Pamt p = pamtOf(hpa);
    long s = larger(f, p, hpa, size, operand);
    if (s != 0 || p == null) {
      return s;
    }
    if (hasNoEntry(hpa, size)) {
      return (type == PageType.NDA
              ? SeamStatus.MISSING_PAMT_PAGE_PAIR
              : SeamStatus.PAGE_METADATA_INCORRECT)
          .with(operand);
    }
    return entry(f, p, hpa, size, exclusive, type, operand);
  }

  /**
   * Checks a page of 4 KiB that is nobody's and locks its path shared. Without an entry of its own
   * that of its 2 MiB says so: the walk need not reach 4 KiB (the module's {@code helpers.c} with
   * dynamic PAMT, check_and_lock_explicit_private_hpa without walk_to_target_size).
   */
  long freePage(Frame f, long hpa, int operand) {
    Pamt p = pamtOf(hpa);
    long s = larger(f, p, hpa, 0, operand);
    return s != 0 || p == null || hasNoEntry(hpa, 0)
        ? s
        : entry(f, p, hpa, 0, false, PageType.NDA, operand);
  }

  /** Locks the entries of the sizes above, which must be nobody's. */
  private long larger(Frame f, @Nullable Pamt p, long hpa, int size, int operand) {
    if (!validHpa(hpa, size)) {
      return SeamStatus.OPERAND_INVALID.with(operand);
    }
    if (p == null) {
      return SeamStatus.OPERAND_ADDR_RANGE_ERROR.with(operand);
    }
    for (int s = 2; s > size; s--) {
      if (!f.lockPamt(p, s, hpa, false)) {
        return SeamStatus.OPERAND_BUSY.with(operand);
      }
      if (f.pageType() != PageType.NDA) {
        return SeamStatus.PAGE_METADATA_INCORRECT.with(operand);
      }
    }
    return 0;
  }

  private boolean hasNoEntry(long hpa, int size) {
    return size == 0 && pairs != null && !pairs.covers(hpa);
  }

  private static long entry(
      Frame f, Pamt p, long hpa, int size, boolean exclusive, int type, int operand) {
    if (!f.lockPamt(p, size, hpa, exclusive)) {
      return SeamStatus.OPERAND_BUSY.with(operand);
    }
    return f.pageType() == type ? 0 : SeamStatus.PAGE_METADATA_INCORRECT.with(operand);
  }

  /** Locks the PAMT entry of a page that was found, not named. */
  boolean lockImplicit(Frame f, long hpa, int size, boolean exclusive) {
    return f.lockPamt(pamt(hpa), size, hpa, exclusive);
  }

  /** Checks and locks the TDR an operand names. */
  long tdr(Frame f, long tdr, int operand, boolean exclusive) {
    long s = page(f, tdr, 0, exclusive, PageType.TDR, operand);
    if (s == 0) {
      f.td = (Td) pamt(tdr).control(tdr);
    }
    return s;
  }

  /** Locks the TDR that owns a page. */
  long ownerTdr(Frame f, Td td, boolean exclusive) {
    if (!lockImplicit(f, td.tdr(), 0, exclusive)) {
      return SeamStatus.OPERAND_BUSY.with(Operand.TDR);
    }
    f.td = td;
    return 0;
  }

  /** Checks that the TD can be used by a leaf; takes the op-state lock unless TDR is exclusive. */
  long tdState(Frame f, SeamCall leaf, boolean lock) {
    Td td = f.td();
    if (td.fatal) {
      return SeamStatus.TD_FATAL.code();
    }
    if (td.lifecycle != Td.KEYS_CONFIGURED) {
      return SeamStatus.TD_KEYS_NOT_CONFIGURED.code();
    }
    if (td.tdcxPages < TdParams.MIN_TDCX) {
      return SeamStatus.TDCS_NOT_ALLOCATED.code();
    }
    if (lock && !f.lockOpState(td)) {
      return SeamStatus.OPERAND_BUSY.with(Operand.OP_STATE);
    }
    return leaf.allowedIn(td.opState) ? 0 : SeamStatus.OP_STATE_INCORRECT.code();
  }

  /** Checks the layout of a GPA-and-level operand. */
  static long pageInfo(long rcx, int minLevel, int maxLevel) {
    int level = (int) rcx & 7;
    boolean ok =
        (rcx & PAGE_INFO_RESERVED) == 0
            && level >= minLevel
            && level <= maxLevel
            && (rcx & SeptEntry.HPA_MASK & ((4096L << (9 * level)) - 1)) == 0;
    return ok ? 0 : SeamStatus.OPERAND_INVALID.with(Operand.RCX);
  }

  /** Tells whether a GPA is private and within the TD's address width. */
  boolean privateGpa(Td td, long gpa) {
    TdParams p = td.params;
    long limit = p.wide() ? 51 : 47;
    return gpa >>> limit == 0 && gpa >>> config.maxPa() == 0;
  }

  /** Walks down to a level; stops early at a leaf or where nothing may be accessed. */
  static void walk(Frame f, Td td, long gpa, int level) {
    SeptTable t = td.rootTable();
    while (true) {
      int l = t.level();
      int i = (int) (gpa >>> (12 + 9 * l)) & 511;
      long e = t.get(i);
      SeptTable next = null;
      if (l > level && SeptEntry.rwx(e) != 0 && !SeptEntry.isLeaf(e)) {
        next = t.child(i);
      }
      if (next == null) {
        f.table = t;
        f.index = i;
        f.level = l;
        f.entry = e;
        return;
      }
      t = next;
    }
  }

  /** Copies the details of the entry the walk stopped at into RCX and RDX. */
  static long details(Frame f, Registers r, long status) {
    r.rcx = SeptEntry.architectural(f.entry);
    r.rdx = SeptEntry.info(f.entry, f.level);
    return status;
  }

  /** The set of all states. */
  static final int ANY = -1;

  /** Stands for the level of the TD's root table where a highest level is asked for. */
  static final int ROOT = -1;

  /** Bits of a TD handle with flags that must be zero; bit 0 is the flag. */
  private static final long HANDLE_RESERVED = ~(SeptEntry.HPA_MASK | 1);

  /**
   * Begins a call whose RDX is a TDR: outputs are zeroed, the TD is locked shared and its state
   * checked.
   */
  long begin(Frame f, Registers r, SeamCall leaf) {
    keepInputs(f, r);
    long s = tdr(f, f.rdx, Operand.RDX, false);
    return s != 0 ? s : tdState(f, leaf, true);
  }

  /** As {@link #begin} for a call that wants the TDR alone, and so no op-state lock. */
  long beginAlone(Frame f, Registers r, SeamCall leaf) {
    keepInputs(f, r);
    long s = tdr(f, f.rdx, Operand.RDX, true);
    return s != 0 ? s : tdState(f, leaf, false);
  }

  /** As {@link #begin} for a call that takes bit 0 of RDX as a flag. */
  long beginFlagged(Frame f, Registers r, SeamCall leaf) {
    keepInputs(f, r);
    if ((f.rdx & HANDLE_RESERVED) != 0) {
      return SeamStatus.OPERAND_INVALID.with(Operand.RDX);
    }
    long s = tdr(f, f.rdx & SeptEntry.HPA_MASK, Operand.RDX, false);
    return s != 0 ? s : tdState(f, leaf, true);
  }

  private static void keepInputs(Frame f, Registers r) {
    f.rcx = r.rcx;
    f.rdx = r.rdx;
    r.rcx = 0;
    r.rdx = 0;
  }

  /** An interrupted call that changed nothing: the host gets its operands back to repeat it. */
  static long restart(Frame f, Registers r) {
    r.rcx = f.rcx;
    r.rdx = f.rdx;
    return SeamStatus.INTERRUPTED_RESTARTABLE.code();
  }

  /** Tells that pages of nested VMs' tables, which there are none of, were not used. */
  static void noNestedPages(Registers r) {
    r.r9 = -1L;
    r.r10 = -1L;
    r.r11 = -1L;
  }

  /**
   * Goes on from {@link #begin} to the locked entry RCX names, whose state must be one of a set.
   *
   * @param maxLevel the highest level RCX may name, or {@link #ROOT}
   * @param allowed a set of states, or {@link #ANY}
   */
  long entryOf(Frame f, Registers r, int minLevel, int maxLevel, boolean treeAlone, int allowed) {
    Td td = f.td();
    long s = pageInfo(f.rcx, minLevel, maxLevel == ROOT ? td.params.levels() - 1 : maxLevel);
    if (s != 0) {
      return s;
    }
    int level = (int) f.rcx & 7;
    long gpa = f.rcx & SeptEntry.HPA_MASK;
    if (!privateGpa(td, gpa)) {
      return SeamStatus.OPERAND_INVALID.with(Operand.RCX);
    }
    if (!f.lockTree(td, treeAlone)) {
      return SeamStatus.OPERAND_BUSY.with(Operand.SEPT_TREE);
    }
    walk(f, td, gpa, level);
    if (f.level != level) {
      return details(f, r, SeamStatus.EPT_WALK_FAILED.with(Operand.RCX));
    }
    if (!f.lockEntry()) {
      return details(f, r, SeamStatus.OPERAND_BUSY.with(Operand.RCX));
    }
    return entry(f, r, allowed);
  }

  /** Checks that the entry's state is one of a set. */
  static long entry(Frame f, Registers r, int allowed) {
    return (allowed & SeptState.of(f.entry).bit()) != 0
        ? 0
        : details(f, r, SeamStatus.EPT_ENTRY_STATE_INCORRECT.with(Operand.RCX));
  }

  /**
   * Checks that a live TD's entry is blocked and that every translation made before is gone.
   *
   * @param pageHpa the page or table the entry maps, whose BEPOCH counts
   * @param size the size of its PAMT entry
   */
  long tracked(Frame f, Registers r, long pageHpa, int size) {
    Td td = f.td();
    SeptState state = SeptState.of(f.entry);
    if (!state.trackingRequired() || !OpState.tracked(td.opState)) {
      return 0;
    }
    if (!state.blocked()) {
      return details(f, r, SeamStatus.GPA_RANGE_NOT_BLOCKED.with(Operand.RCX));
    }
    return td.tracked(pamt(pageHpa).bepoch(size, pageHpa))
        ? 0
        : SeamStatus.TLB_TRACKING_NOT_DONE.with(Operand.RCX);
  }
}
