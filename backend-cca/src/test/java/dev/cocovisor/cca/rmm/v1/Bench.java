package dev.cocovisor.cca.rmm.v1;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.mem.SparseMemory;
import dev.cocovisor.api.trusted.Interposer;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.granule.El3Monitor;
import dev.cocovisor.cca.rmm.page.RealmParams;
import dev.cocovisor.cca.rmm.page.RecParams;
import dev.cocovisor.cca.rmm.realm.Realm;
import dev.cocovisor.cca.rmm.realm.RmmConfig;
import dev.cocovisor.cca.rmm.rtt.Geometry;
import dev.cocovisor.cca.rmm.rtt.Rtte;
import dev.cocovisor.cca.rmm.table.Steps;
import java.util.List;

/** An RMM with memory and one PE, and the steps that most tests begin with. */
final class Bench {
  static final long PAGE = 4096;
  static final long MB2 = 2 << 20;

  /** Where the helpers take granules from; tests use granules below it by number. */
  private long next = RmmConfig.RECORDED.memoryBase() + 0x100_0000;

  final SparseMemory memory = new SparseMemory();
  final Pe pe = new Pe();
  final Rmm1 rmm;

  Bench() {
    this(El3Monitor.GRANTS);
  }

  Bench(El3Monitor monitor) {
    this(RmmConfig.RECORDED, monitor);
  }

  Bench(RmmConfig config) {
    this(config, El3Monitor.GRANTS);
  }

  private Bench(RmmConfig config, El3Monitor monitor) {
    rmm = new Rmm1(config, memory, monitor, Interposer.NONE, Steps.RELEASED);
  }

  static long granule(int n) {
    return RmmConfig.RECORDED.memoryBase() + n * PAGE;
  }

  /** Returns a fresh NS granule. */
  long ns() {
    long g = next;
    next += PAGE;
    return g;
  }

  /** Returns a fresh delegated granule. */
  long delegated() {
    long g = ns();
    ok(rmm.granuleDelegate(pe, g));
    return g;
  }

  /** Returns the first of {@code n} delegated granules, aligned to {@code alignment}. */
  long delegated(int n, long alignment) {
    next = (next + alignment - 1) & -alignment;
    long first = next;
    for (int i = 0; i < n; i++) {
      delegated();
    }
    return first;
  }

  static void ok(long status) {
    assertThat(status).isEqualTo(Status.SUCCESS);
  }

  RealmParams params(int vmid, int s2sz, int startLevel, long rttBase) {
    return new RealmParams(
        0,
        s2sz,
        0,
        1,
        1,
        0,
        0,
        new byte[RealmParams.RPV_BYTES],
        vmid,
        rttBase,
        startLevel,
        Geometry.rootsFor(s2sz, startLevel));
  }

  /** Makes a realm of a geometry; returns its descriptor. */
  long realm(int vmid, int s2sz, int startLevel) {
    long rd = delegated();
    long roots = delegated(Geometry.rootsFor(s2sz, startLevel), PAGE);
    long page = ns();
    params(vmid, s2sz, startLevel, roots).write(memory, page);
    ok(rmm.realmCreate(pe, rd, page));
    return rd;
  }

  /** Makes the usual realm: 48 bits from level 0. */
  long realm() {
    return realm(1, 48, 0);
  }

  /** Makes the tables for {@code ipa} down to {@code level}. */
  void tables(long rd, long ipa, int level) {
    Realm realm = Realm.of(rmm.granules(), rmm.granules().find(rd));
    for (int l = realm.geometry.startLevel() + 1; l <= level; l++) {
      long at = ipa & -Geometry.entrySize(l - 1);
      rmm.rttReadEntry(pe, rd, at, l - 1);
      if (pe.x2() != Rtte.HIPAS_TABLE) {
        ok(rmm.rttCreate(pe, rd, delegated(), at, l));
      }
    }
  }

  long[] aux() {
    long[] aux = new long[RmmConfig.RECORDED.auxGranules()];
    for (int i = 0; i < aux.length; i++) {
      aux[i] = delegated();
    }
    return aux;
  }

  /** Writes REC parameters; returns their page. */
  long recParams(long mpidr, boolean runnable, long[] aux) {
    long page = ns();
    new RecParams(runnable ? 1 : 0, mpidr, 0x8000_0000L, new long[8], aux.length, aux)
        .write(memory, page);
    return page;
  }

  /** Makes a runnable REC; {@code mpidr} must be the next. */
  long rec(long rd, long mpidr) {
    long rec = delegated();
    ok(rmm.recCreate(pe, rd, rec, recParams(mpidr, true, aux())));
    return rec;
  }

  /** Enters a REC of an active realm; returns the run page. */
  long enter(long rec) {
    long run = ns();
    ok(rmm.recEnter(pe, rec, run));
    assertThat(pe.entered()).isTrue();
    return run;
  }

  /** Returns the entry where a walk to {@code level} ends: HIPAS and RIPAS. */
  String entry(long rd, long ipa, int level) {
    ok(rmm.rttReadEntry(pe, rd, ipa, level));
    String hipas = List.of("UNASSIGNED", "ASSIGNED", "TABLE").get((int) pe.x2());
    String ripas = List.of("EMPTY", "RAM", "DESTROYED").get((int) pe.x4());
    return pe.x1() + ":" + hipas + "/" + ripas;
  }

  void check() {
    Invariants.check(rmm, memory);
  }
}
