package dev.cocovisor.cca.rmm.v2;

import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;
import dev.cocovisor.api.trusted.Interposer;
import dev.cocovisor.cca.rmm.Rmm;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.granule.El3Monitor;
import dev.cocovisor.cca.rmm.granule.GranuleGuard;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.op.OperationCommands;
import dev.cocovisor.cca.rmm.op.Operations;
import dev.cocovisor.cca.rmm.op.Safeguards;
import dev.cocovisor.cca.rmm.realm.Context;
import dev.cocovisor.cca.rmm.realm.RmmConfig;
import dev.cocovisor.cca.rmm.realm.RmmView;
import dev.cocovisor.cca.rmm.realm.Vmids;
import dev.cocovisor.cca.rmm.run.EnterCommand;
import dev.cocovisor.cca.rmm.run.HostCalls;
import dev.cocovisor.cca.rmm.run.Psci;
import dev.cocovisor.cca.rmm.run.RealmAccess;
import dev.cocovisor.cca.rmm.run.RealmSide;
import java.util.List;
import java.util.function.Consumer;

/**
 * An RMM of RMI 2.0.
 *
 * <p>It begins in state INIT and takes almost nothing until RMM_ACTIVATE. Memory moves in ranges
 * and a call says how far it came. A command that cannot run through leaves an operation ({@link
 * Operations}), which owns what was begun. A DELEGATED granule holds what its last use left; it is
 * emptied when it leaves the Realm world and when it gets its next use.
 *
 * <p><b>Sources.</b> TF-RMM 9a7f8ef4 (22 July 2026, 2.0-bet2), whose recorded answers are replayed
 * in the tests. Where it corrupts what an open operation owns, this RMM answers BUSY instead.
 */
public final class Rmm2 implements Rmm {
  /** Which sampling finds a planned interrupt: the first that leaves an operation. */
  private static final int PLANNED_SAMPLING = 1;

  private final Context context;
  private final Interposer interposer;
  private final Operations open;
  private final GlobalCommands global;
  private final GranuleCommands granuleMoves;
  private final RealmCommands realms;
  private final RecCommands recs;
  private final RttCommands tables;
  private final RipasCommands ripas;
  private final AuxCommands planes;
  private final MapCommands maps;
  private final UnmapCommands unmaps;
  private final OperationCommands operations;
  private final EnterCommand enter;
  private final Psci psci;
  private final RealmSide realmSide;

  /** Creates an RMM under a monitor that grants everything, which asks nobody before a command. */
  public Rmm2(RmmConfig config, PhysicalMemory memory) {
    this(config, memory, El3Monitor.GRANTS, Interposer.NONE, Safeguards.ALL);
  }

  /**
   * Creates an RMM in state INIT.
   *
   * @param memory the machine's memory, unguarded
   * @param monitor EL3
   * @param interposer asked before each command; an answer of INCOMPLETE makes an interrupt come
   *     during the call
   * @param safeguards the rules that protect open operations; others than {@link Safeguards#ALL}
   *     put a defect in
   */
  public Rmm2(
      RmmConfig config,
      PhysicalMemory memory,
      El3Monitor monitor,
      Interposer interposer,
      Safeguards safeguards) {
    this.interposer = interposer;
    this.open = new Operations(safeguards);
    GranuleTable granules = new GranuleTable(config.memoryBase(), config.memoryEnd());
    this.context = new Context(config, granules, memory, monitor, new Vmids(config.vmidBits()));
    RealmAccess access = new RealmAccess(granules);
    HostCalls hostCalls = new HostCalls(context, access);
    this.global = new GlobalCommands(context);
    this.granuleMoves = new GranuleCommands(context);
    this.realms = new RealmCommands(context, open);
    this.recs = new RecCommands(context, open);
    this.tables = new RttCommands(context, open);
    this.ripas = new RipasCommands(context, open);
    this.planes = new AuxCommands(context);
    this.maps = new MapCommands(context, open);
    this.unmaps = new UnmapCommands(context, open);
    this.operations = new OperationCommands(context, open);
    this.psci = new Psci(context, Psci.DeniedWhenOn.ANSWERED);
    this.enter = new EnterCommand(context, hostCalls, new Entry2());
    this.realmSide =
        new RealmSide(context, access, new Services2(context, access, psci, hostCalls), enter);
  }

  @Override
  public List<Rmi2Command> calls() {
    return Rmi2Command.rows();
  }

  @Override
  public long call(Pe pe, long fid, long... a) {
    SchedulePoint.reach(PointKind.TRUSTED_CALL, this);
    pe.begin();
    Rmi2Command command = Rmi2Command.of(fid);
    if (command == null) {
      return Status.UNKNOWN;
    }
    long instead = interposer.before(command, arg(a, 0), arg(a, 1), arg(a, 2), arg(a, 3));
    if (instead == Status.INCOMPLETE) {
      // Only an operation can be incomplete: the call is made, and an interrupt comes during it.
      pe.interruptAt(PLANNED_SAMPLING);
    } else if (instead != Interposer.PROCEED) {
      return pe.refuse(instead, Pe.PLANNED);
    }
    boolean untimely =
        switch (command.when()) {
          case ALWAYS -> false;
          case INIT -> global.isActive();
          case ACTIVE -> !global.isActive();
        };
    return untimely
        ? pe.refuse(
            Status.ERROR_GLOBAL,
            global.isActive() ? "the RMM is active already" : "the RMM is not active yet")
        : command.call(this, pe, a);
  }

  private static long arg(long[] a, int i) {
    return i < a.length ? a[i] : 0;
  }

  @Override
  public GranuleTable granules() {
    return context.granules();
  }

  @Override
  public RmmConfig config() {
    return context.config();
  }

  @Override
  public PhysicalGuard guard() {
    return new GranuleGuard(context.granules(), context.vmids()::inUse);
  }

  @Override
  public RealmSide realmSide() {
    return realmSide;
  }

  @Override
  public void checkInvariants(Consumer<String> violation) {
    new Invariants2(context.granules(), open, violation).check();
  }

  @Override
  public RmmView view() {
    return new RmmView(context);
  }

  /** Returns the operations that are open, for inspection. */
  public Operations openOperations() {
    return open;
  }

  GlobalCommands global() {
    return global;
  }

  GranuleCommands granuleMoves() {
    return granuleMoves;
  }

  RealmCommands realms() {
    return realms;
  }

  RecCommands recs() {
    return recs;
  }

  RttCommands tables() {
    return tables;
  }

  RipasCommands ripas() {
    return ripas;
  }

  AuxCommands planes() {
    return planes;
  }

  MapCommands maps() {
    return maps;
  }

  UnmapCommands unmaps() {
    return unmaps;
  }

  OperationCommands operations() {
    return operations;
  }

  EnterCommand enter() {
    return enter;
  }

  Psci psci() {
    return psci;
  }
}
