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
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The rows of facts §3.2 (set_memory_region_test). */
class MemoryRegionFactsTest {
  private static final long GPA = 0x1000_0000;
  private static final int QUIRKS2 = Capability.KVM_CAP_DISABLE_QUIRKS2.number();

  /** KVM_X86_QUIRK_SLOT_ZAP_ALL. */
  private static final long SLOT_ZAP_ALL = 1 << 7;

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
  @SuppressWarnings("ArgumentSelectionDefectChecker") // flags are named as they should be
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
  void r1_aGuestWithoutAnyMemslotFailsInternally() {
    int bare = Vmm.fd(process.createVm(vmm.dev, Vmm.DEFAULT));
    int vcpu = Vmm.fd(process.createVcpu(bare, 0));
    ok(process.setNrMmuPages(bare, 64));
    fails(process.setNrMmuPages(bare, 63), Errno.EINVAL);
    ok(process.guestRead(vcpu, 0x1000, GPA));
    KvmRun run = Objects.requireNonNull(process.run(vcpu));
    assertThat(run.exitReason()).isEqualTo(KvmRun.EXIT_INTERNAL_ERROR);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void r16_r17_r18_r19_r20_slotsMoveAndGoAlikeWithTheQuirkAndWithoutIt(boolean quirk) {
    Vmm vm = Vmm.of(Vmm.DEFAULT);
    if (!quirk) {
      ok(vm.process.enableCap(vm.vm, QUIRKS2, 0, SLOT_ZAP_ALL));
    }
    long hva = vm.anonymous(M);
    vm.slot(1, GPA, M, hva);
    ok(vm.process.hostWrite(hva, 1));
    assertThat(vm.guestReads(GPA)).isEqualTo(1);
    // r16: moved down by a page, the guest sees the moved slot's second page or the restored one.
    vm.slot(1, GPA - P, M, hva);
    ok(vm.process.hostWrite(hva, 2));
    assertThat(vm.guestReads(GPA)).as("page 1 of the moved slot").isZero();
    assertThat(vm.guestReads(GPA - P)).isEqualTo(2);
    ok(vm.process.hostWrite(hva, 1));
    vm.slot(1, GPA, M, hva);
    assertThat(vm.guestReads(GPA)).isEqualTo(1);
    ok(vm.tryRead(GPA - P));
    vm.assertMmio(GPA - P, false);
    // r17, r18: deleted, it is MMIO; made again over fresh memory, it reads zero.
    ok(vm.region(1, 0, GPA, 0, hva));
    ok(vm.tryRead(GPA));
    vm.assertMmio(GPA, false);
    vm.slot(1, GPA, M, vm.anonymous(M));
    assertThat(vm.guestReads(GPA)).isZero();
    // r19: deleted again, then the slot of the guest's code.
    ok(vm.region(1, 0, GPA, 0, hva));
    ok(vm.region(0, 0, 0, 0, 0));
    ok(vm.tryRead(GPA));
    assertThat(vm.run().exitReason()).isIn(KvmRun.EXIT_SHUTDOWN, KvmRun.EXIT_INTERNAL_ERROR);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void r20_withoutTheQuirkOnlyTheSlotsOwnLeafsAreZapped(boolean quirk) {
    Vmm vm = Vmm.of(Vmm.DEFAULT);
    if (!quirk) {
      ok(vm.process.enableCap(vm.vm, QUIRKS2, 0, SLOT_ZAP_ALL));
    }
    long hva = vm.anonymous(2 * M);
    vm.slot(1, GPA, M, hva);
    vm.slot(2, GPA + M, M, hva + M);
    vm.guestWrites(GPA, 1);
    vm.guestWrites(GPA + M, 1);
    assertThat(vm.process.stats(vm.vm).pages4k()).as("with the code page").isEqualTo(3);
    ok(vm.region(1, 0, GPA, 0, hva));
    assertThat(vm.process.stats(vm.vm).pages4k()).isEqualTo(quirk ? 0 : 2);
    vm.slot(2, GPA + 2 * M, M, hva + M);
    assertThat(vm.process.stats(vm.vm).pages4k()).isEqualTo(quirk ? 0 : 1);
  }

  @Test
  void r20_aQuirkIsDisabledForGoodAndUnknownOnesAreRefused() {
    long known = process.checkExtension(vmm.dev, QUIRKS2);
    assertThat(known & SLOT_ZAP_ALL).isEqualTo(SLOT_ZAP_ALL);
    fails(process.enableCap(vmm.vm, QUIRKS2, 0, known + 1), Errno.EINVAL);
    fails(process.enableCap(vmm.vm, QUIRKS2, 1, SLOT_ZAP_ALL), Errno.EINVAL);
    ok(process.enableCap(vmm.vm, QUIRKS2, 0, SLOT_ZAP_ALL));
    ok(process.enableCap(vmm.vm, Capability.KVM_CAP_DISABLE_QUIRKS.number(), 0, -1));
  }
}
