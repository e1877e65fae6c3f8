package dev.cocovisor.cca.rmm.granule;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.PhysicalGuard;
import java.util.function.IntPredicate;

/**
 * The granule protection check: memory that was delegated is in the Realm address space and no
 * access of the normal world reaches it. A realm's accesses carry its VMID and reach DATA; what
 * they may reach among DATA is decided by its tables, not here.
 */
public final class GranuleGuard implements PhysicalGuard {
  private final GranuleTable granules;
  private final IntPredicate vmidInUse;

  public GranuleGuard(GranuleTable granules, IntPredicate vmidInUse) {
    this.granules = granules;
    this.vmidInUse = vmidInUse;
  }

  @Override
  public Verdict check(Accessor who, long pfn, boolean write) {
    int g = granules.find(pfn << PageLevel.PAGE_SHIFT);
    if (g == GranuleTable.NONE) {
      return Verdict.ALLOW;
    }
    byte state = granules.state(g);
    return switch (who.kind()) {
      case FIRMWARE -> Verdict.ALLOW;
      case HOST_KERNEL, HOST_USER, DEVICE ->
          state == GranuleState.S_NS ? Verdict.ALLOW : Verdict.FAULT;
      case GUEST ->
          state == GranuleState.S_NS || (state == GranuleState.S_DATA && vmidInUse.test(who.key()))
              ? Verdict.ALLOW
              : Verdict.FAULT;
    };
  }
}
