package dev.cocovisor.tck.vault;

import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.mem.PhysicalMemory;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** The trusted half: which guest owns a frame, at which of its addresses, and what is shared. */
final class Vault implements PhysicalGuard {
  private final PhysicalMemory memory;
  private final Set<Flaw> flaws;
  private final Map<Long, Owner> owners = new ConcurrentHashMap<>();
  private final Set<Long> open = ConcurrentHashMap.newKeySet();

  /** A frame's owner. */
  record Owner(int guest, long gfn) {}

  Vault(PhysicalMemory memory, Set<Flaw> flaws) {
    this.memory = memory;
    this.flaws = flaws;
  }

  boolean wrong(Flaw flaw) {
    return flaws.contains(flaw);
  }

  /** Makes a frame of the host's a guest's, at one address; false if somebody has it. */
  boolean makeSecret(int guest, long gfn, long pfn) {
    Owner now = new Owner(guest, gfn);
    Owner old = owners.putIfAbsent(pfn, now);
    if (old == null) {
      if (!wrong(Flaw.DOES_NOT_ZERO)) {
        memory.zero(pfn, 1);
      }
      return true;
    }
    boolean own = old.guest() == guest;
    if (own ? wrong(Flaw.MAPS_ONE_FRAME_AT_TWO_ADDRESSES) : wrong(Flaw.NO_OWNER_CHECK)) {
      owners.put(pfn, now);
      return true;
    }
    return false;
  }

  @Nullable Owner ownerOf(long pfn) {
    return owners.get(pfn);
  }

  /** Lets the host into a guest's page, or locks it out. */
  boolean share(int guest, long gfn, long pfn, boolean share) {
    if (!new Owner(guest, gfn).equals(owners.get(pfn))) {
      return false;
    }
    boolean opens = wrong(Flaw.SHARES_THE_WRONG_WAY_ROUND) ? !share : share;
    if (!opens) {
      if (!wrong(Flaw.UNSHARING_LEAVES_IT_OPEN)) {
        open.remove(pfn);
      }
      return true;
    }
    open.add(pfn);
    if (wrong(Flaw.SHARE_OPENS_PAGES_OF_OTHERS)) {
      owners.forEach((other, owner) -> {
        if (owner.gfn() == gfn) {
          open.add(other);
        }
      });
    }
    return true;
  }

  /** Clears a guest's page and gives it to the host; false if it is not the guest's. */
  boolean destroy(int guest, long gfn, long pfn) {
    if (!new Owner(guest, gfn).equals(owners.get(pfn)) && !wrong(Flaw.DESTROYS_PAGES_OF_OTHERS)) {
      return false;
    }
    if (!wrong(Flaw.DOES_NOT_CLEAR_AT_DESTROY)) {
      memory.zero(pfn, 1);
    }
    open.remove(pfn);
    if (!wrong(Flaw.KEEPS_PAGES_AT_TEARDOWN)) {
      owners.remove(pfn);
    }
    return true;
  }

  @Override
  public Verdict check(Accessor who, long pfn, boolean write) {
    Owner owner = owners.get(pfn);
    if (owner == null || open.contains(pfn)) {
      return Verdict.ALLOW;
    }
    return switch (who.kind()) {
      case FIRMWARE -> Verdict.ALLOW;
      case GUEST ->
          who.vm() == owner.guest() || wrong(Flaw.GUARD_LETS_OTHER_GUESTS_IN)
              ? Verdict.ALLOW
              : Verdict.FAULT;
      case HOST_KERNEL -> !write && wrong(Flaw.KERNEL_READS) ? Verdict.ALLOW : Verdict.FAULT;
      case DEVICE -> !write && wrong(Flaw.DEVICE_READS) ? Verdict.ALLOW : Verdict.FAULT;
      case HOST_USER -> Verdict.FAULT;
    };
  }
}
