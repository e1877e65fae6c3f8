package dev.cocovisor.cca.rmm.v2;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.granule.GranuleState;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.measure.HashAlgorithm;
import dev.cocovisor.cca.rmm.measure.Rim;
import dev.cocovisor.cca.rmm.op.Operations;
import dev.cocovisor.cca.rmm.page.RealmParams;
import dev.cocovisor.cca.rmm.page.RealmParams2;
import dev.cocovisor.cca.rmm.realm.Context;
import dev.cocovisor.cca.rmm.realm.Features;
import dev.cocovisor.cca.rmm.realm.Realm;
import dev.cocovisor.cca.rmm.rtt.Geometry;
import dev.cocovisor.cca.rmm.rtt.Rtt;

/** RMI_REALM_CREATE, RMI_REALM_ACTIVATE, RMI_REALM_TERMINATE and RMI_REALM_DESTROY. */
// TF-RMM 9a7f8ef4 runtime/rmi/realm.c.
final class RealmCommands {
  private static final int MIN_IPA_BITS = 32;
  private static final long MEC_POLICY = 3 << 7;
  private static final long MEC_SHARED = 1 << 7;

  private final Context context;
  private final GranuleTable granules;
  private final Operations operations;

  RealmCommands(Context context, Operations operations) {
    this.context = context;
    this.granules = context.granules();
    this.operations = operations;
  }

  long create(Pe pe, long rd, long paramsAddress) {
    if (!context.isNormalWorld(paramsAddress)) {
      return pe.refuse(Status.ERROR_INPUT, "the parameters are not in memory of the normal world");
    }
    RealmParams2 p = RealmParams2.read(context.memory(), paramsAddress);
    String wrong = wrong(p);
    if (wrong != null) {
      return pe.refuse(Status.ERROR_INPUT, wrong);
    }
    int[] vmids = reserveVmids(1 + p.numAuxPlanes());
    if (vmids.length == 0) {
      return pe.refuse(Status.ERROR_GLOBAL, "no VMID is free");
    }
    long status = build(pe, rd, p, vmids);
    if (status != Status.SUCCESS) {
      freeVmids(vmids);
    }
    return status;
  }

  /** Says which parameter is not supported; null if none. */
  private @org.jspecify.annotations.Nullable String wrong(RealmParams2 p) {
    long features = context.config().featureRegister0();
    boolean lpa2 = p.has(RealmParams.LPA2);
    if (lpa2 && !Features.lpa2(features)) {
      return "LPA2 is not offered";
    }
    if (p.s2sz() < MIN_IPA_BITS || p.s2sz() > Features.s2sz(features)) {
      return "the width of the IPA space is not supported";
    }
    if (outside(p.numBps(), Features.numBps(features))
        || outside(p.numWps(), Features.numWps(features))) {
      return "the number of break- or watchpoints is not supported";
    }
    if (p.has(RealmParams.SVE) || p.has(RealmParams.PMU) || p.has(RealmParams2.DA)) {
      return "SVE, PMU or device assignment is not offered";
    }
    if ((p.flags() & MEC_POLICY) > MEC_SHARED) {
      return "the memory encryption policy is reserved";
    }
    if (!Geometry.consistent(p.s2sz(), p.rttLevelStart(), lpa2)
        || Geometry.rootsFor(p.s2sz(), p.rttLevelStart()) != p.rttNumStart()) {
      return "width, start level and number of root tables do not go together";
    }
    return wrongPlanes(p);
  }

  private @org.jspecify.annotations.Nullable String wrongPlanes(RealmParams2 p) {
    int planes = p.numAuxPlanes();
    if (planes < 0 || planes > RealmParams2.MAX_AUX_PLANES) {
      return "at most 3 auxiliary planes are offered";
    }
    if (Long.compareUnsigned(p.atsPlane(), planes) > 0) {
      return "there is no plane for device translations";
    }
    if ((p.flags1() & RealmParams2.INDIRECT_S2AP) != 0
        || (planes > 0 && (p.flags1() & RealmParams2.TREE_PER_PLANE) == 0)) {
      return "each plane has a tree of its own here, and permissions are direct";
    }
    long alignment = ((long) p.rttNumStart() << PageLevel.PAGE_SHIFT) - 1;
    boolean unaligned = (p.rttBase() & alignment) != 0;
    for (int i = 0; i < planes; i++) {
      unaligned |= (p.auxRoots()[i] & alignment) != 0;
    }
    if (unaligned) {
      return "root tables are not aligned to their size";
    }
    // SHA-384 is accepted though FEATURES does not offer it; recorded.
    return isHash(p.hashAlgo()) ? null : "the hash algorithm is not offered";
  }

  private boolean isHash(int algorithm) {
    int sha384 = HashAlgorithm.SHA_384.encoding();
    return algorithm < sha384
        || (algorithm == sha384 && !operations.safeguards().refusesUnofferedHash());
  }

  private static boolean outside(int value, int most) {
    return value < 1 || value > most;
  }

  private int[] reserveVmids(int n) {
    int[] taken = new int[n];
    for (int i = 0; i < n; i++) {
      taken[i] = context.vmids().reserveAny();
      if (taken[i] < 0) {
        freeVmids(java.util.Arrays.copyOf(taken, i));
        return new int[0];
      }
    }
    return taken;
  }

  private void freeVmids(int[] vmids) {
    for (int vmid : vmids) {
      context.vmids().free(vmid);
    }
  }

  private long build(Pe pe, long rd, RealmParams2 p, int[] vmids) {
    int number = p.rttNumStart();
    int trees = vmids.length;
    int[] roots = new int[trees];
    int[] taken = new int[trees * number];
    int n = 0;
    for (int tree = 0; tree < trees; tree++) {
      long base = tree == 0 ? p.rttBase() : p.auxRoots()[tree - 1];
      roots[tree] = granules.find(base);
      for (int i = 0; i < number; i++) {
        int g = take(base + ((long) i << PageLevel.PAGE_SHIFT), GranuleState.S_RTT);
        if (g == GranuleTable.NONE) {
          giveBack(taken, n);
          return pe.refuse(Status.ERROR_INPUT, "a root table is not DELEGATED");
        }
        taken[n++] = g;
      }
    }
    Geometry geometry =
        new Geometry(p.s2sz(), (int) p.rttLevelStart(), number, p.has(RealmParams.LPA2));
    for (int i = 0; i < n; i++) {
      granules.setRole(taken[i], Rtt.root(geometry, i % number));
    }
    int g = granules.findLock(rd, GranuleState.S_DELEGATED);
    if (g == GranuleTable.NONE) {
      giveBack(taken, n);
      return pe.refuse(Status.ERROR_INPUT, "rd is not DELEGATED");
    }
    Rim rim = new Rim(HashAlgorithm.of(p.hashAlgo()));
    rim.realmCreate(p.flags(), p.s2sz(), p.sveVl(), p.numBps(), p.numWps(), p.pmuNumCtrs());
    granules.setRole(g, new Realm(g, geometry, roots, vmids, p.rpv(), rim, (int) p.atsPlane()));
    granules.unlockTransition(g, GranuleState.S_RD);
    return Status.SUCCESS;
  }

  private int take(long address, byte role) {
    int g = granules.findLock(address, GranuleState.S_DELEGATED);
    if (g != GranuleTable.NONE) {
      granules.unlockTransition(g, role);
    }
    return g;
  }

  private void giveBack(int[] taken, int n) {
    for (int i = 0; i < n; i++) {
      granules.lock(taken[i]);
      granules.setRole(taken[i], null);
      granules.unlockTransition(taken[i], GranuleState.S_DELEGATED);
    }
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

  /** Ends a realm's life for good; none of its RECs runs. */
  long terminate(Pe pe, long rd) {
    int g = granules.findLock(rd, GranuleState.S_RD);
    if (g == GranuleTable.NONE) {
      return pe.refuse(Status.ERROR_INPUT, "rd is no realm descriptor");
    }
    Realm realm = Realm.of(granules, g);
    long status = Status.SUCCESS;
    if (realm.running.get() == 0) {
      realm.state = Realm.State.ZOMBIE;
    } else {
      status = pe.refuse(Status.ERROR_REALM, "a REC of the realm is running");
    }
    granules.unlock(g);
    return status;
  }

  /** Destroys a realm that was terminated, once it has neither RECs nor live root entries. */
  long destroy(Pe pe, long rd) {
    int g = granules.findLock(rd, GranuleState.S_RD);
    if (g == GranuleTable.NONE) {
      return pe.refuse(Status.ERROR_INPUT, "rd is no realm descriptor");
    }
    Realm realm = Realm.of(granules, g);
    long status = destroyable(pe, realm, g);
    if (status != Status.SUCCESS) {
      granules.unlock(g);
      return status;
    }
    freeVmids(realm.vmids);
    for (int root : realm.roots) {
      for (int i = 0; i < realm.geometry.roots(); i++) {
        granules.lock(root + i);
        granules.setRole(root + i, null);
        granules.unlockTransition(root + i, GranuleState.S_DELEGATED);
      }
    }
    granules.setRole(g, null);
    granules.unlockTransition(g, GranuleState.S_DELEGATED);
    return Status.SUCCESS;
  }

  private long destroyable(Pe pe, Realm realm, int g) {
    if (granules.count(g) != 0) {
      return pe.refuse(Status.ERROR_REALM, "the realm still has RECs");
    }
    if (realm.state != Realm.State.ZOMBIE) {
      return pe.refuse(Status.ERROR_REALM, "the realm was not terminated");
    }
    for (int root : realm.roots) {
      for (int i = 0; i < realm.geometry.roots(); i++) {
        granules.lock(root + i);
        boolean live = granules.count(root + i) != 0;
        boolean claimed = operations.table(root + i);
        granules.unlock(root + i);
        if (live) {
          return pe.refuse(Status.ERROR_REALM, "a root table still has live entries");
        }
        if (claimed) {
          return pe.refuse(
              Status.BUSY, "an operation that is not finished comes back to a root table");
        }
      }
    }
    return Status.SUCCESS;
  }
}
