package dev.cocovisor.core.facts;

import static dev.cocovisor.core.facts.Vmm.M;
import static dev.cocovisor.core.facts.Vmm.P;
import static dev.cocovisor.core.facts.Vmm.fails;
import static dev.cocovisor.core.facts.Vmm.ok;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.core.HostConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The statements of facts §3.6 (map_memory_test), numbered in their order: maps the slot, stops at
 * its end, is retried, runs on every kind of VM.
 */
class MapMemoryFactsTest {
  private static final long GPA = 0x4000_0000;

  private static Vmm vmm(String kind) {
    boolean isDefault = kind.equals("default");
    Vmm vmm = Vmm.of(isDefault ? Vmm.DEFAULT : Vmm.SW_PROTECTED);
    long hva = vmm.anonymous(M + P);
    if (isDefault) {
      vmm.slot(1, GPA, M + P, hva);
    } else {
      vmm.privateSlot(1, GPA, M + P, hva, vmm.gmem(M + P, 0), 0);
    }
    if (kind.equals("private")) {
      vmm.makePrivate(GPA, M + P);
    }
    return vmm;
  }

  @ParameterizedTest
  @ValueSource(strings = {"default", "shared", "private"})
  void s36_1_s36_2_s36_4_mapsTheSlotAndFaultsBehindItsEnd(String kind) {
    Vmm vmm = vmm(kind);
    long[] range = {GPA, M};
    ok(vmm.process.mapMemory(vmm.vcpu, 0, range));
    assertThat(range).containsExactly(GPA + M, 0);
    range = new long[] {GPA + M, P};
    ok(vmm.process.mapMemory(vmm.vcpu, 0, range));
    assertThat(range).containsExactly(GPA + M + P, 0);
    range = new long[] {GPA + M + P, P};
    fails(vmm.process.mapMemory(vmm.vcpu, 0, range), Errno.EFAULT);
    assertThat(range).containsExactly(GPA + M + P, P);
    for (long o = 0; o < M + P; o += P) {
      assertThat(vmm.guestReads(GPA + o)).isZero();
    }
  }

  @Test
  void s36_3_aCallThatStopsHalfwayIsTakenUpWhereItStopped() {
    Vmm vmm = vmm("default");
    long[] range = {GPA, M + 2 * P};
    ok(vmm.process.mapMemory(vmm.vcpu, 0, range));
    assertThat(range).containsExactly(GPA + M + P, P);
    fails(vmm.process.mapMemory(vmm.vcpu, 0, range), Errno.EFAULT);
  }

  @Test
  void s36_4_withoutTheTdpMmuItIsNotSupported() {
    Vmm vmm = Vmm.on(HostConfig.DEFAULT.withTdpMmu(false), Vmm.DEFAULT);
    vmm.slot(1, GPA, M, vmm.anonymous(M));
    fails(vmm.process.mapMemory(vmm.vcpu, 0, new long[] {GPA, P}), Errno.EOPNOTSUPP);
  }
}
