package dev.cocovisor.tck.rules;

import static dev.cocovisor.tck.bench.Claims.claim;
import static dev.cocovisor.tck.bench.Claims.same;
import static dev.cocovisor.tck.bench.Claims.succeeds;
import static dev.cocovisor.tck.subject.Behaviour.CONVERT;
import static dev.cocovisor.tck.subject.Behaviour.HUGE_PRIVATE;
import static dev.cocovisor.tck.subject.Behaviour.KEEPS_CONTENTS_ON_CONVERSION;
import static dev.cocovisor.tck.subject.Behaviour.PRE_FAULT;
import static dev.cocovisor.tck.subject.Behaviour.PUNCH;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.ops.StageShape;
import dev.cocovisor.tck.bench.Bench;
import dev.cocovisor.tck.bench.Claims;
import dev.cocovisor.tck.bench.Kit;
import dev.cocovisor.tck.bench.TestedGuest;
import dev.cocovisor.tck.subject.Behaviour;
import dev.cocovisor.tck.subject.JudgedBackend;
import org.jspecify.annotations.Nullable;

/** H: huge private pages and their splits. */
public interface HugeRules extends Kit {
  /** Huge leaves exist where claimed. */
  @Rule(id = "H01", source = "mmu.c, kvm_mmu_max_mapping_level; the TDX huge page series")
  default void required_H01_alignedPrivateMemoryIsMappedHuge() {
    onHugeBench(bench -> {
      TestedGuest guest = mapHuge(subject(), bench);
      @Nullable PageLevel level = guest.context().mappedLevel(guest.gfn(0), true);
      same(
          subject().has(HUGE_PRIVATE) ? PageLevel.PG_2M : PageLevel.PG_4K,
          level,
          "level of an aligned 2 MiB of private memory");
      small();
    });
  }

  /** Notes that what was shown was shown of small pages, where there are no others. */
  private void small() {
    if (!subject().has(HUGE_PRIVATE)) {
      absent(HUGE_PRIVATE, "every private leaf is 4 KiB");
    }
  }

  /** Maps the first 2 MiB as large as the technology does. */
  public static TestedGuest mapHuge(JudgedBackend subject, Bench bench) {
    TestedGuest guest = bench.launch(MEMORY);
    if (subject.has(PRE_FAULT) && !subject.has(Behaviour.PRE_FAULT_MAPS_SMALL)) {
      succeeds(guest.preFault(0, Bench.HUGE), "KVM_PRE_FAULT_MEMORY");
    }
    guest.accept(0, Bench.HUGE, subject.has(HUGE_PRIVATE) ? PageLevel.PG_2M : PageLevel.PG_4K);
    guest.write(0, 0x50, false);
    guest.write(Bench.HUGE / 2, 0x51, false);
    guest.write(Bench.HUGE - Bench.PAGE, 0x52, false);
    bench.check();
    return guest;
  }

  /** Claims that first and last page of {@link #mapHuge} are as they were. */
  public static void rest(TestedGuest guest) {
    same(0x50, guest.read(0, false), "the first page");
    same(0x52, guest.read(Bench.HUGE - Bench.PAGE, false), "the last page");
  }

  /** A conversion splits. */
  @Rule(
      id = "H02",
      source = "mmu.c, hugepage_has_attrs; the TDX huge page series, split_external_spt")
  default void required_H02_convertingOnePageOfAHugeLeafKeepsTheOthers() {
    onHugeBench(bench -> {
      small();
      TestedGuest guest = mapHuge(subject(), bench);
      if (!subject().has(CONVERT)) {
        notOffered(
            CONVERT, guest.convert(0, Bench.PAGE, false), "a conversion where there is none");
        return;
      }
      long frame = guest.context().mappedPfn(guest.gfn(Bench.HUGE / 2), true);
      succeeds(guest.convert(Bench.HUGE / 2, Bench.PAGE, false), "to shared");
      bench.check();
      rest(guest);
      same(
          subject().has(KEEPS_CONTENTS_ON_CONVERSION) ? frame : -1L,
          guest.context().mappedPfn(guest.gfn(Bench.HUGE / 2), true),
          "the private frame of the converted page");
      PageLevel level = guest.context().mappedLevel(guest.gfn(0), true);
      claim(level == null || level == PageLevel.PG_4K, "a huge leaf over mixed attributes");
    });
  }

  /** A hole splits. */
  @Rule(
      id = "H03",
      source =
          "guest_memfd.c, kvm_gmem_punch_hole; the TDX huge page series,"
              + " kvm_split_cross_boundary_leafs")
  default void required_H03_punchingOnePageOfAHugeLeafKeepsTheOthers() {
    onHugeBench(bench -> {
      small();
      TestedGuest guest = mapHuge(subject(), bench);
      if (!subject().has(PUNCH)) {
        notOffered(PUNCH, guest.punch(0, Bench.PAGE), "a hole where there is none");
        return;
      }
      succeeds(guest.punch(Bench.HUGE / 2, Bench.PAGE), "the hole");
      bench.check();
      rest(guest);
      guest.takeBack(Bench.HUGE / 2, Bench.PAGE);
      same(0, guest.read(Bench.HUGE / 2, false), "memory behind the hole");
    });
  }

  /** A split keeps the frames. */
  @Rule(
      id = "H04",
      source =
          "TDX module 1.5.01, tdh_mem_page_demote.c; api, ExternalTableOps.splitExternalSpt: maps"
              + " the same frames")
  default void required_H04_aSplitKeepsFramesAndContents() {
    onHugeBench(bench -> {
      small();
      TestedGuest guest = mapHuge(subject(), bench);
      long first = guest.context().mappedPfn(guest.gfn(0), true);
      long middle = guest.context().mappedPfn(guest.gfn(Bench.HUGE / 2), true);
      guest.context().mmuLock().lock();
      try {
        Claims.same(
            dev.cocovisor.api.Errno.OK,
            guest.context().splitTo(guest.gfn(Bench.HUGE / 2), PageLevel.PG_4K),
            "the split");
      } finally {
        guest.context().mmuLock().unlock();
      }
      bench.check();
      same(first, guest.context().mappedPfn(guest.gfn(0), true), "the first frame");
      same(middle, guest.context().mappedPfn(guest.gfn(Bench.HUGE / 2), true), "the split frame");
      rest(guest);
      same(0x51, guest.read(Bench.HUGE / 2, false), "the split page");
    });
  }

  /** A whole conversion needs no split. */
  @Rule(id = "H05", source = "tdp_mmu.c, tdp_mmu_zap_leafs: a leaf within the range goes whole")
  default void required_H05_convertingAWholeHugeLeafNeedsNoSplit() {
    onHugeBench(bench -> {
      small();
      TestedGuest guest = mapHuge(subject(), bench);
      if (!subject().has(CONVERT)) {
        notOffered(
            CONVERT, guest.convert(0, Bench.PAGE, false), "a conversion where there is none");
        return;
      }
      bench.witness().forget();
      succeeds(guest.convert(0, Bench.HUGE, false), "to shared");
      if (guest.ops().traits().shape() == StageShape.MIRRORED) {
        same(0, bench.witness().calls("split_external_spt").size(), "splits");
      }
      same(
          subject().has(KEEPS_CONTENTS_ON_CONVERSION) ? Bench.HUGE / Bench.PAGE : 0L,
          (long) guest.mapped(0, Bench.HUGE).size(),
          "private mappings left");
    });
  }

  /** Split memory goes away whole. */
  @Rule(id = "H06", source = "tdp_mmu.c, handle_removed_pt: free_external_spt for each table")
  default void required_H06_memoryThatWasSplitIsGivenBackWhole() {
    onHugeBench(bench -> {
      bench.create().close();
      long before = bench.frames();
      TestedGuest guest = mapHuge(subject(), bench);
      guest.context().mmuLock().lock();
      try {
        Claims.same(
            dev.cocovisor.api.Errno.OK,
            guest.context().splitTo(guest.gfn(0), PageLevel.PG_4K),
            "the split");
      } finally {
        guest.context().mmuLock().unlock();
      }
      guest.close();
      bench.check();
      same(before, bench.frames(), "frames in use after the VM is gone");
    });
  }
}
