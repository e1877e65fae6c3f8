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
import dev.cocovisor.api.view.TableSink;
import dev.cocovisor.cca.rmm.Rmm;
import dev.cocovisor.cca.rmm.call.RmiCall;
import dev.cocovisor.cca.rmm.granule.El3Monitor;
import dev.cocovisor.cca.rmm.granule.GranuleState;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.op.Safeguards;
import dev.cocovisor.cca.rmm.realm.RmmConfig;
import dev.cocovisor.cca.rmm.table.Steps;
import dev.cocovisor.cca.rmm.v1.RmiCommand;
import dev.cocovisor.cca.rmm.v1.RmiFailures;
import dev.cocovisor.cca.rmm.v1.Rmm1;
import dev.cocovisor.cca.rmm.v2.Rmi2Command;
import dev.cocovisor.cca.rmm.v2.Rmi2Failures;
import dev.cocovisor.cca.rmm.v2.Rmm2;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** One RMM and what KVM shares between all realms of a host: VMIDs and the granule guard. */
final class CcaPlatform implements Platform {
  private final HostMachine host;
  private final FaultPlan plan;
  private final Rmm rmm;
  private final Rmi rmi;
  private final Granules granules;
  private final Realms realms = new Realms();

  CcaPlatform(HostMachine host) {
    this.host = host;
    long memory = tracked(1L << host.number(CcaBackend.MEMORY_BITS), host.memory().frames());
    El3Monitor monitor = refusingNth(host.number(CcaBackend.REFUSE_DELEGATE));
    if (host.setting(CcaBackend.RMM).equals(CcaBackend.RMM_2_0)) {
      this.plan = new FaultPlan(Rmi2Command.rows(), Rmi2Failures::of, host.interposer());
      Rmm2 of2 =
          new Rmm2(
              RmmConfig.RECORDED_2.withMemory(0, memory),
              host.memory().raw(),
              monitor,
              plan,
              host.part(Safeguards.class, Safeguards.ALL));
      this.rmm = of2;
      this.rmi = new Rmi2(of2, host.trace());
    } else {
      this.plan = new FaultPlan(RmiCommand.rows(), RmiFailures::of, host.interposer());
      Rmm1 of1 =
          new Rmm1(
              RmmConfig.RECORDED.withMemory(0, memory),
              host.memory().raw(),
              monitor,
              plan,
              host.part(Steps.class, Steps.RELEASED));
      this.rmm = of1;
      this.rmi = new Rmi1(of1, host.trace(), realms);
    }
    this.granules = new Granules(rmi, host.memory(), host.trace());
  }

  /** What the RMM tracks: the memory that there is, if that is known. */
  private static long tracked(long most, long frames) {
    return frames < 1 || frames >= most >>> PageLevel.PAGE_SHIFT
        ? most
        : frames << PageLevel.PAGE_SHIFT;
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
    RealmSeries series = RealmSeries.of(host.setting(CcaBackend.SERIES));
    boolean psci = host.flag(CcaBackend.PSCI);
    RealmLife life = new RealmLife(vm, rmi, granules, realms, series, psci);
    return new RealmOps(vm, rmi, life, host.flag(CcaBackend.HUGE_PAGES));
  }

  @Override
  public List<? extends RmiCall> trustedCalls() {
    return rmm.calls();
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

  @Override
  public void showFrames(TableSink into) {
    rmm.granules().show(into.table("granules"));
  }

  @Override
  public void checkInvariants(Consumer<String> violation) {
    rmm.checkInvariants(violation);
  }
}
