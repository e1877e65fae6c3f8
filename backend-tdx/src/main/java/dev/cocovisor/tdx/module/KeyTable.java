package dev.cocovisor.tdx.module;

import dev.cocovisor.api.sched.ModelLock;

/**
 * The key ownership table: which HKID is whose, and which still wait for a cache write-back.
 *
 * <p>One package only, so that a write-back is done or not. Changed under {@link #lock} exclusive.
 */
final class KeyTable {
  enum State {
    FREE,
    ASSIGNED,
    FLUSHED,
    RESERVED
  }

  final ModelLock lock = new ModelLock("KOT");

  /** Held while a package writes back; a second one at a time is refused. */
  final ModelLock writeBackLock = new ModelLock("WBCACHE");

  private final PlatformConfig config;
  private final State[] states;
  private final boolean[] dirty;

  KeyTable(PlatformConfig config) {
    this.config = config;
    states = new State[config.lastPrivateHkid() + 1];
    java.util.Arrays.fill(states, State.FREE);
    states[config.firstPrivateHkid()] = State.RESERVED;
    dirty = new boolean[states.length];
  }

  boolean isPrivate(long hkid) {
    return hkid >= config.firstPrivateHkid() && hkid <= config.lastPrivateHkid();
  }

  State state(int hkid) {
    return states[hkid];
  }

  void assign(int hkid) {
    states[hkid] = State.ASSIGNED;
  }

  /** All vCPUs are flushed: the caches may hold lines of the key until written back. */
  void flush(int hkid) {
    states[hkid] = State.FLUSHED;
    dirty[hkid] = true;
  }

  boolean needsWriteBack(int hkid) {
    return dirty[hkid];
  }

  void free(int hkid) {
    states[hkid] = State.FREE;
  }

  boolean anyDirty() {
    for (boolean d : dirty) {
      if (d) {
        return true;
      }
    }
    return false;
  }

  void wroteBack() {
    java.util.Arrays.fill(dirty, false);
  }
}
