package dev.cocovisor.cca.rmm.v1;

import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.granule.GranuleState;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.measure.HashAlgorithm;
import dev.cocovisor.cca.rmm.measure.Rim;
import dev.cocovisor.cca.rmm.page.RealmParams;
import dev.cocovisor.cca.rmm.realm.Context;
import dev.cocovisor.cca.rmm.realm.Features;
import dev.cocovisor.cca.rmm.realm.Realm;
import dev.cocovisor.cca.rmm.rtt.Geometry;
import dev.cocovisor.cca.rmm.rtt.Rtt;
import dev.cocovisor.cca.rmm.table.Steps;
import java.util.Arrays;

/** RMI_REALM_CREATE, RMI_REALM_ACTIVATE and RMI_REALM_DESTROY. */
// TF-RMM runtime/rmi/realm.c.
final class RealmCommands {
  private static final int GRANULE_SHIFT = 12;

  private final Context context;
  private final GranuleTable granules;
  private final Steps steps;

  RealmCommands(Context context, Steps steps) {
    this.steps = steps;
    this.context = context;
    this.granules = context.granules();
  }

  /** Every failure is ERROR_INPUT, so only the absence of side effects depends on the order. */
  long create(Pe pe, long rd, long paramsAddress) {
    if (!context.isNormalWorld(paramsAddress)) {
      return pe.refuse(Status.ERROR_INPUT, "the parameters are not in memory of the normal world");
    }
    RealmParams p = RealmParams.read(context.memory(), paramsAddress);
    if (!valid(p) || !context.vmids().reserve(p.vmid())) {
      return pe.refuse(Status.ERROR_INPUT, "a parameter is not supported, or the VMID is taken");
    }
    long status = build(pe, rd, p);
    if (status != Status.SUCCESS) {
      steps.notMade(() -> context.vmids().free(p.vmid()));
    }
    return status;
  }

  private boolean valid(RealmParams p) {
    long features = context.config().featureRegister0();
    boolean lpa2 = p.has(RealmParams.LPA2);
    if (lpa2 && !Features.lpa2(features)) {
      return false;
    }
    if (p.s2sz() > Features.s2sz(features)) {
      return false;
    }
    // Zero would be one break- or watchpoint, fewer than the architecture's least.
    if (p.numBps() == 0
        || p.numWps() == 0
        || p.numBps() > Features.numBps(features)
        || p.numWps() > Features.numWps(features)) {
      return false;
    }
    if (p.has(RealmParams.SVE)
        && (!Features.sve(features) || p.sveVl() > Features.sveVl(features))) {
      return false;
    }
    if (p.has(RealmParams.PMU) && !validPmu(p, features)) {
      return false;
    }
    return Geometry.consistent(p.s2sz(), p.rttLevelStart(), lpa2)
        && Geometry.rootsFor(p.s2sz(), p.rttLevelStart()) == p.rttNumStart()
        && Features.hash(features, p.hashAlgo());
  }

  private boolean validPmu(RealmParams p, long features) {
    return Features.pmu(features)
        && p.pmuNumCtrs() <= Features.pmuNumCtrs(features)
        && (p.pmuNumCtrs() != 0 || context.config().hpmn0());
  }

  private long build(Pe pe, long rd, RealmParams p) {
    int roots = p.rttNumStart();
    long base = p.rttBase();
    long rootsEnd = base + ((long) roots << GRANULE_SHIFT);
    if (Long.compareUnsigned(rd, base) >= 0 && Long.compareUnsigned(rd, rootsEnd) < 0) {
      return pe.refuse(Status.ERROR_INPUT, "rd lies among the root tables");
    }
    int g = lockAll(rd, base, roots);
    if (g == GranuleTable.NONE) {
      return pe.refuse(Status.ERROR_INPUT, "rd or a root table is not DELEGATED");
    }
    int root = granules.find(base);
    Geometry geometry =
        new Geometry(p.s2sz(), (int) p.rttLevelStart(), roots, p.has(RealmParams.LPA2));
    for (int i = 0; i < roots; i++) {
      granules.setRole(root + i, Rtt.root(geometry, i));
      granules.unlockTransition(root + i, GranuleState.S_RTT);
    }
    granules.setRole(g, realm(g, root, geometry, p));
    granules.unlockTransition(g, GranuleState.S_RD);
    return Status.SUCCESS;
  }

  private static Realm realm(int g, int root, Geometry geometry, RealmParams p) {
    Rim rim = new Rim(HashAlgorithm.of(p.hashAlgo()));
    rim.realmCreate(p.flags(), p.s2sz(), p.sveVl(), p.numBps(), p.numWps(), p.pmuNumCtrs());
    return new Realm(
        g,
        geometry,
        new int[] {root},
        new int[] {p.vmid()},
        Arrays.copyOf(p.rpv(), RealmParams.RPV_BYTES),
        rim,
        0);
  }

  /** Locks descriptor and roots in ascending address; returns the descriptor or NONE with none. */
  // TF-RMM runtime/rmi/realm.c, find_lock_rd_granules.
  private int lockAll(long rd, long base, int roots) {
    boolean descriptorFirst = Long.compareUnsigned(rd, base) < 0;
    int g = GranuleTable.NONE;
    if (descriptorFirst) {
      g = granules.findLock(rd, GranuleState.S_DELEGATED);
      if (g == GranuleTable.NONE) {
        return GranuleTable.NONE;
      }
    }
    int locked = 0;
    while (locked < roots
        && granules.findLock(base + ((long) locked << GRANULE_SHIFT), GranuleState.S_DELEGATED)
            != GranuleTable.NONE) {
      locked++;
    }
    if (locked == roots && !descriptorFirst) {
      g = granules.findLock(rd, GranuleState.S_DELEGATED);
    }
    if (locked == roots && g != GranuleTable.NONE) {
      return g;
    }
    while (locked-- > 0) {
      granules.unlock(granules.find(base + ((long) locked << GRANULE_SHIFT)));
    }
    if (g != GranuleTable.NONE) {
      granules.unlock(g);
    }
    return GranuleTable.NONE;
  }

  long activate(Pe pe, long rd) {
    int g = granules.findLock(rd, GranuleState.S_RD);
    if (g == GranuleTable.NONE) {
      return pe.refuse(Status.ERROR_INPUT, "rd is no realm descriptor");
    }
    Realm realm = Realm.of(granules, g);
    long status = Status.SUCCESS;
    if (realm.state == Realm.State.NEW) {
      realm.state = Realm.State.ACTIVE;
    } else {
      status = pe.refuse(Status.ERROR_REALM, "the realm is not NEW");
    }
    granules.unlock(g);
    return status;
  }

  /** Destroys a realm in any state, once it has neither RECs nor live root entries. */
  long destroy(Pe pe, long rd) {
    int g = granules.findLock(rd, GranuleState.S_RD);
    if (g == GranuleTable.NONE) {
      return pe.refuse(Status.ERROR_INPUT, "rd is no realm descriptor");
    }
    if (granules.count(g) != 0) {
      granules.unlock(g);
      return pe.refuse(Status.ERROR_REALM, "the realm still has RECs");
    }
    Realm realm = Realm.of(granules, g);
    int root = realm.rootGranule;
    int roots = realm.geometry.roots();
    int live = 0;
    for (int i = 0; i < roots; i++) {
      granules.lock(root + i);
      live += granules.count(root + i);
      granules.unlock(root + i);
    }
    if (live != 0) {
      granules.unlock(g);
      return pe.refuse(Status.ERROR_REALM, "a root table still has live entries");
    }
    context.vmids().free(realm.vmid);
    for (int i = 0; i < roots; i++) {
      granules.lock(root + i);
      granules.setRole(root + i, null);
      granules.unlockTransition(root + i, GranuleState.S_DELEGATED);
    }
    granules.setRole(g, null);
    granules.unlockTransition(g, GranuleState.S_DELEGATED);
    return Status.SUCCESS;
  }
}
