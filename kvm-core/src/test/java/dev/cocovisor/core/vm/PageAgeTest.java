package dev.cocovisor.core.vm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * What KVM tells the host's page ageing. Source: {@code virt/kvm/kvm_main.c} (7.3),
 * kvm_age_hva_range; {@code arch/x86/kvm/mmu/tdp_mmu.c}, __kvm_tdp_mmu_age_gfn_range; {@code
 * spte.c}, make_spte.
 */
class PageAgeTest {
  private static final long HVA = 0x7f60_0000_0000L;
  private static final long BASE = 1L << 30;
  private static final long PAGE = 4096;
  private static final long BLOCK = 2 << 20;

  private final Kvm kvm = new Kvm(HostConfig.DEFAULT, List.of());
  private final KvmProcess p = new KvmProcess(kvm);
  private final int vm = (int) p.createVm((int) p.openDevKvm(), 0);
  private final int vcpu = (int) p.createVcpu(vm, 0);
  private final int other = (int) p.createVcpu(vm, 1);

  PageAgeTest() {
    assertThat(p.mmap(HVA, 2 * BLOCK, 3, 0x22, -1, 0)).isEqualTo(HVA);
    assertThat(p.madvise(HVA, 2 * BLOCK, 15)).isZero();
    assertThat(p.setUserMemoryRegion(vm, 1, 0, BASE, 2 * BLOCK, HVA)).isZero();
  }

  private void read(int cpu, long at) {
    assertThat(p.guestRun(cpu, new GuestAction.Read(BASE + at)).errno()).isEqualTo(Errno.OK);
  }

  private long young(long at, long len) {
    return p.young(HVA + at, len, false);
  }

  private long age(long at, long len) {
    return p.young(HVA + at, len, true);
  }

  @Test
  void whatAGuestUsedIsYoungUntilItIsMadeOld() {
    assertThat(young(0, BLOCK)).isZero();
    read(vcpu, PAGE);
    assertThat(young(0, PAGE)).isZero();
    assertThat(young(PAGE, 1)).isOne();
    assertThat(age(0, BLOCK)).isOne();
    assertThat(young(0, BLOCK)).isZero();
    assertThat(age(0, BLOCK)).isZero();
  }

  @Test
  void theProcessItselfMakesNothingYoungForKvm() {
    read(vcpu, 0);
    assertThat(age(0, PAGE)).isOne();
    assertThat(p.hostWrite(HVA, 1)).isZero();
    assertThat(young(0, PAGE)).isZero();
  }

  @Test
  void anAccessThroughACachedTranslationIsNotSeenForNothingWasFlushed() {
    read(vcpu, 0);
    assertThat(age(0, PAGE)).isOne();
    read(vcpu, 0);
    assertThat(young(0, PAGE)).isZero();
    read(other, 0);
    assertThat(young(0, PAGE)).as("a vCPU that has to walk").isOne();
  }

  @Test
  void whatWasMappedAheadIsOldUntilItIsUsed() {
    assertThat(p.hostWrite(HVA + PAGE, 1)).isZero();
    assertThat(p.preFaultMemory(vcpu, 0, new long[] {BASE, 4 * PAGE})).isZero();
    assertThat(young(0, BLOCK)).isZero();
    read(vcpu, 2 * PAGE);
    assertThat(young(2 * PAGE, PAGE)).isOne();
    assertThat(young(PAGE, PAGE)).isZero();
  }

  @Test
  void mappingsAndCountersStay() {
    read(vcpu, 0);
    var before = p.stats(vm);
    assertThat(age(0, 2 * BLOCK)).isOne();
    assertThat(p.stats(vm)).isEqualTo(before);
  }

  @Test
  void aDeletedSlotIsAskedForNothing() {
    read(vcpu, 0);
    assertThat(p.setUserMemoryRegion(vm, 1, 0, BASE, 0, HVA)).isZero();
    assertThat(young(0, 2 * BLOCK)).isZero();
  }

  @Test
  void addressesThatNoProcessHasAreRefused() {
    assertThat(p.young(-1, PAGE, false)).isEqualTo(-Errno.EINVAL.number());
    assertThat(p.young(HVA, Long.MIN_VALUE, true)).isEqualTo(-Errno.EINVAL.number());
  }

  @Test
  void aHugePageIsYoungAsAWholeAndItsPiecesAreAsOld() {
    assertThat(p.munmap(HVA, 2 * BLOCK)).isZero();
    assertThat(p.mmap(HVA, 2 * BLOCK, 3, 0x22, -1, 0)).isEqualTo(HVA);
    read(vcpu, 0);
    assertThat(young(BLOCK - PAGE, PAGE)).isOne();
    assertThat(age(0, PAGE)).isOne();
    assertThat(young(0, BLOCK)).isZero();
    // Dirty logging with everything clear splits it: the small leaves are as old as it was.
    assertThat(p.setUserMemoryRegion(vm, 1, 1, BASE, 2 * BLOCK, HVA)).isZero();
    assertThat(young(0, BLOCK)).isZero();
    read(other, PAGE);
    assertThat(young(0, PAGE)).isZero();
    assertThat(young(PAGE, PAGE)).isOne();
  }
}
