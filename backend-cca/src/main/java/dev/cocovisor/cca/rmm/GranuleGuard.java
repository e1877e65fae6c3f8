package dev.cocovisor.cca.rmm;

import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.PhysicalGuard;

/**
 * The granule protection check: memory that was delegated is in the Realm address space and no
 * access of the normal world reaches it. A realm's accesses carry its VMID and reach DATA; what
 * they may reach among DATA is decided by its tables, not here.
 */
final class GranuleGuard implements PhysicalGuard {
  private final Context context;

  GranuleGuard(Context context) {
    this.context = context;
  }

  @Override
  public Verdict check(Accessor who, long pfn, boolean write) {
    int g = context.granules().find(pfn << 12);
    if (g == GranuleTable.NONE) {
      return Verdict.ALLOW;
    }
    byte state = context.granules().state(g);
    return switch (who.kind()) {
      case FIRMWARE -> Verdict.ALLOW;
      case HOST_KERNEL, HOST_USER, DEVICE ->
          state == GranuleState.S_NS ? Verdict.ALLOW : Verdict.FAULT;
      case GUEST ->
          state == GranuleState.S_NS
                  || (state == GranuleState.S_DATA && context.vmids().inUse(who.key()))
              ? Verdict.ALLOW
              : Verdict.FAULT;
    };
  }
}
