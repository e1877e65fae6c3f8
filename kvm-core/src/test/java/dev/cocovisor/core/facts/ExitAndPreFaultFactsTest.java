package dev.cocovisor.core.facts;

import static dev.cocovisor.core.facts.Vmm.GUEST_MEMFD;
import static dev.cocovisor.core.facts.Vmm.M;
import static dev.cocovisor.core.facts.Vmm.P;
import static dev.cocovisor.core.facts.Vmm.fails;
import static dev.cocovisor.core.facts.Vmm.ok;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The rows of facts §3.4 (private_mem_kvm_exits_test) and §3.5 (pre_fault_memory_test). */
class ExitAndPreFaultFactsTest {
  private static final long GPA = 0x4000_0000;

  @Test
  void x1_aPrivateAccessWithoutSlotIsAMemoryFault() {
    Vmm vmm = Vmm.of(Vmm.SW_PROTECTED);
    long hva = vmm.anonymous(M);
    vmm.privateSlot(1, GPA, M, hva, vmm.gmem(M, 0), 0);
    vmm.makePrivate(GPA, M);
    assertThat(vmm.guestReads(GPA)).isZero();
    ok(vmm.region(1, GUEST_MEMFD, GPA, 0, hva, -1, 0));
    fails(vmm.tryRead(GPA), Errno.EFAULT);
    vmm.assertMemoryFault(GPA, P, true);
  }

  @Test
  void x2_aPrivateAccessToASlotWithoutGuestMemfdIsAMemoryFault() {
    Vmm vmm = Vmm.of(Vmm.SW_PROTECTED);
    vmm.slot(1, GPA, M, vmm.anonymous(M));
    vmm.makePrivate(GPA, M);
    fails(vmm.tryRead(GPA), Errno.EFAULT);
    vmm.assertMemoryFault(GPA, P, true);
  }

  @ParameterizedTest
  @ValueSource(strings = {"default", "shared", "private"})
  void p1_p2_p3_p4_p5_preFaultShrinksTheRangeExactlyWhenItSucceeds(String kind) {
    boolean isDefault = kind.equals("default");
    Vmm vmm = Vmm.of(isDefault ? Vmm.DEFAULT : Vmm.SW_PROTECTED);
    long size = M + P;
    long hva = vmm.anonymous(size);
    if (isDefault) {
      vmm.slot(1, GPA, size, hva);
    } else {
      vmm.privateSlot(1, GPA, size, hva, vmm.gmem(size, 0), 0);
    }
    if (kind.equals("private")) {
      vmm.makePrivate(GPA, size);
    }
    assertThat(preFaultAll(vmm, GPA, M)).containsExactly(GPA + M, 0);
    assertThat(vmm.lastResult).isZero();
    assertThat(preFaultAll(vmm, GPA + M, 2 * P)).containsExactly(GPA + M + P, P);
    fails(vmm.lastResult, Errno.ENOENT);
    assertThat(vmm.preFault(GPA + M + P, P)).containsExactly(GPA + M + P, P);
    fails(vmm.lastResult, Errno.ENOENT);
    for (long o = 0; o < size; o += P) {
      assertThat(vmm.guestReads(GPA + o)).isZero();
    }
  }

  @Test
  void p6_aSlotThatComesBackCanBePreFaultedAgain() {
    Vmm vmm = Vmm.of(Vmm.DEFAULT);
    long hva = vmm.anonymous(M);
    vmm.slot(1, GPA, M, hva);
    assertThat(preFaultAll(vmm, GPA, M)[1]).isZero();
    ok(vmm.region(1, 0, GPA, 0, hva));
    vmm.preFault(GPA, M);
    fails(vmm.lastResult, Errno.ENOENT);
    vmm.slot(1, GPA, M, hva);
    assertThat(preFaultAll(vmm, GPA, M)[1]).isZero();
    vmm.preFault(GPA, 0);
    fails(vmm.lastResult, Errno.EINVAL);
  }

  private static long[] preFaultAll(Vmm vmm, long gpa, long size) {
    long[] range = vmm.preFault(gpa, size);
    while (vmm.lastResult == 0 && range[1] > 0) {
      range = vmm.preFault(range[0], range[1]);
    }
    return range;
  }
}
