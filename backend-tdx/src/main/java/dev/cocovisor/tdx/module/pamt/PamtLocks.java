package dev.cocovisor.tdx.module.pamt;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * The locks of PAMT entries one processor holds, in the order it took them.
 *
 * <p><b>States.</b> The lock of an entry is free, shared by many, or exclusive to one; it is only
 * ever tried. Its host-priority flag has no effect here, since no guest call of the model takes a
 * PAMT lock.
 *
 * <p><b>Where a hold is written.</b> An exclusive one is a bit of the entry's word. While it is set
 * nobody else writes the word, so its holder clears it by a store. A shared hold of a page of 4 KiB
 * is counted in the word. But every call shares the entries above the pages it names, and the TD's
 * root page: counted in words, the vCPUs of a TD would wait for each other's cache line at each
 * step. So shared holds of large entries and of TDR pages are written in this list, which its
 * processor alone writes and which the {@link Pamt} knows. Whoever shares writes that down and then
 * looks for the exclusive bit; whoever wants the entry alone sets the bit and then looks through
 * all lists: one of the two sees the other. Giving such a hold up is a store.
 *
 * <p>A page of 4 KiB whose block is not made is shared without it ({@link Pamt#shareAlone}).
 *
 * <p>Reused call after call, so that a call allocates nothing. Those that VP.ENTER took are handed
 * over as a whole and stay until the TD exits. One thread at a time has a list; entries are shared.
 *
 * <p>Source: TDX module 1.5.01, {@code pamt_manager.c}, {@code helpers.c}.
 */
public final class PamtLocks {
  private static final VarHandle SHARED = MethodHandles.arrayElementVarHandle(long[].class);
  private static final int MAX = 16;

  /** Longs in two cache lines, since processors fetch them in pairs. */
  private static final int LINE = 16;

  // How a hold is written; above these two bits is the size of its page.
  private static final int LISTED = 0;
  private static final int IN_WORD = 1;
  private static final int WITHOUT_BLOCK = 2;
  private static final int EXCLUSIVE = 3;
  private static final int HOW = 3;
  private static final int SIZE_SHIFT = 2;

  /** The keys of listed holds, each at its place in the order; no other list in its cache lines. */
  private final long[] shared = new long[LINE + MAX + LINE];

  private final int[] holds = new int[MAX];

  // The entries of holds that are not listed.
  private final Pamt[] pamts = new Pamt[MAX];
  private final long[] pages = new long[MAX];

  private int count;
  private int newestType;

  /** The table that knows the list. */
  private @Nullable Pamt known;

  /**
   * Tries to take the lock of an entry.
   *
   * @param size 0 for 4 KiB, 1 for 2 MiB, 2 for 1 GiB
   * @param hpa an address in the page
   */
  public boolean lock(Pamt pamt, int size, long hpa, boolean exclusive) {
    SchedulePoint.reach(PointKind.TRY_LOCK, pamt);
    if (exclusive) {
      return alone(pamt, size, hpa) && took(EXCLUSIVE, pamt, size, hpa);
    }
    while (Pamt.listed(size, pamt.word(size, hpa))) {
      long word = list(pamt, size, hpa);
      if (!Pamt.exclusive(word) && Pamt.listed(size, word)) {
        newestType = Pamt.typeOf(word);
        holds[count++] = LISTED;
        return true;
      }
      SHARED.setRelease(shared, LINE + count, 0L);
      if (Pamt.exclusive(word)) {
        return false;
      }
    }
    return pamt.shareAlone(hpa)
        ? took(WITHOUT_BLOCK, pamt, size, hpa)
        : pamt.shareInWord(hpa) && took(IN_WORD, pamt, size, hpa);
  }

  private boolean took(int how, Pamt pamt, int size, long hpa) {
    newestType = pamt.type(size, hpa);
    hold(count++, how, pamt, size, hpa);
    return true;
  }

  private void hold(int i, int how, Pamt pamt, int size, long hpa) {
    holds[i] = size << SIZE_SHIFT | how;
    pamts[i] = pamt;
    pages[i] = hpa;
  }

  /** Lists a hold, and returns the entry's word as it is after that. */
  private long list(Pamt pamt, int size, long hpa) {
    if (pamt != known) {
      pamt.know(shared);
      known = pamt;
    }
    SHARED.setVolatile(shared, LINE + count, key(size, hpa));
    return pamt.word(size, hpa);
  }

  private static boolean alone(Pamt pamt, int size, long hpa) {
    if (!pamt.setExclusive(size, hpa)) {
      return false;
    }
    if (Pamt.listed(size, pamt.word(size, hpa)) && pamt.sharers(key(size, hpa)) != 0) {
      pamt.clearExclusive(size, hpa);
      return false;
    }
    return true;
  }

  /** An entry's name in a list: the page, its size, and that it is one. */
  private static long key(int size, long hpa) {
    return hpa >>> (PageLevel.PAGE_SHIFT + 9 * size) << 3 | (long) size << 1 | 1;
  }

  /** Returns how often a list has a key. */
  static int timesIn(long[] list, long key) {
    int n = 0;
    for (int i = LINE; i < LINE + MAX; i++) {
      n += (long) SHARED.getVolatile(list, i) == key ? 1 : 0;
    }
    return n;
  }

  /** Returns the type of the page whose lock was taken last. */
  public int newestType() {
    return newestType;
  }

  /**
   * Makes the newest lock, a shared one of a large page, exclusive; works for its only sharer.
   *
   * @param pamt of the lock, as its size and page
   */
  public boolean upgradeNewest(Pamt pamt, int size, long hpa) {
    SchedulePoint.reach(PointKind.TRY_LOCK, pamt);
    int i = count - 1;
    if (!pamt.setExclusive(size, hpa)) {
      return false;
    }
    if (pamt.sharers(key(size, hpa)) != 1) {
      pamt.clearExclusive(size, hpa);
      return false;
    }
    SHARED.setRelease(shared, LINE + i, 0L);
    hold(i, EXCLUSIVE, pamt, size, hpa);
    return true;
  }

  /** Gives every lock back, the newest first. */
  public void releaseAll() {
    while (count > 0) {
      int i = --count;
      int hold = holds[i];
      switch (hold & HOW) {
        case LISTED -> SHARED.setRelease(shared, LINE + i, 0L);
        case EXCLUSIVE -> pamts[i].clearExclusive(hold >> SIZE_SHIFT, pages[i]);
        case WITHOUT_BLOCK -> pamts[i].unshareAlone(pages[i]);
        default -> pamts[i].unshareInWord(pages[i]);
      }
    }
  }
}
