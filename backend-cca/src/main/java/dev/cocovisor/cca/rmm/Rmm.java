package dev.cocovisor.cca.rmm;

import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;
import dev.cocovisor.api.trusted.Interposer;
import java.util.List;

/**
 * A Realm Management Monitor: RMI for the host, RSI and PSCI for realms, over the granules of one
 * machine.
 *
 * <p><b>State.</b> {@link GranuleTable} says what every tracked granule is. The content of the
 * RMM's own granules (descriptors, RECs, tables) is kept as objects beside it, the content of DATA
 * granules in physical memory. A granule that is DELEGATED reads as zero: it is scrubbed when it
 * arrives and whenever it is given back, and tables and descriptors never leave traces in memory.
 *
 * <p><b>Calls.</b> Each command checks in TF-RMM's order and returns x0; outputs are in the {@link
 * Pe} that called. Commands allocate only where they make something (a realm, a REC, a table) or
 * measure. A REC that was entered runs until one of its own calls, an interrupt or an abort ends
 * the run; until then other PEs may call.
 *
 * <p><b>Locks.</b> One per granule, in the order that {@link GranuleTable} gives. A running REC
 * holds none, only a reference on its granule. Every call is a schedule point, and so is every
 * lock.
 *
 * <p><b>Sources.</b> DEN0137 1.0; TF-RMM tag rmm-spec-v1.0-rel0, whose recorded answers are
 * replayed in the tests. Where the two differ the comment at the place says so.
 */
public final class Rmm {
  private static final long RMI_VERSION_1_0 = 0x10000;

  private final Context context;
  private final List<CommandSet> extensions;
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

  /** Creates an RMM of 1.0 under a monitor that grants everything. */
  public Rmm(RmmConfig config, PhysicalMemory memory) {
    this(config, memory, El3Monitor.GRANTS, List.of());
  }

  /** Creates an RMM that asks nobody before a command. */
  public Rmm(
      RmmConfig config, PhysicalMemory memory, El3Monitor monitor, List<CommandSet> extensions) {
    this(config, memory, monitor, extensions, Interposer.NONE);
  }

  /**
   * Creates an RMM.
   *
   * @param memory the machine's memory, unguarded
   * @param monitor EL3
   * @param extensions command sets beyond RMI 1.0, tried in order
   * @param interposer asked before each command of RMI 1.0
   */
  public Rmm(
      RmmConfig config,
      PhysicalMemory memory,
      El3Monitor monitor,
      List<CommandSet> extensions,
      Interposer interposer) {
    this.interposer = interposer;
    GranuleTable granules = new GranuleTable(config.memoryBase(), config.memoryEnd());
    this.context = new Context(config, granules, memory, monitor, new Vmids(config.vmidBits()));
    this.extensions = List.copyOf(extensions);
    RealmAccess access = new RealmAccess(granules);
    HostCalls hostCalls = new HostCalls(context, access);
    this.granuleCommands = new GranuleCommands(context);
    this.realmCommands = new RealmCommands(context);
    this.recCommands = new RecCommands(context);
    this.rttCommands = new RttCommands(context);
    this.sharedCommands = new SharedCommands(context);
    this.dataCommands = new DataCommands(context);
    this.ripasCommands = new RipasCommands(context);
    this.enterCommand = new EnterCommand(context, hostCalls);
    this.psci = new Psci(context);
    this.realmSide =
        new RealmSide(context, access, new Rsi(context, access), psci, hostCalls, enterCommand);
  }

  /** Returns the granule table, for inspection. */
  public GranuleTable granules() {
    return context.granules();
  }

  /** Returns the configuration. */
  public RmmConfig config() {
    return context.config();
  }

  /** Returns the granule protection check that this RMM's delegations imply. */
  public PhysicalGuard guard() {
    return new GranuleGuard(context);
  }

  /** Returns the realm's side of the interface: calls, accesses and interrupts of running RECs. */
  public RealmSide realmSide() {
    return realmSide;
  }

  /** Returns what can be seen of realms from outside, for tools and tests. */
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
    return requested == RMI_VERSION_1_0 ? Status.SUCCESS : Status.ERROR_INPUT;
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
    return instead == Interposer.PROCEED ? granuleCommands.delegate(address) : instead;
  }

  /** RMI_GRANULE_UNDELEGATE. */
  public long granuleUndelegate(Pe pe, long address) {
    long instead = begin(pe, RmiCommand.GRANULE_UNDELEGATE, address, 0, 0, 0);
    return instead == Interposer.PROCEED ? granuleCommands.undelegate(address) : instead;
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
    return instead == Interposer.PROCEED ? realmCommands.activate(rd) : instead;
  }

  /** RMI_REALM_CREATE. */
  public long realmCreate(Pe pe, long rd, long params) {
    long instead = begin(pe, RmiCommand.REALM_CREATE, rd, params, 0, 0);
    return instead == Interposer.PROCEED ? realmCommands.create(rd, params) : instead;
  }

  /** RMI_REALM_DESTROY. */
  public long realmDestroy(Pe pe, long rd) {
    long instead = begin(pe, RmiCommand.REALM_DESTROY, rd, 0, 0, 0);
    return instead == Interposer.PROCEED ? realmCommands.destroy(rd) : instead;
  }

  /** RMI_REC_CREATE. */
  public long recCreate(Pe pe, long rd, long rec, long params) {
    long instead = begin(pe, RmiCommand.REC_CREATE, rd, rec, params, 0);
    return instead == Interposer.PROCEED ? recCommands.create(rd, rec, params) : instead;
  }

  /** RMI_REC_DESTROY. */
  public long recDestroy(Pe pe, long rec) {
    long instead = begin(pe, RmiCommand.REC_DESTROY, rec, 0, 0, 0);
    return instead == Interposer.PROCEED ? recCommands.destroy(rec) : instead;
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
    return instead == Interposer.PROCEED ? psci.complete(calling, target, status) : instead;
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

  /**
   * Makes a call by its function identifier; outputs are in the PE.
   *
   * @param a x1 to x5
   * @return x0; {@link Status#UNKNOWN} if no command has the identifier
   */
  public long call(Pe pe, long fid, long... a) {
    RmiCommand command = RmiCommand.of(fid);
    if (command == null) {
      return callExtension(pe, fid, a);
    }
    return switch (command) {
      case VERSION -> version(pe, a[0]);
      case GRANULE_DELEGATE -> granuleDelegate(pe, a[0]);
      case GRANULE_UNDELEGATE -> granuleUndelegate(pe, a[0]);
      case DATA_CREATE -> dataCreate(pe, a[0], a[1], a[2], a[3], a[4]);
      case DATA_CREATE_UNKNOWN -> dataCreateUnknown(pe, a[0], a[1], a[2]);
      case DATA_DESTROY -> dataDestroy(pe, a[0], a[1]);
      case REALM_ACTIVATE -> realmActivate(pe, a[0]);
      case REALM_CREATE -> realmCreate(pe, a[0], a[1]);
      case REALM_DESTROY -> realmDestroy(pe, a[0]);
      case REC_CREATE -> recCreate(pe, a[0], a[1], a[2]);
      case REC_DESTROY -> recDestroy(pe, a[0]);
      case REC_ENTER -> recEnter(pe, a[0], a[1]);
      case RTT_CREATE -> rttCreate(pe, a[0], a[1], a[2], a[3]);
      case RTT_DESTROY -> rttDestroy(pe, a[0], a[1], a[2]);
      case RTT_MAP_UNPROTECTED -> rttMapUnprotected(pe, a[0], a[1], a[2], a[3]);
      case RTT_READ_ENTRY -> rttReadEntry(pe, a[0], a[1], a[2]);
      case RTT_UNMAP_UNPROTECTED -> rttUnmapUnprotected(pe, a[0], a[1], a[2]);
      case PSCI_COMPLETE -> psciComplete(pe, a[0], a[1], a[2]);
      case FEATURES -> features(pe, a[0]);
      case RTT_FOLD -> rttFold(pe, a[0], a[1], a[2]);
      case REC_AUX_COUNT -> recAuxCount(pe, a[0]);
      case RTT_INIT_RIPAS -> rttInitRipas(pe, a[0], a[1], a[2]);
      case RTT_SET_RIPAS -> rttSetRipas(pe, a[0], a[1], a[2], a[3]);
    };
  }

  private long callExtension(Pe pe, long fid, long[] arguments) {
    for (CommandSet set : extensions) {
      if (set.handles(fid)) {
        long[] results = new long[4];
        long x0 = set.call(this, pe, fid, arguments, results);
        pe.begin();
        pe.out1(results[0]);
        pe.out2(results[1]);
        pe.out3(results[2]);
        pe.out4(results[3]);
        return x0;
      }
    }
    pe.begin();
    return Status.UNKNOWN;
  }

  private long begin(Pe pe, RmiCommand command, long x1, long x2, long x3, long x4) {
    SchedulePoint.reach(PointKind.TRUSTED_CALL, this);
    pe.begin();
    return interposer.before(command, x1, x2, x3, x4);
  }
}
