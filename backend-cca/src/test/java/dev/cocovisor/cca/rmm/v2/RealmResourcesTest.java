package dev.cocovisor.cca.rmm.v2;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.granule.GranuleState;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.op.Block;
import dev.cocovisor.cca.rmm.page.RealmParams;
import dev.cocovisor.cca.rmm.page.RealmParams2;
import dev.cocovisor.cca.rmm.page.RecParams;
import org.junit.jupiter.api.Test;

/** What a realm takes of the RMM's own, and gives back when it is not made. */
class RealmResourcesTest {
  private static final int VMIDS = 1 << 8;

  private final Bench2 b = new Bench2();

  /** Returns a page of parameters of a realm with auxiliary planes, all roots delegated. */
  private long params(int planes) {
    long[] aux = new long[RealmParams2.MAX_AUX_PLANES];
    for (int i = 0; i < planes; i++) {
      aux[i] = b.delegated();
    }
    byte[] rpv = new byte[RealmParams.RPV_BYTES];
    long root = b.delegated();
    long page = b.ns();
    new RealmParams2(0, 39, 0, 1, 1, 0, 0, planes, rpv, 0, root, 1, 1, 1, aux)
        .write(b.memory, page);
    return page;
  }

  private long create(int planes) {
    return b.call(Rmi2Command.REALM_CREATE, b.delegated(), params(planes));
  }

  // RMM 2.0-bet2: a VMID for each plane, and GLOBAL if there is none; TF-RMM runtime/rmi/realm.c.
  @Test
  void aRealmThatFindsTooFewVmidsLeavesThoseItFound() {
    for (int taken = 0; taken < VMIDS - 4; taken += 4) {
      Bench2.ok(create(3));
    }
    Bench2.ok(create(1));
    assertThat(create(3)).as("two are left of four").isEqualTo(Status.ERROR_GLOBAL);
    assertThat(create(2)).as("two are left of three").isEqualTo(Status.ERROR_GLOBAL);
    long last = b.delegated();
    Bench2.ok(b.call(Rmi2Command.REALM_CREATE, last, params(1)));
    assertThat(create(0)).as("none is left").isEqualTo(Status.ERROR_GLOBAL);
    Bench2.ok(b.call(Rmi2Command.REALM_TERMINATE, last));
    Bench2.ok(b.call(Rmi2Command.REALM_DESTROY, last));
    Bench2.ok(create(0));
    Bench2.ok(create(0));
    assertThat(create(0)).isEqualTo(Status.ERROR_GLOBAL);
    b.check();
  }

  @Test
  void aRealmThatIsNotBuiltLeavesItsVmids() {
    long page = params(3);
    for (int i = 0; i < VMIDS; i++) {
      assertThat(b.call(Rmi2Command.REALM_CREATE, b.ns(), page)).isEqualTo(Status.ERROR_INPUT);
    }
    Bench2.ok(b.call(Rmi2Command.REALM_CREATE, b.delegated(), page));
    b.check();
  }

  @Test
  void parametersAreReadFromTheNormalWorldOnly() {
    long rd = b.delegated();
    long page = params(0);
    Bench2.ok(b.call(Rmi2Command.GRANULE_RANGE_DELEGATE, page, page + Bench2.PAGE));
    assertThat(b.call(Rmi2Command.REALM_CREATE, rd, page)).isEqualTo(Status.ERROR_INPUT);
    assertThat(b.call(Rmi2Command.REALM_CREATE, rd, page + 8)).isEqualTo(Status.ERROR_INPUT);
  }

  // A host prepares a page that held something before: what it does not write is zero.
  @Test
  void preparingParametersClearsTheirPageAndNoOther() {
    for (long at = 0; at < 3 * Bench2.PAGE; at += Long.BYTES) {
      b.memory.writeLong(at, -1L);
    }
    byte[] rpv = new byte[RealmParams.RPV_BYTES];
    new RealmParams(0, 0, 0, 0, 0, 0, 0, rpv, 0, 0, 0, 0).write(b.memory, Bench2.PAGE);
    for (long at = 0; at < 3 * Bench2.PAGE; at += Long.BYTES) {
      boolean prepared = at >= Bench2.PAGE && at < 2 * Bench2.PAGE;
      assertThat(b.memory.readLong(at)).as("%x", at).isEqualTo(prepared ? 0 : -1L);
    }
    b.memory.writeLong(Bench2.PAGE + 0x40, -1L);
    new RealmParams2(0, 0, 0, 0, 0, 0, 0, 0, rpv, 0, 0, 0, 0, 0, new long[3])
        .write(b.memory, Bench2.PAGE);
    assertThat(b.memory.readLong(Bench2.PAGE + 0x40)).isZero();
    assertThat(b.memory.readLong(2 * Bench2.PAGE)).isEqualTo(-1L);
  }

  // RMM 2.0-bet2, REC_CREATE: a realm's count of RECs is at its most.
  @Test
  void aRealmHasAtMost1023Recs() {
    long rd = b.realm(0);
    int index = 0;
    for (; index < 1023; index++) {
      long _ = b.rec(rd, RecParams.mpidr(index));
    }
    long rec = b.delegated();
    assertThat(b.call(Rmi2Command.REC_CREATE, rd, rec, b.recParams(RecParams.mpidr(index))))
        .isEqualTo(Status.DONATE);
    long handle = b.pe.x1();
    long list = b.ns();
    b.memory.writeLong(list, Block.of(b.delegated(16, Bench2.PAGE), 3, 16, 0));
    assertThat(b.call(Rmi2Command.OP_MEM_DONATE, handle, list, 1)).isEqualTo(Status.INCOMPLETE);
    assertThat(b.call(Rmi2Command.OP_CONTINUE, handle, 0) & 0xff).isEqualTo(Status.RECLAIM & 0xff);
    assertThat(b.call(Rmi2Command.OP_MEM_RECLAIM, handle, list, 16)).isEqualTo(Status.INCOMPLETE);
    assertThat(b.call(Rmi2Command.OP_CONTINUE, handle, 0)).isEqualTo(Status.ERROR_REALM);
    assertThat(b.rmm.granules().state(b.rmm.granules().find(rec)))
        .isEqualTo(GranuleState.S_DELEGATED);
  }

  // What orders the locks of granules: those of one role are taken by ascending address.
  @Test
  void aGranulesLockIsOfTheKindOfItsRole() {
    GranuleTable granules = b.rmm.granules();
    long rd = b.realm(0);
    long data = b.delegated();
    assertThat(granules.kindOf(granules.find(b.ns()))).isEqualTo(GranuleState.NS);
    assertThat(granules.kindOf(granules.find(data))).isEqualTo(GranuleState.DELEGATED);
    assertThat(granules.kindOf(granules.find(rd))).isEqualTo(GranuleState.RD);
    assertThat(granules.placeName(granules.find(rd))).isEqualTo("granule 0x%x".formatted(rd));
  }
}
