package dev.cocovisor.tdx.module.pamt;

/**
 * The locks of PAMT entries one processor holds, in the order it took them.
 *
 * <p>Reused call after call. Those that VP.ENTER took are handed over as a whole and stay until the
 * TD exits.
 */
public final class PamtLocks {
  private static final int MAX = 16;
  private static final int EXCLUSIVE = 1;
  private static final int STRIPED = 2;
  private static final int SIZE_SHIFT = 2;

  private final int group;
  private final Pamt[] pamts = new Pamt[MAX];
  private final long[] pages = new long[MAX];
  private final int[] modes = new int[MAX];
  private int count;

  /** Creates an empty set for a processor of a group ({@link Sharers#group}). */
  public PamtLocks(int group) {
    this.group = group;
  }

  /** Tries to take the lock of an entry. */
  public boolean lock(Pamt pamt, int size, long hpa, boolean exclusive) {
    int mode = exclusive ? EXCLUSIVE : 0;
    if (exclusive) {
      if (!pamt.tryLock(size, hpa)) {
        return false;
      }
    } else {
      int how = pamt.tryLockShared(size, hpa, group);
      if (how == Pamt.BUSY) {
        return false;
      }
      mode = how == Pamt.STRIPED ? STRIPED : 0;
    }
    pamts[count] = pamt;
    pages[count] = hpa;
    modes[count] = size << SIZE_SHIFT | mode;
    count++;
    return true;
  }

  /** Makes the newest lock, a shared one, exclusive; works if nobody else shares it. */
  public boolean upgradeNewest() {
    int i = count - 1;
    boolean striped = (modes[i] & STRIPED) != 0;
    if (!pamts[i].tryUpgrade(modes[i] >> SIZE_SHIFT, pages[i], striped, group)) {
      return false;
    }
    modes[i] = (modes[i] & ~STRIPED) | EXCLUSIVE;
    return true;
  }

  /** Gives every lock back, the newest first. */
  public void releaseAll() {
    while (count > 0) {
      count--;
      int mode = modes[count];
      if ((mode & EXCLUSIVE) != 0) {
        pamts[count].unlock(mode >> SIZE_SHIFT, pages[count]);
      } else {
        pamts[count].unlockShared(mode >> SIZE_SHIFT, pages[count], (mode & STRIPED) != 0, group);
      }
    }
  }
}
