package dev.cocovisor.core.vm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/** Which neighbours the shadow MMU maps with a page. */
class ShadowPrefetchTest {
  private static final long BASE = 1L << 30;
  private static final long GFN = BASE >>> 12;
  private static final long HVA = 0x7f60_0000_0000L;

  private final Kvm kvm =
      new Kvm(HostConfig.DEFAULT.withSetting("core.tdp-mmu", "false"), List.of());
  private final KvmProcess p = new KvmProcess(kvm);
  private final int vm = (int) p.createVm((int) p.openDevKvm(), 0);
  private final int vcpu = (int) p.createVcpu(vm, 0);

  private void slot(long flags, long pages) {
    assertThat(p.mmap(HVA, 64 << 12, 3, 0x22, -1, 0)).isEqualTo(HVA);
    assertThat(p.setUserMemoryRegion2(vm, 1, flags, BASE, pages << 12, HVA, 0, -1)).isZero();
  }

  private void has(int... pages) {
    for (int page : pages) {
      assertThat(p.hostWrite(HVA + ((long) page << 12), 1)).isZero();
    }
  }

  private List<Integer> mappedBy(int page) {
    var _ = p.guestRun(vcpu, new GuestAction.Read(BASE + ((long) page << 12)));
    List<Integer> all = new ArrayList<>();
    for (int i = 0; i < 64; i++) {
      if (Objects.requireNonNull(p.vm(vm)).context().mappedPfn(GFN + i, false) >= 0) {
        all.add(i);
      }
    }
    return all;
  }

  @Test
  void theEightAroundAPageAreMappedAndNoMore() {
    slot(0, 64);
    has(7, 8, 9, 10, 11, 12, 13, 14, 15, 16);
    assertThat(mappedBy(11)).containsExactly(8, 9, 10, 11, 12, 13, 14, 15);
  }

  @Test
  void aRunEndsAtThePageThatCannotBeHadAtOnce() {
    slot(0, 64);
    has(8, 9, 11, 12, 14);
    // Behind the page itself another run begins: 12, and it ends before 13.
    assertThat(mappedBy(11)).containsExactly(8, 9, 11, 12);
  }

  @Test
  void aRunThatBeginsWithAMissingPageEndsItAll() {
    slot(0, 64);
    has(9, 11, 12);
    assertThat(mappedBy(11)).containsExactly(11);
  }

  @Test
  void whatIsThereAlreadyPartsRuns() {
    slot(0, 64);
    has(8, 10, 11, 12);
    assertThat(mappedBy(10)).containsExactly(8, 10, 11, 12);
    has(9, 13, 14, 15);
    assertThat(mappedBy(14)).as("9 and 13, 15 by now").contains(9, 13, 14, 15);
  }

  @Test
  void neitherALoggedNorAReadOnlySlotHasNeighbours() {
    slot(1, 64);
    has(8, 9, 10);
    assertThat(mappedBy(9)).containsExactly(9);
    assertThat(p.setUserMemoryRegion2(vm, 1, 0, BASE, 0, HVA, 0, -1)).isZero();
    assertThat(p.setUserMemoryRegion2(vm, 1, 2, BASE, 64 << 12, HVA, 0, -1)).isZero();
    assertThat(mappedBy(9)).containsExactly(9);
  }

  @Test
  void aRunThatLeavesTheSlotIsNotMapped() {
    slot(0, 12);
    has(8, 9, 10, 11);
    // From 10 on the run reaches behind the slot's end.
    assertThat(mappedBy(9)).containsExactly(8, 9);
  }

  // mmu.c, __direct_pte_prefetch: the first run that is not mapped ends it.
  @Test
  void aRunThatBeginsBeforeTheSlotEndsItAll() {
    assertThat(p.mmap(HVA, 64 << 12, 3, 0x22, -1, 0)).isEqualTo(HVA);
    long at = 4 << 12;
    assertThat(p.setUserMemoryRegion2(vm, 1, 0, BASE + at, 8 << 12, HVA + at, 0, -1)).isZero();
    has(4, 5, 6, 7);
    assertThat(mappedBy(6)).containsExactly(6);
  }
}
