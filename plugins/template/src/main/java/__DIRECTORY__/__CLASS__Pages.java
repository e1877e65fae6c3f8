package __PACKAGE__;

import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.mem.PhysicalMemory;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The trusted half: which guest owns a frame, at which of its addresses, and what is shared.
 *
 * <p>There is one on a host, whatever VMs it has, and it knows nothing of KVM. It takes a frame of
 * the host's only if nobody owns it, clears it before the guest and before the host has it, and is
 * asked before every access to physical memory. Replace it by what your hardware or firmware does.
 */
final class __CLASS__Pages implements PhysicalGuard {
  private final PhysicalMemory memory;
  private final Map<Long, Owner> owners = new ConcurrentHashMap<>();
  private final Set<Long> shared = ConcurrentHashMap.newKeySet();

  /** A frame's owner: a VM's number and the guest frame the page is at. */
  record Owner(int guest, long gfn) {}

  __CLASS__Pages(PhysicalMemory memory) {
    this.memory = memory;
  }

  /** Makes a frame of the host's a guest's, at one address; false if somebody has it already. */
  boolean give(int guest, long gfn, long pfn) {
    if (owners.putIfAbsent(pfn, new Owner(guest, gfn)) != null) {
      return false;
    }
    memory.zero(pfn, 1);
    return true;
  }

  /** Returns who owns a frame, null if the host does. */
  @Nullable Owner ownerOf(long pfn) {
    return owners.get(pfn);
  }

  /** Lets the host into a guest's page, or locks it out; false if the page is not the guest's. */
  boolean share(int guest, long gfn, long pfn, boolean share) {
    if (!new Owner(guest, gfn).equals(owners.get(pfn))) {
      return false;
    }
    var _ = share ? shared.add(pfn) : shared.remove(pfn);
    return true;
  }

  /** Clears a guest's page and gives it back to the host; false if it is not the guest's. */
  boolean takeBack(int guest, long gfn, long pfn) {
    if (!new Owner(guest, gfn).equals(owners.get(pfn))) {
      return false;
    }
    memory.zero(pfn, 1);
    shared.remove(pfn);
    owners.remove(pfn);
    return true;
  }

  @Override
  public Verdict check(Accessor who, long pfn, boolean write) {
    Owner owner = owners.get(pfn);
    if (owner == null || shared.contains(pfn)) {
      return Verdict.ALLOW;
    }
    return switch (who.kind()) {
      case FIRMWARE -> Verdict.ALLOW; // the trusted half itself is never refused
      case GUEST -> who.vm() == owner.guest() ? Verdict.ALLOW : Verdict.FAULT;
      case HOST_KERNEL, HOST_USER, DEVICE -> Verdict.FAULT;
    };
  }
}
