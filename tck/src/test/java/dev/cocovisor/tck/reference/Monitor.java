package dev.cocovisor.tck.reference;

import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.mem.PhysicalMemory;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;

/** The trusted half: who owns a frame, and what the guests' tables map. */
public final class Monitor implements PhysicalGuard {
  /** The gfn of a frame that is a table page. */
  public static final long TABLE = -1;

  private final PhysicalMemory memory;
  private final Map<Long, Owner> owners = new ConcurrentHashMap<>();
  private final Set<Long> open = ConcurrentHashMap.newKeySet();

  /** A frame's owner. */
  record Owner(int vm, long gfn) {}

  public Monitor(PhysicalMemory memory) {
    this.memory = memory;
  }

  public PhysicalMemory memory() {
    return memory;
  }

  /** Gives frames to a VM; false if one has an owner. */
  public boolean take(int vm, long gfn, long pfn, long count) {
    for (long i = 0; i < count; i++) {
      Owner owner = new Owner(vm, gfn == TABLE ? TABLE : gfn + i);
      if (owners.putIfAbsent(pfn + i, owner) != null) {
        for (long j = 0; j < i; j++) {
          owners.remove(pfn + j);
        }
        return false;
      }
    }
    return true;
  }

  /** Lets the host into a frame that is a guest's, or locks it out. */
  public void open(long pfn, boolean toHost) {
    if (toHost) {
      open.add(pfn);
    } else {
      open.remove(pfn);
    }
  }

  /** Takes frames back from a VM, wiped; false if one is not its. */
  public boolean give(int vm, long gfn, long pfn, long count) {
    for (long i = 0; i < count; i++) {
      if (!new Owner(vm, gfn == TABLE ? TABLE : gfn + i).equals(owners.get(pfn + i))) {
        return false;
      }
    }
    for (long i = 0; i < count; i++) {
      owners.remove(pfn + i);
    }
    memory.zero(pfn, count);
    return true;
  }

  @Override
  public Verdict check(Accessor who, long pfn, boolean write) {
    Owner owner = owners.get(pfn);
    if (owner == null || open.contains(pfn) || who.kind() == Accessor.Kind.FIRMWARE) {
      return Verdict.ALLOW;
    }
    if (who.kind() == Accessor.Kind.GUEST && who.vm() == owner.vm()) {
      return Verdict.ALLOW;
    }
    return write ? Verdict.FAULT : Verdict.CIPHER;
  }

  /** Reports frames that belong to a VM that is gone. */
  public void ownedBy(int vm, Consumer<String> violation) {
    owners.forEach((pfn, owner) -> {
      if (owner.vm() == vm) {
        violation.accept("frame 0x" + Long.toHexString(pfn) + " is still owned by " + owner);
      }
    });
  }

  /** Tells whether a frame is that VM's at that gfn. */
  public boolean owns(int vm, long gfn, long pfn) {
    return new Owner(vm, gfn).equals(owners.get(pfn));
  }
}
