package dev.cocovisor.cca.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.trusted.FaultPlan;
import dev.cocovisor.api.trusted.TrustedFault;
import dev.cocovisor.cca.rmm.granule.El3Monitor;
import dev.cocovisor.cca.rmm.granule.GranuleState;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.realm.RmmConfig;
import dev.cocovisor.cca.rmm.v1.RmiCommand;
import dev.cocovisor.cca.rmm.v1.RmiFailures;
import dev.cocovisor.cca.rmm.v1.Rmm1;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** One RMM and what KVM shares between all realms of a host: VMIDs and the granule guard. */
final class CcaPlatform implements Platform {
  private final HostMachine host;
  private final FaultPlan plan;
  private final Rmm1 rmm;
  private final Rmi rmi;
  private final Granules granules;
  private final Realms realms = new Realms();

  CcaPlatform(HostMachine host) {
    this.host = host;
    this.plan = new FaultPlan(List.of(RmiCommand.values()), RmiFailures::of, host.interposer());
    this.rmm =
        new Rmm1(
            RmmConfig.RECORDED.withMemory(0, 1L << host.number(CcaBackend.MEMORY_BITS)),
            host.memory().raw(),
            refusingNth(host.number(CcaBackend.REFUSE_DELEGATE)),
            plan);
    this.rmi = new Rmi(rmm, host.trace());
    this.granules = new Granules(rmi, host.memory());
  }

  private static El3Monitor refusingNth(long n) {
    if (n <= 0) {
      return El3Monitor.GRANTS;
    }
    AtomicLong calls = new AtomicLong();
    return _ -> calls.incrementAndGet() != n;
  }

  @Override
  public VmOps createVm(VmContext vm, VmType type) {
    return new RealmOps(vm, rmi, granules, realms, host.flag(CcaBackend.HUGE_PAGES));
  }

  @Override
  public List<RmiCommand> trustedCalls() {
    return List.of(RmiCommand.values());
  }

  @Override
  public Errno plan(TrustedFault fault) {
    return plan.plan(fault);
  }

  /**
   * A realm's accesses come with its VM's number. Which DATA they reach is up to the RMM's tables,
   * so here it is enough that they are a realm's.
   */
  @Override
  public PhysicalGuard guard() {
    PhysicalGuard physical = rmm.guard();
    GranuleTable table = rmm.granules();
    return (who, pfn, write) ->
        who.kind() == Accessor.Kind.GUEST
                && table.stateAt(pfn << PageLevel.PAGE_SHIFT) == GranuleState.DATA
                && realms.contains(who.vm())
            ? PhysicalGuard.Verdict.ALLOW
            : physical.check(who, pfn, write);
  }

  @Override
  public @Nullable String ownerOf(long pfn) {
    GranuleTable table = rmm.granules();
    GranuleState state = table.stateAt(pfn << PageLevel.PAGE_SHIFT);
    return state == GranuleState.NS ? null : "Realm world, " + state;
  }

  /** Every granule that is not the normal world's is one that this host gave away. */
  @Override
  public void checkInvariants(Consumer<String> violation) {
    GranuleTable table = rmm.granules();
    for (long a = table.nextInUse(0); a >= 0; a = table.nextInUse(a + 4096)) {
      GranuleState state = table.stateAt(a);
      if (state == GranuleState.DELEGATED
          && !host.memory().raw().isZero(a >>> PageLevel.PAGE_SHIFT)) {
        violation.accept("delegated granule 0x" + Long.toHexString(a) + " is not zero");
      }
    }
  }
}
