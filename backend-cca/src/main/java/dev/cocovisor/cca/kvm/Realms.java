package dev.cocovisor.cca.kvm;

import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicLongArray;

/** Which VMs of a host are realms, and the VMIDs that KVM gave them. */
// The CCA series, arch/arm64/kvm/rmi.c: rmi_vmid_reserve, a bitmap with VMID 0 taken.
final class Realms {
  private static final int VMIDS = 256;
  private static final int NONE = -1;

  private final ConcurrentMap<Integer, Boolean> vms = new ConcurrentHashMap<>();
  private final AtomicLongArray used = new AtomicLongArray(VMIDS >>> 6);

  Realms() {
    used.set(0, 1);
  }

  void add(int vm) {
    vms.put(vm, true);
  }

  void remove(int vm) {
    vms.remove(vm);
  }

  boolean contains(int vm) {
    return vms.containsKey(vm);
  }

  /** Takes the lowest free VMID; -1 if all are taken. */
  int reserveVmid() {
    for (int w = 0; w < used.length(); w++) {
      long now = used.get(w);
      while (now != -1) {
        long bit = Long.lowestOneBit(~now);
        if (used.compareAndSet(w, now, now | bit)) {
          return (w << 6) + Long.numberOfTrailingZeros(bit);
        }
        now = used.get(w);
      }
    }
    return NONE;
  }

  void freeVmid(int vmid) {
    long bit = 1L << vmid;
    used.getAndUpdate(vmid >>> 6, w -> w & ~bit);
  }
}
