package dev.cocovisor.snp.kvm;

import static dev.cocovisor.api.PageLevel.PAGE_SHIFT;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.RunResult;

/**
 * One page state change request of a guest, from the buffer of its GHCB or by the MSR protocol.
 *
 * <p>KVM changes nothing itself: it turns entries into KVM_EXIT_HYPERCALL exits, merging
 * neighbours, and user space converts. The RMP follows at the next fault. Source: {@code
 * arch/x86/kvm/svm/sev.c}, snp_begin_psc, snp_do_psc, __snp_complete_one_psc, snp_begin_psc_msr,
 * snp_complete_psc_msr (7.3).
 */
final class PageStateChange {
  static final int PRIVATE = 1;
  static final int SHARED = 2;

  /** Entries of one buffer (VMGEXIT_PSC_MAX_COUNT). */
  static final int MAX_ENTRIES = 253;

  static final long GENERIC = 0x100L << 32;
  static final long INVALID_HEADER = 1L << 32 | 1;
  static final long INVALID_ENTRY = 1L << 32 | 2;

  /** MSR protocol: response code, and the generic error above it. */
  static final long MSR_RESPONSE = 0x15;

  static final long MSR_ERROR = 1L << 63 | MSR_RESPONSE;

  /** KVM_HC_MAP_GPA_RANGE. */
  static final int MAP_GPA_RANGE = 12;

  private static final long ENCRYPTED = 1 << 4;
  private static final long LONG_MODE = 1;

  private final boolean msr;
  private final int[] curPage;
  private final long[] gfn;
  private final int[] operation;
  private final boolean[] huge;
  private int curEntry;
  private final int endEntry;
  private int inflight;
  private Exit asked = new Exit.Unknown();

  private PageStateChange(boolean msr, int curEntry, int endEntry, int entries) {
    this.msr = msr;
    this.curEntry = curEntry;
    this.endEntry = endEntry;
    this.curPage = new int[entries];
    this.gfn = new long[entries];
    this.operation = new int[entries];
    this.huge = new boolean[entries];
  }

  /** A request by the MSR protocol. */
  static PageStateChange msr(long gfn, int operation) {
    PageStateChange p = new PageStateChange(true, 0, 0, 1);
    p.gfn[0] = gfn;
    p.operation[0] = operation;
    return p;
  }

  /** A request by buffer: header and as many entries as it holds. */
  static PageStateChange buffer(int curEntry, int endEntry, int room) {
    return new PageStateChange(false, curEntry, endEntry, room);
  }

  void entry(int i, int cur, long pageGfn, int op, boolean isHuge) {
    curPage[i] = cur;
    gfn[i] = pageGfn;
    operation[i] = op;
    huge[i] = isHuge;
  }

  /**
   * Starts or goes on.
   *
   * @param offered whether user space enabled KVM_HC_MAP_GPA_RANGE exits
   */
  RunResult next(boolean offered) {
    if (msr) {
      boolean known = operation[0] == PRIVATE || operation[0] == SHARED;
      return known && offered ? exit(gfn[0], 1, operation[0], false) : completed(MSR_ERROR);
    }
    if (!offered) {
      return completed(GENERIC);
    }
    if (endEntry >= gfn.length) {
      return completed(INVALID_HEADER);
    }
    while (curEntry <= endEntry) {
      int i = curEntry;
      int pages = size(i);
      if (curPage[i] > pages || (gfn[i] & pages - 1) != 0) {
        return completed(INVALID_ENTRY);
      }
      if (curPage[i] == pages) {
        curEntry++;
        continue;
      }
      long npages = merge(i);
      if (operation[i] == PRIVATE || operation[i] == SHARED) {
        return exit(gfn[i] + curPage[i], npages, operation[i], huge[i]);
      }
      // SMASH and UNSMASH: the host decides about page sizes, so there is nothing to do.
      done();
    }
    return completed(0);
  }

  private int size(int i) {
    return huge[i] ? 512 : 1;
  }

  /**
   * Takes neighbours that say the same into one exit. What is left of a half-done huge entry counts
   * as small pages, and its neighbour is looked for as many pages behind its start as are left: a
   * slip of the kernel's that is kept. Its exit still names the entry's size.
   */
  private long merge(int first) {
    boolean whole = huge[first] && curPage[first] == 0;
    long npages = (long) size(first) - curPage[first];
    inflight = 1;
    for (int i = first + 1; i <= endEntry; i++) {
      if (operation[i] != operation[first]
          || gfn[i] != gfn[first] + npages
          || curPage[i] != 0
          || huge[i] != whole) {
        break;
      }
      npages += whole ? 512 : 1;
      inflight++;
    }
    return npages;
  }

  private void done() {
    for (; inflight > 0; inflight--) {
      curPage[curEntry] = size(curEntry);
      curEntry++;
    }
  }

  private RunResult exit(long at, long npages, int op, boolean isHuge) {
    long attributes = (op == PRIVATE ? ENCRYPTED : 0) | (isHuge ? 1 : 0);
    asked =
        new Exit.Hypercall(
            MAP_GPA_RANGE, new long[] {at << PAGE_SHIFT, npages, attributes}, LONG_MODE);
    return RunResult.ok(asked);
  }

  /** Returns the exit that user space answers. */
  Exit asked() {
    return asked;
  }

  /** Tells whether a request by buffer gets as far as its entries. */
  boolean headerOk(boolean offered) {
    return offered && endEntry < gfn.length;
  }

  /** Takes user space's answer and goes on. */
  RunResult answered(long ret, boolean offered) {
    if (msr) {
      return completed(ret != 0 ? MSR_ERROR : MSR_RESPONSE);
    }
    if (ret != 0) {
      return completed(GENERIC);
    }
    done();
    return next(offered);
  }

  private RunResult completed(long result) {
    Fields f = new Fields();
    if (msr) {
      f.put("ghcb_msr", result);
    } else {
      f.put("exitinfo2", result).put("cur_entry", curEntry);
    }
    return RunResult.ok(new Exit.Vendor(5, "KVM_EXIT_HLT", f));
  }

  /** Tells whether the request came in the buffer of a GHCB. */
  boolean buffered() {
    return !msr;
  }

  /** Ends the request with the generic error. */
  RunResult failed() {
    return completed(GENERIC);
  }

  /** Tells whether a result ends the request. */
  static boolean ended(RunResult r) {
    return !(r.exit() instanceof Exit.Hypercall);
  }
}
