package dev.cocovisor.core.facts;

import static dev.cocovisor.core.facts.Vmm.GUEST_MEMFD;
import static dev.cocovisor.core.facts.Vmm.LOG_DIRTY;
import static dev.cocovisor.core.facts.Vmm.M;
import static dev.cocovisor.core.facts.Vmm.P;
import static dev.cocovisor.core.facts.Vmm.READONLY;
import static dev.cocovisor.core.facts.Vmm.fails;
import static dev.cocovisor.core.facts.Vmm.ok;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Capability;
import dev.cocovisor.api.Errno;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.core.host.KvmRun;
import org.junit.jupiter.api.Test;

/** The rows of facts §3.2 (set_memory_region_test). */
class MemoryRegionFactsTest {
  private static final long GPA = 0x1000_0000;

  private final Vmm vmm = Vmm.of(Vmm.SW_PROTECTED);
  private final KvmProcess process = vmm.process;

  @Test
  void r2_theOldIoctlTakesOnlyItsOwnFlags() {
    long hva = vmm.anonymous(M);
    for (int bit = 0; bit < 32; bit++) {
      long flag = 1L << bit;
      if (flag == LOG_DIRTY || flag == READONLY) {
        continue;
      }
      fails(process.setUserMemoryRegion(vmm.vm, 1, flag, GPA, M, hva), Errno.EINVAL);
    }
  }

  @Test
  void r3_theNewIoctlTakesOnlyKnownFlags() {
    long hva = vmm.anonymous(M);
    for (int bit = 3; bit < 32; bit++) {
      fails(process.setUserMemoryRegion2(vmm.vm, 1, 1L << bit, GPA, M, hva, 0, -1), Errno.EINVAL);
    }
  }

  @Test
  void r4_r5_aGuestMemfdSlotIsNeitherDirtyLoggedNorReadOnly() {
    long hva = vmm.anonymous(M);
    int f = vmm.gmem(M, 0);
    fails(vmm.region(1, LOG_DIRTY | GUEST_MEMFD, GPA, M, hva, f, 0), Errno.EINVAL);
    fails(vmm.region(1, READONLY | GUEST_MEMFD, GPA, M, hva, f, 0), Errno.EINVAL);
  }

  @Test
  void r6_r7_thereAreExactlyAsManySlotsAsAdvertised() {
    long slots = process.checkExtension(vmm.dev, Capability.KVM_CAP_NR_MEMSLOTS.number());
    assertThat(slots).isEqualTo(32764);
    long hva = vmm.anonymous(P);
    for (int slot = 1; slot < slots; slot++) {
      ok(vmm.region(slot, 0, GPA + slot * P, P, hva));
    }
    fails(vmm.region((int) slots, 0, GPA + slots * P, P, hva), Errno.EINVAL);
  }

  @Test
  void r8_r9_r10_onlyAGuestMemfdCanBeBound() {
    long hva = vmm.anonymous(M);
    fails(vmm.region(1, GUEST_MEMFD, GPA, M, hva, vmm.dev, 0), Errno.EINVAL);
    fails(vmm.region(1, GUEST_MEMFD, GPA, M, hva, vmm.vm, 0), Errno.EINVAL);
    int plain = Vmm.fd(process.memfdCreate(M));
    fails(vmm.region(1, GUEST_MEMFD, GPA, M, hva, plain, 0), Errno.EINVAL);
  }

  @Test
  void r11_anotherVmsGuestMemfdCannotBeBound() {
    int other = Vmm.fd(process.createVm(vmm.dev, Vmm.SW_PROTECTED));
    int f = Vmm.fd(process.createGuestMemfd(other, M, 0));
    long hva = vmm.anonymous(M);
    fails(vmm.region(1, GUEST_MEMFD, GPA, M, hva, f, 0), Errno.EINVAL);
    ok(process.setUserMemoryRegion2(other, 1, GUEST_MEMFD, GPA, M, hva, 0, f));
  }

  @Test
  void r12_r13_theOffsetIsAWholePage() {
    long hva = vmm.anonymous(M);
    int f = vmm.gmem(M, 0);
    for (long offset = 1; offset < P; offset++) {
      fails(vmm.region(1, GUEST_MEMFD, GPA, M, hva, f, offset), Errno.EINVAL);
    }
    ok(vmm.region(1, GUEST_MEMFD, GPA, M, hva, f, 0));
  }

  @Test
  void r14_r15_aSlotOverlappingAnotherExists() {
    long hva = vmm.anonymous(4 * M);
    int f = vmm.gmem(2 * M, 0);
    vmm.privateSlot(1, GPA, 2 * M, hva, f, 0);
    vmm.slot(2, GPA + 2 * M, 2 * M, hva + 2 * M);
    ok(vmm.region(1, GUEST_MEMFD, GPA, 0, hva, -1, 0));
    fails(vmm.region(1, GUEST_MEMFD, GPA + M, 2 * M, hva, f, 0), Errno.EEXIST);
    fails(vmm.region(1, GUEST_MEMFD, GPA + 3 * M, 2 * M, hva, f, 0), Errno.EEXIST);
  }

  @Test
  void r16_aMovedSlotIsSeenWholeAtItsOldOrNewPlace() {
    long hva = vmm.anonymous(M);
    vmm.slot(1, GPA, M, hva);
    ok(process.hostWrite(hva, 1));
    assertThat(vmm.guestReads(GPA)).isEqualTo(1);
    vmm.slot(1, GPA - P, M, hva);
    ok(process.hostWrite(hva, 2));
    assertThat(vmm.guestReads(GPA)).as("page 1 of the moved slot").isZero();
    assertThat(vmm.guestReads(GPA - P)).isEqualTo(2);
    vmm.slot(1, GPA, M, hva);
    ok(process.hostWrite(hva, 1));
    assertThat(vmm.guestReads(GPA)).isEqualTo(1);
    ok(vmm.tryRead(GPA - P));
    vmm.assertMmio(GPA - P, false);
  }

  @Test
  void r17_r18_aDeletedSlotIsMmioAndComesBackZero() {
    long hva = vmm.anonymous(M);
    vmm.slot(1, GPA, M, hva);
    assertThat(vmm.guestReads(GPA)).isZero();
    ok(vmm.region(1, 0, GPA, 0, hva));
    ok(vmm.tryRead(GPA));
    vmm.assertMmio(GPA, false);
    vmm.slot(1, GPA, M, hva);
    assertThat(vmm.guestReads(GPA)).isZero();
  }

  @Test
  void r1_r19_aGuestWithoutItsCodeSlotShutsDownOrFailsInternally() {
    ok(vmm.region(0, 0, 0, 0, 0));
    ok(vmm.tryRead(GPA));
    assertThat(vmm.run().exitReason()).isIn(KvmRun.EXIT_SHUTDOWN, KvmRun.EXIT_INTERNAL_ERROR);
  }

  @Test
  void deletingAnAbsentSlotIsInvalid() {
    fails(vmm.region(7, 0, GPA, 0, 0), Errno.EINVAL);
  }
}
