package dev.cocovisor.cca.rmm.v1;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.mem.PhysicalGuard.Verdict;
import dev.cocovisor.api.sched.Actor;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.page.RealmParams;
import dev.cocovisor.cca.rmm.page.RecEntry;
import dev.cocovisor.cca.rmm.realm.RmmConfig;
import dev.cocovisor.cca.rmm.rtt.Geometry;
import dev.cocovisor.cca.rmm.run.Psci;
import dev.cocovisor.cca.rmm.run.RealmSide;
import dev.cocovisor.cca.rmm.run.RsiCall;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Realms and RECs from creation to destruction, as the host and the realm see them. */
class RealmLifeTest {
  private static final long IPA = 0x20_0000;

  private final Bench b = new Bench();
  private final long rd = b.realm();
  private final long rec0 = b.rec(rd, 0);
  private final long rec1 = b.rec(rd, 1);

  @AfterEach
  void invariantsHold() {
    b.check();
  }

  private RealmSide.Outcome call(long rec, RsiCall call, long... args) {
    return b.rmm.realmSide().call(b.pe, rec, call.fid(), args);
  }

  private long x(long rec, int n) {
    return b.rmm.realmSide().register(rec, n);
  }

  private void activate() {
    Bench.ok(b.rmm.realmActivate(b.pe, rd));
  }

  @Test
  void enteringTellsANewRealmFromOneThatIsOff() {
    assertThat(b.rmm.recEnter(b.pe, rec0, b.ns())).isEqualTo(0x002);
    activate();
    b.enter(rec0);
    assertThat(call(rec0, RsiCall.PSCI_SYSTEM_OFF).exited()).isTrue();
    assertThat(b.rmm.recEnter(b.pe, rec0, b.ns())).isEqualTo(0x102);
    assertThat(b.rmm.view().realmState(rd)).isEqualTo("SYSTEM_OFF");
  }

  // TF-RMM runtime/rmi/realm.c, smc_realm_create: vmid_free where the realm could not be built.
  @Test
  void theVmidOfARealmThatWasNotBuiltIsFreeAndOneInUseIsNot() {
    long roots = b.delegated(1, Bench.PAGE);
    long page = b.ns();
    b.params(9, 48, 0, roots).write(b.memory, page);
    assertThat(b.rmm.realmCreate(b.pe, b.ns(), page)).as("not delegated").isEqualTo(1);
    long other = b.delegated();
    Bench.ok(b.rmm.realmCreate(b.pe, other, page));
    assertThat(b.rmm.realmCreate(b.pe, b.delegated(), page)).isEqualTo(Status.ERROR_INPUT);
    Bench.ok(b.rmm.realmDestroy(b.pe, other));
    Bench.ok(b.rmm.realmCreate(b.pe, b.delegated(), page));
  }

  @Test
  void aRecRunsOnOneProcessorAtATime() {
    activate();
    b.enter(rec0);
    assertThat(b.rmm.recEnter(b.pe, rec0, b.ns())).isEqualTo(Status.ERROR_REC);
    assertThat(b.rmm.recDestroy(b.pe, rec0)).isEqualTo(Status.ERROR_REC);
    b.rmm.realmSide().interrupt(rec0, false);
    Bench.ok(b.rmm.recDestroy(b.pe, rec0));
  }

  @Test
  void emulationIsRefusedUnlessTheLastExitWasAnAccessToSharedMemory() {
    activate();
    long run = b.ns();
    b.memory.writeLong(run, RecEntry.EMULATED_MMIO);
    assertThat(b.rmm.recEnter(b.pe, rec0, run)).isEqualTo(Status.ERROR_REC);
    b.memory.writeLong(run, 0);
    Bench.ok(b.rmm.recEnter(b.pe, rec0, run));
    RealmSide.Access access = b.rmm.realmSide().access(b.pe, rec0, 1L << 47, false, false);
    assertThat(access).isEqualTo(RealmSide.Access.EXIT);
    b.memory.writeLong(run, RecEntry.EMULATED_MMIO);
    b.memory.writeLong(run + 0x200, 0x1ff);
    Bench.ok(b.rmm.recEnter(b.pe, rec0, run));
    assertThat(x(rec0, 0)).as("a byte was loaded").isEqualTo(0xff);
  }

  @Test
  void aSyncAbortCanBeInjectedOnlyForSharedMemory() {
    b.tables(rd, IPA, 3);
    Bench.ok(b.rmm.rttInitRipas(b.pe, rd, IPA, IPA + Bench.PAGE));
    activate();
    long run = b.enter(rec0);
    assertThat(b.rmm.realmSide().access(b.pe, rec0, IPA, true, false))
        .isEqualTo(RealmSide.Access.EXIT);
    b.memory.writeLong(run, RecEntry.INJECT_SEA);
    assertThat(b.rmm.recEnter(b.pe, rec0, run)).isEqualTo(Status.ERROR_REC);
  }

  @Test
  void listRegistersThatTheMachineLacksMustBeZero() {
    activate();
    long run = b.ns();
    b.memory.writeLong(run + 0x308 + 8, 1);
    assertThat(b.rmm.recEnter(b.pe, rec0, run)).isEqualTo(Status.ERROR_REC);
  }

  @ParameterizedTest
  @CsvSource({
    "EMPTY, false, ABORT_IN_REALM",
    "RAM, false, EXIT",
    "RAM, true, DONE",
    "DESTROYED, false, EXIT",
    "SHARED, false, EXIT",
    "SHARED, true, DONE"
  })
  void anAccessOfTheRealmComesToWhatTheEntrySays(
      String ripas, boolean mapped, RealmSide.Access expected) {
    boolean shared = ripas.equals("SHARED");
    long ipa = shared ? 1L << 47 : IPA;
    b.tables(rd, ipa, 3);
    if (ripas.equals("RAM") || ripas.equals("DESTROYED")) {
      Bench.ok(b.rmm.rttInitRipas(b.pe, rd, ipa, ipa + Bench.PAGE));
    }
    if (ripas.equals("DESTROYED")) {
      Bench.ok(b.rmm.dataCreateUnknown(b.pe, rd, b.delegated(), ipa));
      Bench.ok(b.rmm.dataDestroy(b.pe, rd, ipa));
    }
    long page = shared ? b.ns() : b.delegated();
    if (mapped && shared) {
      Bench.ok(b.rmm.rttMapUnprotected(b.pe, rd, ipa, 3, page | 0xc0));
    } else if (mapped) {
      Bench.ok(b.rmm.dataCreateUnknown(b.pe, rd, page, ipa));
    }
    activate();
    b.enter(rec0);
    assertThat(b.rmm.realmSide().access(b.pe, rec0, ipa + 0x18, true, false)).isEqualTo(expected);
    if (expected == RealmSide.Access.DONE) {
      assertThat(b.pe.x1()).isEqualTo(page + 0x18);
    }
  }

  @Test
  void instructionsAreNotFetchedFromSharedMemory() {
    activate();
    b.enter(rec0);
    assertThat(b.rmm.realmSide().access(b.pe, rec0, 1L << 47, false, true))
        .isEqualTo(RealmSide.Access.ABORT_IN_REALM);
  }

  @Test
  void aRefusedChangeToRamIsRejectedAndAHalfDoneOneGoesOn() {
    b.tables(rd, IPA, 3);
    activate();
    long run = b.enter(rec0);
    call(rec0, RsiCall.RSI_IPA_STATE_SET, IPA, IPA + 0x4000, 1, 0);
    Bench.ok(b.rmm.rttSetRipas(b.pe, rd, rec0, IPA, IPA + 0x2000));
    b.memory.writeLong(run, RecEntry.RIPAS_REJECT);
    Bench.ok(b.rmm.recEnter(b.pe, rec0, run));
    assertThat(x(rec0, 1)).isEqualTo(IPA + 0x2000);
    assertThat(x(rec0, 2)).as("rejected").isEqualTo(1);
    call(rec0, RsiCall.RSI_IPA_STATE_SET, IPA + 0x2000, IPA + 0x4000, 1, 0);
    b.memory.writeLong(run, 0);
    Bench.ok(b.rmm.recEnter(b.pe, rec0, run));
    assertThat(x(rec0, 1)).isEqualTo(IPA + 0x2000);
    assertThat(x(rec0, 2)).as("accepted: call again").isZero();
  }

  @Test
  void cpuOnWaitsForTheHostWhichCannotDenyACpuThatIsOn() {
    activate();
    b.enter(rec0);
    assertThat(call(rec0, RsiCall.PSCI_CPU_ON, 1, IPA, 77).exited()).isTrue();
    assertThat(b.rmm.recEnter(b.pe, rec0, b.ns())).as("pending").isEqualTo(Status.ERROR_REC);
    assertThat(b.rmm.psciComplete(b.pe, rec0, rec1, Psci.DENIED)).isEqualTo(Status.ERROR_INPUT);
    Bench.ok(b.rmm.psciComplete(b.pe, rec0, rec1, 0));
    assertThat(x(rec0, 0)).isEqualTo(Psci.ALREADY_ON);
    b.enter(rec1);
    call(rec1, RsiCall.PSCI_CPU_OFF);
    b.enter(rec0);
    call(rec0, RsiCall.PSCI_CPU_ON, 1, IPA, 77);
    Bench.ok(b.rmm.psciComplete(b.pe, rec0, rec1, Psci.DENIED));
    assertThat(x(rec0, 0)).isEqualTo(Psci.DENIED);
    b.enter(rec0);
    call(rec0, RsiCall.PSCI_CPU_ON, 1, IPA, 77);
    Bench.ok(b.rmm.psciComplete(b.pe, rec0, rec1, 0));
    assertThat(x(rec0, 0)).isZero();
    b.enter(rec1);
    assertThat(x(rec1, 0)).as("context").isEqualTo(77);
  }

  @ParameterizedTest
  @CsvSource({
    "distinct, 0",
    "same, 1",
    "unaligned, 1",
    "not a REC, 1",
    "other index, 1",
    "bad status, 1",
    "not pending, 1"
  })
  void psciCompleteChecksBothRecsAndTheRequest(String condition, long status) {
    long rec2 = b.rec(rd, 2);
    activate();
    b.enter(rec0);
    if (condition.equals("not pending")) {
      b.rmm.realmSide().interrupt(rec0, true);
    } else {
      call(rec0, RsiCall.PSCI_AFFINITY_INFO, 1, 0);
    }
    long target =
        switch (condition) {
          case "same" -> rec0;
          case "unaligned" -> rec1 + 8;
          case "not a REC" -> rd;
          case "other index" -> rec2;
          default -> rec1;
        };
    long answer = condition.equals("bad status") ? Psci.DENIED : 0;
    assertThat(b.rmm.psciComplete(b.pe, rec0, target, answer)).isEqualTo(status);
  }

  @Test
  void theRpvAndTheWidthAreWhatRealmConfigTells() {
    b.tables(rd, IPA, 3);
    Bench.ok(b.rmm.rttInitRipas(b.pe, rd, IPA, IPA + Bench.PAGE));
    long page = b.delegated();
    Bench.ok(b.rmm.dataCreateUnknown(b.pe, rd, page, IPA));
    activate();
    b.enter(rec0);
    call(rec0, RsiCall.RSI_REALM_CONFIG, IPA);
    assertThat(x(rec0, 0)).isZero();
    assertThat(b.memory.readLong(page)).isEqualTo(48);
  }

  @Test
  void aHostCallCarriesRegistersOutAndBack() {
    b.tables(rd, IPA, 3);
    Bench.ok(b.rmm.rttInitRipas(b.pe, rd, IPA, IPA + Bench.PAGE));
    long page = b.delegated();
    Bench.ok(b.rmm.dataCreateUnknown(b.pe, rd, page, IPA));
    b.memory.writeLong(page + 0x100, 0x42);
    b.memory.writeLong(page + 0x108, 11);
    activate();
    long run = b.enter(rec0);
    assertThat(call(rec0, RsiCall.RSI_HOST_CALL, IPA + 8).exited()).as("unaligned").isFalse();
    assertThat(x(rec0, 0)).isEqualTo(1);
    assertThat(call(rec0, RsiCall.RSI_HOST_CALL, IPA + 0x100).exited()).isTrue();
    assertThat(b.memory.readLong(run + 0x800 + 0x600)).isEqualTo(0x42);
    assertThat(b.memory.readLong(run + 0x800 + 0x200)).isEqualTo(11);
    b.memory.writeLong(run + 0x200, 99);
    Bench.ok(b.rmm.recEnter(b.pe, rec0, run));
    assertThat(b.memory.readLong(page + 0x108)).isEqualTo(99);
  }

  @Test
  void destroyingEverythingGivesEveryGranuleBackZero() {
    activate();
    Bench.ok(b.rmm.recDestroy(b.pe, rec0));
    Bench.ok(b.rmm.recDestroy(b.pe, rec1));
    Bench.ok(b.rmm.realmDestroy(b.pe, rd));
    GranuleTable granules = b.rmm.granules();
    for (long a = granules.nextInUse(0); a >= 0; a = granules.nextInUse(a + Bench.PAGE)) {
      Bench.ok(b.rmm.granuleUndelegate(b.pe, a));
    }
    assertThat(granules.nextInUse(0)).isEqualTo(-1);
    b.realm(1, 48, 0);
  }

  @Test
  void everyMeasuredParameterIsChecked() {
    List<UnaryOperator<RealmParams>> bad =
        List.of(
            p -> params(p, 0, 0, 1, 48, 0, 1, 3),
            p -> params(p, 0, 1, 2, 48, 0, 1, 3),
            p -> params(p, RealmParams.SVE, 1, 1, 48, 0, 1, 3),
            p -> params(p, RealmParams.PMU, 1, 1, 48, 0, 1, 3),
            p -> params(p, 0, 1, 1, 49, 0, 1, 3),
            p -> params(p, 0, 1, 1, 31, 2, 1, 3),
            p -> params(p, 0, 1, 1, 48, 1, 1, 3),
            p -> params(p, 0, 1, 1, 48, -1, 1, 3),
            p -> params(p, 0, 1, 1, 41, 1, 1, 3),
            p -> params(p, 0, 1, 1, 48, 0, 2, 3),
            p -> params(p, 0, 1, 1, 48, 0, 1, 1),
            p -> params(p, 0, 1, 1, 48, 0, 1, 256));
    for (int i = 0; i < bad.size(); i++) {
      long root = b.delegated();
      long page = b.ns();
      bad.get(i).apply(b.params(3, 48, 0, root)).write(b.memory, page);
      assertThat(b.rmm.realmCreate(b.pe, b.delegated(), page)).as("case %d", i).isEqualTo(1);
    }
  }

  private static RealmParams params(
      RealmParams p, long flags, int bps, int wps, int s2sz, int level, int roots, int vmid) {
    return new RealmParams(
        flags, s2sz, 0, bps, wps, 0, 0, p.rpv(), vmid, p.rttBase(), level, roots);
  }

  // RMM 1.0, RSI_IPA_STATE_GET; TF-RMM runtime/rsi/memory.c: as far as the table's entries agree.
  @ParameterizedTest
  @CsvSource({
    "0, 16, 3, 1",
    "1, 2, 2, 1",
    "2, 16, 3, 1",
    "3, 16, 5, 0",
    "3, 4, 4, 0",
    "5, 600, 512, 1",
    "512, 600, 600, 0",
    "513, 1024, 1024, 0",
    "600, 2000, 2000, 0"
  })
  void theStateOfARangeIsToldAsFarAsItIsOne(int from, int to, int until, int ripas) {
    b.tables(rd, IPA, 3);
    Bench.ok(b.rmm.rttInitRipas(b.pe, rd, IPA, IPA + 3 * Bench.PAGE));
    Bench.ok(b.rmm.rttInitRipas(b.pe, rd, IPA + 5 * Bench.PAGE, IPA + Bench.MB2));
    activate();
    b.enter(rec0);
    call(rec0, RsiCall.RSI_IPA_STATE_GET, IPA + from * Bench.PAGE, IPA + to * Bench.PAGE);
    assertThat(x(rec0, 0)).isZero();
    assertThat(x(rec0, 1)).isEqualTo(IPA + until * Bench.PAGE);
    assertThat(x(rec0, 2)).isEqualTo(ripas);
  }

  // RMM 1.0, RSI_HOST_CALL whose structure is not there: SYNC with a translation fault and HPFAR.
  @ParameterizedTest
  @CsvSource({"0, 0x90000004", "1, 0x90000005", "2, 0x90000006", "3, 0x90000007"})
  void aStructureThatIsNotThereIsToldByTheLevelThatLacksIt(int level, long esr) {
    b.tables(rd, IPA, level);
    long size = Geometry.entrySize(level);
    long base = IPA & -size;
    Bench.ok(b.rmm.rttInitRipas(b.pe, rd, base, base + size));
    activate();
    long run = b.enter(rec0);
    assertThat(call(rec0, RsiCall.RSI_HOST_CALL, IPA + 0x100).exited()).isTrue();
    assertThat(b.memory.readLong(run + 0x800)).as("SYNC").isZero();
    assertThat(b.memory.readLong(run + 0x800 + 0x100) & 0xfc00003fL).isEqualTo(esr & 0xfc00003fL);
    assertThat(b.memory.readLong(run + 0x800 + 0x110)).isEqualTo(IPA >>> 8);
  }

  // RMI feature register 0, PMU_EN and PMU_NUM_CTRS; TF-RMM runtime/rmi/realm.c,
  // validate_realm_params.
  @ParameterizedTest
  @CsvSource({
    "true, 8, 6, true",
    "true, 8, 8, true",
    "true, 8, 9, false",
    "false, 8, 6, false",
    "true, 8, 0, false"
  })
  void aRealmHasAPmuIfTheMachineHasOneWithAsManyCounters(
      boolean offered, long most, int wanted, boolean made) {
    long register = RmmConfig.RECORDED_FEATURES & ~(1L << 26) & ~(0x1fL << 27);
    RmmConfig config =
        RmmConfig.RECORDED.withFeatureRegister0(register | (offered ? 1L << 26 : 0) | most << 27);
    Bench machine = new Bench(config);
    long root = machine.delegated();
    long page = machine.ns();
    RealmParams p = machine.params(3, 48, 0, root);
    new RealmParams(RealmParams.PMU, 48, 0, 1, 1, wanted, 0, p.rpv(), 3, root, 0, p.rttNumStart())
        .write(machine.memory, page);
    assertThat(machine.rmm.realmCreate(machine.pe, machine.delegated(), page))
        .isEqualTo(made ? Status.SUCCESS : Status.ERROR_INPUT);
  }

  @Test
  void theGuardKeepsTheNormalWorldOffDelegatedMemory() {
    PhysicalGuard guard = b.rmm.guard();
    long data = b.delegated();
    b.tables(rd, IPA, 3);
    Accessor realm = new Accessor(Accessor.Kind.GUEST, 1, 1);
    Accessor stranger = new Accessor(Accessor.Kind.GUEST, 2, 0);
    assertThat(guard.check(Accessor.HOST_KERNEL, data >>> PageLevel.PAGE_SHIFT, false))
        .isEqualTo(Verdict.FAULT);
    assertThat(guard.check(realm, data >>> PageLevel.PAGE_SHIFT, false)).isEqualTo(Verdict.FAULT);
    Bench.ok(b.rmm.dataCreateUnknown(b.pe, rd, data, IPA));
    assertThat(guard.check(realm, data >>> PageLevel.PAGE_SHIFT, true)).isEqualTo(Verdict.ALLOW);
    assertThat(guard.check(stranger, data >>> PageLevel.PAGE_SHIFT, true)).isEqualTo(Verdict.FAULT);
    assertThat(guard.check(Accessor.DEVICE, data >>> PageLevel.PAGE_SHIFT, true))
        .isEqualTo(Verdict.FAULT);
    assertThat(guard.check(Accessor.HOST_USER, b.ns() >>> PageLevel.PAGE_SHIFT, true))
        .isEqualTo(Verdict.ALLOW);
  }

  @Test
  void everyCallIsASchedulePointAndGivesBackEveryLock() {
    b.tables(rd, IPA, 3);
    long data = b.delegated();
    List<PointKind> kinds = new ArrayList<>();
    List<ModelLock> locks = new ArrayList<>();
    Actor host =
        new Actor(
            "host",
            0,
            (actor, kind, where, index, mode) -> {
              kinds.add(kind);
              if (where instanceof ModelLock lock) {
                locks.add(lock);
              }
            });
    host.run(() -> {
      Bench.ok(b.rmm.dataCreateUnknown(b.pe, rd, data, IPA));
      assertThat(b.rmm.dataCreateUnknown(b.pe, rd, data, IPA)).isNotZero();
      assertThat(b.rmm.rttFold(b.pe, rd, IPA, 3)).isNotZero();
    });
    assertThat(kinds).startsWith(PointKind.TRUSTED_CALL, PointKind.LOCK);
    assertThat(kinds.stream().filter(k -> k == PointKind.LOCK).count())
        .isEqualTo(kinds.stream().filter(k -> k == PointKind.UNLOCK).count());
    assertThat(locks).noneMatch(ModelLock::held);
  }
}
