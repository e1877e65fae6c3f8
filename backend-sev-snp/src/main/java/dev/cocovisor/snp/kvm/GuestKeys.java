package dev.cocovisor.snp.kvm;

import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.snp.psp.KeyedMemory;

/** The firmware's accesses under a guest's key: they go where an access of the guest's would. */
final class GuestKeys implements KeyedMemory {
  private final HostMemory memory;

  GuestKeys(HostMemory memory) {
    this.memory = memory;
  }

  @Override
  public boolean read(int key, long hpa, byte[] into) {
    return memory.read(as(key), hpa, into, 0, into.length).ok();
  }

  @Override
  public boolean write(int key, long hpa, byte[] from) {
    return memory.write(as(key), hpa, from, 0, from.length).ok();
  }

  private static Accessor as(int key) {
    return new Accessor(Accessor.Kind.GUEST, 0, key);
  }
}
