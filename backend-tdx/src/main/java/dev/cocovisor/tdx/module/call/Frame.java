package dev.cocovisor.tdx.module.call;

import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.tdx.module.pamt.Pamt;
import dev.cocovisor.tdx.module.pamt.PamtLocks;
import dev.cocovisor.tdx.module.sept.SeptTable;
import dev.cocovisor.tdx.module.td.StripedCount;
import dev.cocovisor.tdx.module.td.Td;
import org.jspecify.annotations.Nullable;

/**
 * The working storage of one SEAMCALL: the TD found, where the walk stopped, and every lock taken.
 *
 * <p>A leaf takes locks as it goes and never gives one back; whatever way it ends, {@link
 * #releaseAll} frees them in reverse order. Reused call after call, so that a call allocates
 * nothing.
 */
final class Frame {
  final int group;
  private PamtLocks pamtLocks = new PamtLocks();
  private @Nullable ModelLock opState;
  private @Nullable ModelLock tree;
  private boolean treeExclusive;
  private @Nullable ModelLock kot;
  private boolean kotExclusive;
  private boolean entryLocked;

  /** RCX and RDX as the host gave them, for calls that give them back. */
  long rcx;

  long rdx;

  @Nullable Td td;
  @Nullable SeptTable table;
  int index;
  int level;

  /** The entry as last read. */
  long entry;

  /** Creates the storage of a processor. */
  Frame(int processor) {
    group = StripedCount.group(processor);
  }

  Td td() {
    Td t = td;
    if (t == null) {
      throw new IllegalStateException("no TD was checked");
    }
    return t;
  }

  SeptTable table() {
    SeptTable t = table;
    if (t == null) {
      throw new IllegalStateException("no walk was made");
    }
    return t;
  }

  boolean lockPamt(Pamt pamt, int size, long hpa, boolean exclusive) {
    return pamtLocks.lock(pamt, size, hpa, exclusive);
  }

  /** Returns the type of the page whose PAMT entry was locked last. */
  int pageType() {
    return pamtLocks.newestType();
  }

  /** Makes the newest PAMT lock exclusive, which works if nobody else shares it. */
  boolean upgradeNewest(Pamt pamt, int size, long hpa) {
    return pamtLocks.upgradeNewest(pamt, size, hpa);
  }

  boolean lockOpState(Td of) {
    if (!of.opStateLock.tryLockShared()) {
      return false;
    }
    opState = of.opStateLock;
    return true;
  }

  boolean lockTree(Td of, boolean exclusive) {
    if (!(exclusive ? of.treeLock.tryLock() : of.treeLock.tryLockShared())) {
      return false;
    }
    tree = of.treeLock;
    treeExclusive = exclusive;
    return true;
  }

  boolean lockKot(ModelLock lock, boolean exclusive) {
    if (!(exclusive ? lock.tryLock() : lock.tryLockShared())) {
      return false;
    }
    kot = lock;
    kotExclusive = exclusive;
    return true;
  }

  /** Locks the entry the walk stopped at and reads it again. */
  boolean lockEntry() {
    if (!table().tryLockHost(index)) {
      return false;
    }
    entryLocked = true;
    entry = table().get(index);
    return true;
  }

  /** Writes the entry and gives its lock up; whatever else the leaf changes is changed by then. */
  void put(long changed) {
    table().put(index, changed);
    entryLocked = false;
  }

  void releaseAll() {
    if (entryLocked) {
      table().unlock(index);
      entryLocked = false;
    }
    if (tree != null) {
      unlock(tree, treeExclusive);
      tree = null;
    }
    if (kot != null) {
      unlock(kot, kotExclusive);
      kot = null;
    }
    if (opState != null) {
      opState.unlockShared();
      opState = null;
    }
    pamtLocks.releaseAll();
    td = null;
    table = null;
  }

  /** Hands the PAMT locks taken so far over, for an empty set. */
  PamtLocks exchangePamtLocks(PamtLocks empty) {
    PamtLocks kept = pamtLocks;
    pamtLocks = empty;
    return kept;
  }

  private static void unlock(ModelLock lock, boolean exclusive) {
    if (exclusive) {
      lock.unlock();
    } else {
      lock.unlockShared();
    }
  }
}
