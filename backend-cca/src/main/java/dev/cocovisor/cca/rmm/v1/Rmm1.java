package dev.cocovisor.cca.rmm.v1;

import dev.cocovisor.api.PageLevel;
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
import dev.cocovisor.cca.rmm.granule.GranuleState;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.realm.Context;
import dev.cocovisor.cca.rmm.realm.RmmConfig;
import dev.cocovisor.cca.rmm.realm.RmmView;
import dev.cocovisor.cca.rmm.realm.Vmids;
import dev.cocovisor.cca.rmm.run.EnterCommand;
import dev.cocovisor.cca.rmm.run.HostCalls;
import dev.cocovisor.cca.rmm.run.Psci;
import dev.cocovisor.cca.rmm.run.RealmAccess;
import dev.cocovisor.cca.rmm.run.RealmServices;
import dev.cocovisor.cca.rmm.run.RealmSide;
import dev.cocovisor.cca.rmm.table.Steps;
import java.util.List;
import java.util.function.Consumer;

/**
 * An RMM of RMI 1.0.
 *
 * <p>A granule that is DELEGATED reads as zero: it is scrubbed when it arrives and whenever it is
 * given back, and tables and descriptors never leave traces in memory. Commands allocate only where
 * they make something (a realm, a REC, a table) or measure. Locks are one per granule, in the order
 * that {@link GranuleTable} gives; a running REC holds none, only a reference on its granule.
 *
 * <p><b>Sources.</b> DEN0137 1.0; TF-RMM tag rmm-spec-v1.0-rel0, whose recorded answers are
 * replayed in the tests. Where the two differ the comment at the place says so.
 */
public final class Rmm1 implements Rmm {
  private static final long RMI_VERSION_1_0 = 0x10000;

  private final Context context;
  private final GranuleCommands granuleCommands;
  private final RealmCommands realmCommands;
  private final RecCommands recCommands;
  private final RttCommands rttCommands;
  private final SharedCommands sharedCommands;
  private final DataCommands dataCommands;
  private final RipasCommands ripasCommands;
  private final EnterCommand enterCommand;
  private final Psci psci;
  private final RealmSide realmSide;
  private final Interposer interposer;

  /** Creates an RMM under a monitor that grants everything, which asks nobody before a command. */
  public Rmm1(RmmConfig config, PhysicalMemory memory) {
    this(config, memory, El3Monitor.GRANTS, Interposer.NONE, Steps.RELEASED);
  }

  /**
   * Creates an RMM.
   *
   * @param memory the machine's memory, unguarded
   * @param monitor EL3
   * @param interposer asked before each command
   * @param steps those of its steps that can be others
   */
  public Rmm1(
      RmmConfig config,
      PhysicalMemory memory,
      El3Monitor monitor,
      Interposer interposer,
      Steps steps) {
    this.interposer = interposer;
    GranuleTable granules = new GranuleTable(config.memoryBase(), config.memoryEnd());
    this.context = new Context(config, granules, memory, monitor, new Vmids(config.vmidBits()));
    RealmAccess access = new RealmAccess(granules);
    HostCalls hostCalls = new HostCalls(context, access);
    this.granuleCommands = new GranuleCommands(context);
    this.realmCommands = new RealmCommands(context, steps);
    this.recCommands = new RecCommands(context);
    this.rttCommands = new RttCommands(context, steps);
    this.sharedCommands = new SharedCommands(context, steps);
    this.dataCommands = new DataCommands(context, steps);
    this.ripasCommands = new RipasCommands(context);
    this.enterCommand = new EnterCommand(context, hostCalls, new Entry1(context));
    this.psci = new Psci(context, Psci.DeniedWhenOn.REFUSED);
    RealmServices services = new RealmServices(context, access, psci, hostCalls);
    this.realmSide = new RealmSide(context, access, services, enterCommand);
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

  /** What is DELEGATED is zero. */
  @Override
  public void checkInvariants(Consumer<String> violation) {
    GranuleTable table = context.granules();
    for (long a = table.nextInUse(0); a >= 0; a = table.nextInUse(a + PageLevel.PAGE_SIZE)) {
      if (table.stateAt(a) == GranuleState.DELEGATED
          && !context.memory().isZero(a >>> PageLevel.PAGE_SHIFT)) {
        violation.accept("delegated granule 0x" + Long.toHexString(a) + " is not zero");
      }
    }
  }

  @Override
  public RmmView view() {
    return new RmmView(context);
  }

  /** RMI_VERSION: both bounds of the supported range, whatever was asked. */
  public long version(Pe pe, long requested) {
    long instead = begin(pe, RmiCommand.VERSION, requested, 0, 0, 0);
    if (instead != Interposer.PROCEED) {
      return instead;
    }
    pe.out1(RMI_VERSION_1_0);
    pe.out2(RMI_VERSION_1_0);
    return requested == RMI_VERSION_1_0
        ? Status.SUCCESS
        : pe.refuse(Status.ERROR_INPUT, "only version 1.0 is spoken");
  }

  /** RMI_FEATURES: register 0 has fields, all others are zero. */
  public long features(Pe pe, long index) {
    long instead = begin(pe, RmiCommand.FEATURES, index, 0, 0, 0);
    if (instead != Interposer.PROCEED) {
      return instead;
    }
    pe.out1(index == 0 ? context.config().featureRegister0() : 0);
    return Status.SUCCESS;
  }

  /** RMI_GRANULE_DELEGATE. */
  public long granuleDelegate(Pe pe, long address) {
    long instead = begin(pe, RmiCommand.GRANULE_DELEGATE, address, 0, 0, 0);
    return instead == Interposer.PROCEED ? granuleCommands.delegate(pe, address) : instead;
  }

  /** RMI_GRANULE_UNDELEGATE. */
  public long granuleUndelegate(Pe pe, long address) {
    long instead = begin(pe, RmiCommand.GRANULE_UNDELEGATE, address, 0, 0, 0);
    return instead == Interposer.PROCEED ? granuleCommands.undelegate(pe, address) : instead;
  }

  /** RMI_DATA_CREATE; flag 1 measures the content. */
  public long dataCreate(Pe pe, long rd, long data, long ipa, long source, long flags) {
    long instead = begin(pe, RmiCommand.DATA_CREATE, rd, data, ipa, source);
    return instead == Interposer.PROCEED
        ? dataCommands.create(pe, rd, data, ipa, source, flags)
        : instead;
  }

  /** RMI_DATA_CREATE_UNKNOWN. */
  public long dataCreateUnknown(Pe pe, long rd, long data, long ipa) {
    long instead = begin(pe, RmiCommand.DATA_CREATE_UNKNOWN, rd, data, ipa, 0);
    return instead == Interposer.PROCEED ? dataCommands.createUnknown(pe, rd, data, ipa) : instead;
  }

  /** RMI_DATA_DESTROY; x1 the granule, x2 the top. */
  public long dataDestroy(Pe pe, long rd, long ipa) {
    long instead = begin(pe, RmiCommand.DATA_DESTROY, rd, ipa, 0, 0);
    return instead == Interposer.PROCEED ? dataCommands.destroy(pe, rd, ipa) : instead;
  }

  /** RMI_REALM_ACTIVATE. */
  public long realmActivate(Pe pe, long rd) {
    long instead = begin(pe, RmiCommand.REALM_ACTIVATE, rd, 0, 0, 0);
    return instead == Interposer.PROCEED ? realmCommands.activate(pe, rd) : instead;
  }

  /** RMI_REALM_CREATE. */
  public long realmCreate(Pe pe, long rd, long params) {
    long instead = begin(pe, RmiCommand.REALM_CREATE, rd, params, 0, 0);
    return instead == Interposer.PROCEED ? realmCommands.create(pe, rd, params) : instead;
  }

  /** RMI_REALM_DESTROY. */
  public long realmDestroy(Pe pe, long rd) {
    long instead = begin(pe, RmiCommand.REALM_DESTROY, rd, 0, 0, 0);
    return instead == Interposer.PROCEED ? realmCommands.destroy(pe, rd) : instead;
  }

  /** RMI_REC_CREATE. */
  public long recCreate(Pe pe, long rd, long rec, long params) {
    long instead = begin(pe, RmiCommand.REC_CREATE, rd, rec, params, 0);
    return instead == Interposer.PROCEED ? recCommands.create(pe, rd, rec, params) : instead;
  }

  /** RMI_REC_DESTROY. */
  public long recDestroy(Pe pe, long rec) {
    long instead = begin(pe, RmiCommand.REC_DESTROY, rec, 0, 0, 0);
    return instead == Interposer.PROCEED ? recCommands.destroy(pe, rec) : instead;
  }

  /** RMI_REC_ENTER; {@link Pe#entered} tells whether the REC now runs. */
  public long recEnter(Pe pe, long rec, long run) {
    long instead = begin(pe, RmiCommand.REC_ENTER, rec, run, 0, 0);
    return instead == Interposer.PROCEED ? enterCommand.enter(pe, rec, run) : instead;
  }

  /** RMI_RTT_CREATE. */
  public long rttCreate(Pe pe, long rd, long rtt, long ipa, long level) {
    long instead = begin(pe, RmiCommand.RTT_CREATE, rd, rtt, ipa, level);
    return instead == Interposer.PROCEED ? rttCommands.create(pe, rd, rtt, ipa, level) : instead;
  }

  /** RMI_RTT_DESTROY; x1 the granule, x2 the top. */
  public long rttDestroy(Pe pe, long rd, long ipa, long level) {
    long instead = begin(pe, RmiCommand.RTT_DESTROY, rd, ipa, level, 0);
    return instead == Interposer.PROCEED ? rttCommands.destroy(pe, rd, ipa, level) : instead;
  }

  /** RMI_RTT_MAP_UNPROTECTED. */
  public long rttMapUnprotected(Pe pe, long rd, long ipa, long level, long desc) {
    long instead = begin(pe, RmiCommand.RTT_MAP_UNPROTECTED, rd, ipa, level, desc);
    return instead == Interposer.PROCEED ? sharedCommands.map(pe, rd, ipa, level, desc) : instead;
  }

  /** RMI_RTT_READ_ENTRY; x1 level, x2 HIPAS, x3 descriptor, x4 RIPAS. */
  public long rttReadEntry(Pe pe, long rd, long ipa, long level) {
    long instead = begin(pe, RmiCommand.RTT_READ_ENTRY, rd, ipa, level, 0);
    return instead == Interposer.PROCEED ? rttCommands.readEntry(pe, rd, ipa, level) : instead;
  }

  /** RMI_RTT_UNMAP_UNPROTECTED; x1 the top. */
  public long rttUnmapUnprotected(Pe pe, long rd, long ipa, long level) {
    long instead = begin(pe, RmiCommand.RTT_UNMAP_UNPROTECTED, rd, ipa, level, 0);
    return instead == Interposer.PROCEED ? sharedCommands.unmap(pe, rd, ipa, level) : instead;
  }

  /** RMI_PSCI_COMPLETE. */
  public long psciComplete(Pe pe, long calling, long target, long status) {
    long instead = begin(pe, RmiCommand.PSCI_COMPLETE, calling, target, status, 0);
    return instead == Interposer.PROCEED ? psci.complete(pe, calling, target, status) : instead;
  }

  /** RMI_RTT_FOLD; x1 the granule. */
  public long rttFold(Pe pe, long rd, long ipa, long level) {
    long instead = begin(pe, RmiCommand.RTT_FOLD, rd, ipa, level, 0);
    return instead == Interposer.PROCEED ? rttCommands.fold(pe, rd, ipa, level) : instead;
  }

  /** RMI_REC_AUX_COUNT; x1 the count. */
  public long recAuxCount(Pe pe, long rd) {
    long instead = begin(pe, RmiCommand.REC_AUX_COUNT, rd, 0, 0, 0);
    return instead == Interposer.PROCEED ? recCommands.auxCount(pe, rd) : instead;
  }

  /** RMI_RTT_INIT_RIPAS; x1 the top reached. */
  public long rttInitRipas(Pe pe, long rd, long base, long top) {
    long instead = begin(pe, RmiCommand.RTT_INIT_RIPAS, rd, base, top, 0);
    return instead == Interposer.PROCEED ? ripasCommands.init(pe, rd, base, top) : instead;
  }

  /** RMI_RTT_SET_RIPAS; x1 the top reached. */
  public long rttSetRipas(Pe pe, long rd, long rec, long base, long top) {
    long instead = begin(pe, RmiCommand.RTT_SET_RIPAS, rd, rec, base, top);
    return instead == Interposer.PROCEED ? ripasCommands.set(pe, rd, rec, base, top) : instead;
  }

  @Override
  public List<RmiCommand> calls() {
    return RmiCommand.rows();
  }

  @Override
  public long call(Pe pe, long fid, long... operands) {
    RmiCommand command = RmiCommand.of(fid);
    if (command == null) {
      pe.begin();
      return Status.UNKNOWN;
    }
    return command.call(this, pe, operands);
  }

  private long begin(Pe pe, RmiCommand command, long x1, long x2, long x3, long x4) {
    SchedulePoint.reach(PointKind.TRUSTED_CALL, this);
    pe.begin();
    long instead = interposer.before(command, x1, x2, x3, x4);
    return instead == Interposer.PROCEED ? instead : pe.refuse(instead, Pe.PLANNED);
  }
}
