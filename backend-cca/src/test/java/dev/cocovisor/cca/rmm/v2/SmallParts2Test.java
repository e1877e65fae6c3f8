package dev.cocovisor.cca.rmm.v2;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.page.RecParams;
import dev.cocovisor.cca.rmm.page.RecRun;
import dev.cocovisor.cca.rmm.realm.PlanePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The small parts that commands of RMI 2.0 stand on, each at its bounds. */
class SmallParts2Test {
  // TF-RMM runtime/include/rec.h, mpidr_to_rec_idx: Aff0 has 4 bits, Aff1 to Aff3 have 8.
  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "0xf, 15",
    "0x100, 16",
    "0xff0f, 4095",
    "0x10000, 4096",
    "0xffff0f, 0xfffff",
    "0x1000000, 0x100000",
    "0xffffff0f, 0xfffffff"
  })
  void anMpidrNamesARec(long mpidr, long index) {
    assertThat(RecParams.mpidrToIndex(mpidr)).isEqualTo(index);
    assertThat(RecParams.mpidrToIndex(mpidr | 0xff_0000_00f0L)).as("other bits").isEqualTo(index);
    assertThat(RecParams.isValidMpidr(mpidr)).isTrue();
    assertThat(RecParams.isValidMpidr(mpidr | 0x10)).isFalse();
  }

  // DEN0137 2.0, "Memory permissions": an index in use keeps its value, and there are 16 values.
  @Test
  void aPermissionIndexIsChosenUntilItIsInUse() {
    var permissions = new PlanePermissions(1);
    assertThat(permissions.set(1, 0, 0)).as("what memory has").isFalse();
    assertThat(permissions.value(0, 0)).isEqualTo(15);
    assertThat(permissions.value(1, 0)).isZero();
    assertThat(permissions.set(1, 3, 16)).isFalse();
    assertThat(permissions.set(1, 3, -1)).isFalse();
    assertThat(permissions.set(1, 3, 15)).isTrue();
    assertThat(permissions.value(1, 3)).isEqualTo(15);
    assertThat(permissions.value(0, 3)).as("of another plane").isEqualTo(15);
    assertThat(permissions.value(1, 4)).as("another index").isZero();
    assertThat(permissions.set(1, 3, 0)).isTrue();
    permissions.lock(3);
    assertThat(permissions.set(1, 3, 1)).isFalse();
    assertThat(permissions.value(1, 3)).isZero();
  }

  // DEN0137, RmiRecExit: the fields of the second half of the run page.
  @Test
  void aHostReadsWhyARecCameOut() {
    Bench2 b = new Bench2();
    long page = b.ns();
    long exit = page + 0x800;
    b.memory.writeLong(exit, 4);
    b.memory.writeLong(exit + 0x110, 0x123400);
    b.memory.writeLong(exit + 0x200 + 8, 77);
    assertThat(RecRun.reason(b.memory, page)).isEqualTo(4);
    assertThat(RecRun.hpfar(b.memory, page)).isEqualTo(0x123400);
    assertThat(RecRun.gpr(b.memory, page, 1)).isEqualTo(77);
  }

  // RMM 2.0-bet2: a table that an auxiliary tree refers to stays, and x2 says where it begins.
  @Test
  void aTableThatAnotherTreeRefersToIsNotDestroyed() {
    Bench2 b = new Bench2();
    long rd = b.realm(1);
    b.tables(rd, Bench2.SHARED, 2);
    Bench2.ok(b.call(Rmi2Command.RTT_AUX_MAP_UNPROTECTED, rd, Bench2.SHARED, 1));
    assertThat(b.call(Rmi2Command.RTT_DESTROY, rd, Bench2.SHARED, 2)).isEqualTo(Status.rtt(1));
    assertThat(b.pe.x2()).isEqualTo(Bench2.SHARED);
    b.check();
  }
}
