package dev.cocovisor.pkvm.hyp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cocovisor.api.Errno;
import dev.cocovisor.pkvm.hyp.MemoryMap.Region;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The host's stage 2: what a fault maps, and what happens when the pool of tables is empty. */
// nvhe/mem_protect.c (7.3): host_stage2_adjust_range, host_stage2_idmap, host_stage2_unmap_dev_all.
class HostStage2Test {
  private static final long GIB = 1L << 18;

  /** A page of memory at each GiB, which no block can span. */
  private static HostStage2 sparse(int pages) {
    List<Region> all = new ArrayList<>();
    for (long i = 0; i < pages; i++) {
      all.add(new Region(i * GIB, i * GIB + 1, false));
    }
    return new HostStage2(new MemoryMap(all, 1L << 36));
  }

  @Test
  void aFaultMapsTheLargestBlockInOneKindOfMemory() {
    HostStage2 s =
        new HostStage2(
            new MemoryMap(
                List.of(
                    new Region(0, 3 * GIB + 512 + 7, false), new Region(5 * GIB, 6 * GIB, false)),
                1L << 36));
    long[][] rows = {
      // Frame that faults, first frame and level of what is mapped.
      {GIB + 77, GIB, 1},
      {3 * GIB + 511, 3 * GIB, 2},
      {3 * GIB + 512, 3 * GIB + 512, 3},
      {3 * GIB + 518, 3 * GIB + 518, 3},
      {3 * GIB + 519, 3 * GIB + 519, 3},
      {3 * GIB + 1024, 3 * GIB + 1024, 2},
      {4 * GIB + 3, 4 * GIB, 1},
      {6 * GIB - 1, 5 * GIB, 1},
    };
    for (long[] row : rows) {
      assertThat(s.fault(row[0])).isEqualTo(Errno.OK);
      assertThat(s.level(row[0])).as("0x%x", row[0]).isEqualTo((int) row[2]);
      long pte = s.entry(row[0]);
      assertThat(Pte.pfn(pte)).as("one to one").isEqualTo(row[1]);
      boolean memory = row[0] < 3 * GIB + 519 || row[0] >= 5 * GIB;
      assertThat((pte & Pte.DEVICE) == 0).as("0x%x", row[0]).isEqualTo(memory);
      assertThat(Pte.prot(pte)).isEqualTo(memory ? Pte.RWX : Pte.R | Pte.W);
      assertThat(s.fault(row[0])).as("mapped already").isEqualTo(Errno.EEXIST);
    }
    s.annotate(10, 1, Pte.ownedByHyp());
    assertThat(s.fault(10)).isEqualTo(Errno.EPERM);
    assertThat(s.fault(11)).isEqualTo(Errno.OK);
    assertThat(s.level(11)).as("its neighbour is annotated").isEqualTo(3);
    assertThat(s.fault(512 + 11)).isEqualTo(Errno.OK);
    assertThat(s.level(512 + 11)).as("the 2 MiB beside it").isEqualTo(2);
  }

  @Test
  void thePoolHoldsEveryPageOfMemoryAndAGibibyteOfDevices() {
    // Memory that no table is aligned to.
    HostStage2 s = new HostStage2(new MemoryMap(List.of(new Region(509, 2051, false)), 1L << 36));
    s.annotate(509, 2051 - 509, Pte.ownedByHyp());
    assertThat(s.freeTables()).isBetween(GIB / 512, GIB / 512 + 16);
    s.mapPages(509, 2051 - 509);
    assertThat(s.fault(600)).isEqualTo(Errno.EEXIST);
  }

  @Test
  void devicesLoseTheirMappingsWhenAPageOfMemoryFindsNoTable() {
    HostStage2 s = sparse(520);
    final long all = s.freeTables();
    int devices = 0;
    while (s.freeTables() > 2) {
      assertThat(s.fault(devices++ * GIB + 512)).isEqualTo(Errno.OK);
    }
    assertThat(devices).as("more than one sweep takes at a time").isGreaterThan(128);
    s.annotate(0, 1, Pte.ownedByHyp());
    s.annotate(GIB, 1, Pte.ownedByHyp());
    assertThat(s.freeTables()).isZero();
    assertThat(s.fault(2 * GIB)).isEqualTo(Errno.OK);
    assertThat(Pte.valid(s.entry(2 * GIB))).isTrue();
    assertThat(Pte.owner(s.entry(0))).as("an annotation stays").isEqualTo(Owner.HYP);
    for (long i = 0; i < devices; i++) {
      assertThat(s.entry(i * GIB + 512)).as("device at GiB %s", i).isZero();
    }
    // A table for 512 GiB, and two for each of the pages.
    assertThat(s.freeTables()).isEqualTo(all - 7);
    while (s.freeTables() > 0) {
      assertThat(s.fault(devices-- * GIB - 512)).isEqualTo(Errno.OK);
    }
    s.annotate(3 * GIB, 1, Pte.ownedByHyp());
    assertThat(Pte.owner(s.entry(3 * GIB))).isEqualTo(Owner.HYP);
    assertThat(s.freeTables()).isEqualTo(all - 9);
  }

  @Test
  void memoryThatEatsThePoolIsTheEndOfEl2() {
    HostStage2 s = sparse(520);
    int i = 0;
    while (s.freeTables() > 1) {
      s.annotate(i++ * GIB, 1, Pte.ownedByHyp());
    }
    long next = i * GIB;
    assertThat(s.fault(next)).isEqualTo(Errno.ENOMEM);
    assertThatThrownBy(() -> s.annotate(next, 1, Pte.ownedByHyp()))
        .isInstanceOf(HypPanic.class)
        .hasMessageContaining("exhausted");
  }
}
