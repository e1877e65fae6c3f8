package dev.cocovisor.cca.rmm.realm;

import java.util.concurrent.atomic.AtomicLongArray;

/** The VMIDs that realms hold; reserving one is atomic. */
// TF-RMM runtime/core/vmid.c.
public final class Vmids {
  private final int count;
  private final AtomicLongArray words;

  public Vmids(int bits) {
    this.count = 1 << bits;
    this.words = new AtomicLongArray((count + 63) >>> 6);
  }

  /** Takes a VMID; false if it is out of range or in use. */
  public boolean reserve(int vmid) {
    if (vmid >= count) {
      return false;
    }
    long bit = 1L << vmid;
    return (words.getAndUpdate(vmid >>> 6, w -> w | bit) & bit) == 0;
  }

  /** Takes the lowest free VMID; -1 if all are in use. */
  public int reserveAny() {
    for (int vmid = 0; vmid < count; vmid++) {
      if (reserve(vmid)) {
        return vmid;
      }
    }
    return -1;
  }

  /** Gives a VMID back. */
  public void free(int vmid) {
    long bit = 1L << vmid;
    words.getAndUpdate(vmid >>> 6, w -> w & ~bit);
  }

  public boolean inUse(int vmid) {
    return vmid >= 0 && vmid < count && (words.get(vmid >>> 6) >>> vmid & 1) != 0;
  }
}
