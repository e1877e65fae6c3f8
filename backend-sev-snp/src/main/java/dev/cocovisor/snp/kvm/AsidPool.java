package dev.cocovisor.snp.kvm;

import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.snp.psp.SnpFirmware;
import java.util.BitSet;

/**
 * The ASIDs of the host: SEV-ES and SNP take from the bottom, plain SEV from above.
 *
 * <p>An ASID given back is not used again before all caches were written back and the fabric was
 * flushed; that happens when a pool runs dry. Source: {@code arch/x86/kvm/svm/sev.c}, sev_asid_new,
 * __sev_recycle_asids.
 */
final class AsidPool {
  private final ModelLock lock = new ModelLock("sev_bitmap_lock");
  private final BitSet used = new BitSet();
  private final BitSet reclaim = new BitSet();
  private final int firstPlain;
  private final int end;
  private final SnpFirmware firmware;

  /**
   * Creates the pools: 1 up to {@code firstPlain} for SEV-ES and SNP, from there to {@code end} for
   * SEV.
   */
  AsidPool(int firstPlain, int end, SnpFirmware firmware) {
    this.firstPlain = firstPlain;
    this.end = end;
    this.firmware = firmware;
  }

  /** Takes an ASID; 0 if there is none (EBUSY). */
  int take(boolean encryptedState) {
    lock.lock();
    try {
      int asid = free(encryptedState);
      if (asid == 0 && recycle(encryptedState)) {
        asid = free(encryptedState);
      }
      if (asid != 0) {
        used.set(asid);
      }
      return asid;
    } finally {
      lock.unlock();
    }
  }

  private int free(boolean encryptedState) {
    int asid = used.nextClearBit(encryptedState ? 1 : firstPlain);
    return asid < (encryptedState ? firstPlain : end) ? asid : 0;
  }

  /** Flushes only where that gives an ASID of the pool that is dry; then all come back. */
  private boolean recycle(boolean encryptedState) {
    int first = reclaim.nextSetBit(encryptedState ? 1 : firstPlain);
    if (first < 0 || first >= (encryptedState ? firstPlain : end)) {
      return false;
    }
    firmware.wbinvd();
    if (!firmware.dfFlush().ok()) {
      return false;
    }
    used.andNot(reclaim);
    reclaim.clear();
    return true;
  }

  /** Gives an ASID back, to be recycled. */
  void give(int asid) {
    lock.lock();
    reclaim.set(asid);
    lock.unlock();
  }

  /** Returns how many ASIDs are in use or wait to be recycled. */
  int inUse() {
    return used.cardinality();
  }
}
