package dev.cocovisor.cca.rmm.v1;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.granule.GranuleState;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.realm.Realm;
import dev.cocovisor.cca.rmm.realm.Rec;
import dev.cocovisor.cca.rmm.rtt.Geometry;
import dev.cocovisor.cca.rmm.rtt.Rtte;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What holds between any two calls: counts equal live entries, every granule has one role and one
 * owner, delegated granules are zero, each half of the space holds only its own kinds, and
 * READ_ENTRY agrees with the tables.
 */
final class Invariants {
  private final Rmm1 rmm;
  private final GranuleTable granules;
  private final PhysicalMemory memory;
  private final Map<Long, String> owner = new HashMap<>();
  private final Pe pe = new Pe();

  private Invariants(Rmm1 rmm, PhysicalMemory memory) {
    this.rmm = rmm;
    this.granules = rmm.granules();
    this.memory = memory;
  }

  static void check(Rmm1 rmm, PhysicalMemory memory) {
    new Invariants(rmm, memory).check();
  }

  private void check() {
    Map<Realm, Integer> recs = new HashMap<>();
    List<Realm> realms = new ArrayList<>();
    List<Long> inUse = new ArrayList<>();
    for (long a = granules.nextInUse(0); a >= 0; a = granules.nextInUse(a + 4096)) {
      inUse.add(a);
      int g = granules.find(a);
      switch (granules.stateAt(a)) {
        case DELEGATED -> {
          assertThat(memory.isZero(a >>> PageLevel.PAGE_SHIFT)).as("zero %x", a).isTrue();
          assertThat(granules.count(g)).isZero();
          assertThat(granules.role(g)).isNull();
        }
        case RD -> realms.add(Realm.of(granules, g));
        case REC -> {
          Rec rec = Rec.of(granules, g);
          recs.merge(rec.realm, 1, Integer::sum);
          for (int aux : rec.aux) {
            own(granules.address(aux), GranuleState.REC_AUX, "rec " + g);
          }
        }
        default -> {}
      }
    }
    Set<Integer> vmids = new HashSet<>();
    for (Realm realm : realms) {
      assertThat(vmids.add(realm.vmid)).as("VMID %d once", realm.vmid).isTrue();
      assertThat(granules.count(realm.granule)).isEqualTo(recs.getOrDefault(realm, 0));
      long size = Geometry.entrySize(realm.geometry.startLevel()) * Geometry.ENTRIES;
      for (int i = 0; i < realm.geometry.roots(); i++) {
        table(realm, realm.rootGranule + i, realm.geometry.startLevel(), i * size);
      }
    }
    for (long a : inUse) {
      GranuleState state = granules.stateAt(a);
      boolean owned = owner.containsKey(a);
      boolean mustBeOwned =
          state == GranuleState.RTT || state == GranuleState.DATA || state == GranuleState.REC_AUX;
      assertThat(owned).as("%x %s has an owner", a, state).isEqualTo(mustBeOwned);
    }
  }

  private void table(Realm realm, int g, int level, long base) {
    own(granules.address(g), GranuleState.RTT, "realm " + realm.granule);
    long size = Geometry.entrySize(level);
    long[] table = granules.table(g);
    int live = 0;
    for (int i = 0; i < table.length; i++) {
      long e = table[i];
      long ipa = base + i * size;
      if (!realm.geometry.inSpace(ipa)) {
        assertThat(e).as("beyond the space").isZero();
        continue;
      }
      boolean shared = Rtte.kind(e) == Rtte.UNASSIGNED_NS || Rtte.kind(e) == Rtte.ASSIGNED_NS;
      if (!Rtte.isTable(e)) {
        assertThat(shared).as("NS at %x", ipa).isEqualTo(!realm.geometry.isProtected(ipa));
      }
      if (Rtte.isTable(e)) {
        live++;
        if (level == Geometry.PAGE_LEVEL) {
          fail("a table below level 3");
        }
        table(realm, granules.find(Rtte.payload(e)), level + 1, ipa);
      } else if (Rtte.isAssigned(e)) {
        live++;
        for (long pa = Rtte.payload(e); pa < Rtte.payload(e) + size; pa += 4096) {
          own(pa, GranuleState.DATA, "realm " + realm.granule);
        }
      }
      if (i % 97 == 0) {
        readEntryAgrees(realm, ipa, level, e);
      }
    }
    assertThat(granules.count(g)).as("count of %x", granules.address(g)).isEqualTo(live);
  }

  private void readEntryAgrees(Realm realm, long ipa, int level, long e) {
    long status = rmm.rttReadEntry(pe, granules.address(realm.granule), ipa, level);
    assertThat(status).isEqualTo(Status.SUCCESS);
    assertThat(pe.x1()).isEqualTo(level);
    assertThat(pe.x2()).isEqualTo(Rtte.hipas(e));
    assertThat(pe.x3()).isEqualTo(descriptor(e));
    assertThat(pe.x4()).isEqualTo(Rtte.hasRipas(e) ? Rtte.ripas(e) : 0);
  }

  private void own(long address, GranuleState state, String who) {
    assertThat(granules.stateAt(address)).as("%x", address).isEqualTo(state);
    assertThat(owner.put(address, who)).as("%x has one owner", address).isNull();
  }

  /** What 1.0 tells of an entry: nothing where there is no page, or its content is lost. */
  private static long descriptor(long e) {
    return Rtte.isUnassigned(e) || Rtte.kind(e) == Rtte.ASSIGNED_DESTROYED ? 0 : Rtte.payload(e);
  }
}
