package dev.cocovisor.tdx.module.call;

import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.tdx.module.pamt.Pamt;
import dev.cocovisor.tdx.module.pamt.PamtLocks;
import dev.cocovisor.tdx.module.sept.SeptTable;
import dev.cocovisor.tdx.module.td.Td;
import org.jspecify.annotations.Nullable;

/**
 * Holds single locks of the module from outside, as another SEAMCALL that is going on would.
 *
 * <p>For replayers and tests of contention. Not thread-safe.
 */
public final class LockProbe {
  private final Leaves module;
  private @Nullable ModelLock lock;
  private boolean lockExclusive;
  private final Frame frame = new Frame(0);
  private final PamtLocks pamtLocks = new PamtLocks();
  private @Nullable SeptTable table;
  private int index;

  /** Creates a probe that holds nothing. */
  public LockProbe(Leaves module) {
    this.module = module;
  }

  /** Takes a TD's Secure-EPT tree lock. */
  public boolean tree(Td td, boolean exclusive) {
    return take(td.treeLock, exclusive);
  }

  /** Takes a TD's op-state lock. */
  public boolean opState(Td td, boolean exclusive) {
    return take(td.opStateLock, exclusive);
  }

  /** Takes a TD's epoch lock. */
  public boolean epoch(Td td, boolean exclusive) {
    return take(td.epochLock, exclusive);
  }

  /** Takes the lock of a PAMT entry of a size (0 = 4 KiB). */
  public boolean pamt(long hpa, int size, boolean exclusive) {
    Pamt p = module.pamt(hpa);
    return p != null && pamtLocks.lock(p, size, hpa, exclusive);
  }

  /** Takes the lock of the entry a walk to {@code level} stops at, as a host call does. */
  public boolean entry(Td td, long gpa, int level) {
    Frame f = frame;
    if (td.root() == null) {
      return false;
    }
    Checks.walk(f, td, gpa, level);
    if (f.level != level || !f.table().tryLockHost(f.index)) {
      return false;
    }
    table = f.table();
    index = f.index;
    return true;
  }

  private boolean take(ModelLock l, boolean exclusive) {
    if (!(exclusive ? l.tryLock() : l.tryLockShared())) {
      return false;
    }
    lock = l;
    lockExclusive = exclusive;
    return true;
  }

  /** Gives everything back. */
  public void release() {
    SeptTable t = table;
    if (t != null) {
      t.unlock(index);
      table = null;
    }
    ModelLock l = lock;
    if (l != null) {
      if (lockExclusive) {
        l.unlock();
      } else {
        l.unlockShared();
      }
      lock = null;
    }
    pamtLocks.releaseAll();
  }
}
