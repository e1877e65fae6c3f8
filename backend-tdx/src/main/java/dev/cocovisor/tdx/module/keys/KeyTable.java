package dev.cocovisor.tdx.module.keys;

import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.tdx.module.abi.PendingInterrupts;
import dev.cocovisor.tdx.module.abi.PlatformConfig;

/**
 * The key ownership table: which HKID is whose, and which still wait for a cache write-back.
 *
 * <p>There is one package. Whether its caches still have to be written back is kept for each HKID,
 * and so is an interrupted write-back: which HKIDs it serves and how far it came. HKIDs change
 * under {@link #lock} exclusive, the write-back under {@link #writeBackLock}.
 *
 * <p>Source: TDX module 1.5.01, {@code tdh_phymem_cache_wb.c}, {@code tdh_mng_key_freeid.c}.
 */
public final class KeyTable {

  /** What a private HKID is used for. */
  public enum State {
    FREE,
    ASSIGNED,
    FLUSHED,
    RESERVED
  }

  /** The lock of the table. */
  public final ModelLock lock = new ModelLock("KOT");

  /** Held while a package writes back; a second one at a time is refused. */
  public final ModelLock writeBackLock = new ModelLock("WBCACHE");

  private final PlatformConfig config;
  private final State[] states;

  /** HKIDs flushed since this package's caches were last written back. */
  private final boolean[] dirty;

  /** HKIDs that were flushed when the write-back began: the ones it will clean. */
  private final boolean[] serving;

  /** How many cache sub-blocks an interrupted write-back has done; 0 if there is none. */
  private int subBlocksDone;

  /** Creates a table of free HKIDs. */
  public KeyTable(PlatformConfig config) {
    this.config = config;
    states = new State[config.lastPrivateHkid() + 1];
    java.util.Arrays.fill(states, State.FREE);
    states[config.firstPrivateHkid()] = State.RESERVED;
    dirty = new boolean[states.length];
    serving = new boolean[states.length];
  }

  /** Tells whether a number is a private HKID. */
  public boolean isPrivate(long hkid) {
    return hkid >= config.firstPrivateHkid() && hkid <= config.lastPrivateHkid();
  }

  /** Returns what an HKID is used for. */
  public State state(int hkid) {
    return states[hkid];
  }

  /** Gives an HKID to a TD. */
  public void assign(int hkid) {
    states[hkid] = State.ASSIGNED;
  }

  /** All vCPUs are flushed: the caches may hold lines of the key until written back. */
  public void flush(int hkid) {
    states[hkid] = State.FLUSHED;
    dirty[hkid] = true;
  }

  /** Tells whether caches may hold lines of a key. */
  public boolean needsWriteBack(int hkid) {
    return dirty[hkid];
  }

  /** Takes an HKID back. */
  public void free(int hkid) {
    states[hkid] = State.FREE;
  }

  /**
   * Begins a write-back for every flushed HKID, clean already or not; one that was interrupted
   * before is forgotten.
   *
   * @return false if no HKID is flushed
   */
  public boolean beginWriteBack() {
    subBlocksDone = 0;
    boolean any = false;
    for (int i = 0; i < states.length; i++) {
      any |= states[i] == State.FLUSHED;
    }
    for (int i = 0; any && i < states.length; i++) {
      serving[i] = states[i] == State.FLUSHED;
    }
    return any;
  }

  /** Tells whether a write-back was interrupted. */
  public boolean canResume() {
    return subBlocksDone != 0;
  }

  /**
   * Writes sub-block after sub-block back, looking for interrupts between them.
   *
   * @return false if one came
   */
  public boolean writeBack(PendingInterrupts interrupts) {
    do {
      subBlocksDone++;
      if (subBlocksDone < config.cacheSubBlocks() && interrupts.poll()) {
        return false;
      }
    } while (subBlocksDone < config.cacheSubBlocks());
    subBlocksDone = 0;
    for (int i = 0; i < states.length; i++) {
      dirty[i] &= !serving[i];
    }
    return true;
  }
}
