package com.example.cove.tsm;

import dev.cocovisor.api.PageLevel;

/**
 * Mappings on their way out or changing size: invalidate, fence, then remove, promote or demote.
 */
final class TvmChanges {
  private static final String NOT_FENCED = "a mapping is not invalidated and fenced";

  private final MemoryTrackingTable mtt;
  private final Refusals refused;

  TvmChanges(MemoryTrackingTable mtt, Refusals refused) {
    this.mtt = mtt;
    this.refused = refused;
  }

  /** What becomes of one leaf. */
  @FunctionalInterface
  private interface Step {
    boolean apply(long leaf);
  }

  /** Checks every leaf of a range, then changes each: all or nothing. */
  private SbiStatus each(Tvm tvm, long gpa, long length, String unfit, Step fits, Step change) {
    if (length <= 0 || (length & 4095) != 0) {
      return refused.param("the length is not whole pages, at least one");
    }
    if (!Tsm.guestRange(gpa, length)) {
      return refused.address("the range is unaligned or leaves the address space");
    }
    for (int pass = 0; pass < 2; pass++) {
      for (long at = gpa; at < gpa + length; ) {
        long leaf = tvm.table.leaf(at);
        if (!GStage.found(leaf)) {
          return refused.address("nothing is mapped at a page of the range");
        }
        long size = GStage.entrySize(GStage.level(leaf));
        if ((at & (size - 1)) != 0 || at + size > gpa + length) {
          return refused.param("the range has a part of a huge page, which has to be demoted");
        }
        if (!(pass == 0 ? fits : change).apply(leaf)) {
          return refused.address(unfit);
        }
        at += size;
      }
    }
    return SbiStatus.SUCCESS;
  }

  SbiStatus invalidate(Tvm tvm, long gpa, long length) {
    return each(
        tvm,
        gpa,
        length,
        "a mapping is invalidated already",
        tvm.table::isPresent,
        leaf -> {
          tvm.table.invalidate(leaf, tvm.version());
          return true;
        });
  }

  SbiStatus validate(Tvm tvm, long gpa, long length) {
    return each(
        tvm,
        gpa,
        length,
        "a mapping is valid",
        leaf -> !tvm.table.isPresent(leaf),
        leaf -> {
          tvm.table.validate(leaf);
          return true;
        });
  }

  SbiStatus remove(Tvm tvm, long gpa, long length) {
    return each(
        tvm,
        gpa,
        length,
        NOT_FENCED,
        leaf -> !tvm.table.isPresent(leaf) && tvm.fenced(leaf),
        leaf -> {
          unmap(tvm, leaf);
          return true;
        });
  }

  private void unmap(Tvm tvm, long leaf) {
    long pfn = tvm.table.frame(leaf);
    long frames = GStage.entrySize(GStage.level(leaf)) >>> PageLevel.PAGE_SHIFT;
    if (tvm.table.isShared(leaf)) {
      for (long i = 0; i < frames; i++) {
        mtt.unshare(pfn + i);
      }
    } else {
      mtt.release(pfn, frames);
    }
    tvm.table.clear(leaf);
  }

  void unmapAll(Tvm tvm) {
    tvm.table.visit((_, leaf) -> unmap(tvm, leaf));
  }

  SbiStatus promote(Tvm tvm, long gpa, PageType to) {
    if (to == PageType.PAGE_4K || to == PageType.PAGE_512GB) {
      return refused.param("no mapping is promoted to that size");
    }
    if (!Tsm.guestRange(gpa, to.bytes()) || (gpa & (to.bytes() - 1)) != 0) {
      return refused.address("the address is unaligned or leaves the address space");
    }
    SbiStatus s =
        each(
            tvm,
            gpa,
            to.bytes(),
            "a mapping is shared, of another size, or not invalidated and fenced",
            leaf ->
                !tvm.table.isPresent(leaf)
                    && !tvm.table.isShared(leaf)
                    && tvm.fenced(leaf)
                    && GStage.level(leaf) == to.level() - 1,
            _ -> true);
    return s.ok() && !tvm.table.promote(gpa, to.level(), tvm.pages)
        ? refused.address("the frames are not contiguous and aligned")
        : s;
  }

  SbiStatus demote(Tvm tvm, long gpa, PageType from) {
    if (from == PageType.PAGE_4K || from == PageType.PAGE_512GB) {
      return refused.param("no mapping of that size is demoted");
    }
    long leaf =
        Tsm.guestRange(gpa, from.bytes()) && (gpa & (from.bytes() - 1)) == 0
            ? tvm.table.leaf(gpa)
            : GStage.NONE;
    if (!GStage.found(leaf)
        || GStage.level(leaf) != from.level()
        || tvm.table.isPresent(leaf)
        || !tvm.fenced(leaf)) {
      return refused.address("there is no mapping of that size, or " + NOT_FENCED);
    }
    return tvm.table.demote(leaf, tvm.pages)
        ? SbiStatus.SUCCESS
        : refused.of(SbiStatus.OUT_OF_PTPAGES, "the TVM has no table page left");
  }

  /**
   * Tells whether a vCPU still waits for a change of assignment: a page of the range it shared is
   * confidential, or a page of what it took back is still the host's too.
   */
  boolean blocked(Tvm tvm, TvmVcpu v) {
    while (v.blockedFrom < v.blockedTo) {
      long at = v.blockedFrom;
      long leaf = tvm.table.leaf(at);
      boolean found = GStage.found(leaf);
      boolean wantsShared = tvm.regions.at(at) == GpaRegions.Kind.SHARED;
      if (found && tvm.table.isShared(leaf) != wantsShared) {
        return true;
      }
      long size = GStage.entrySize(found ? GStage.level(leaf) : GStage.emptyLevel(leaf));
      // A huge leaf may lie over mixed ranges: only its own page is judged.
      v.blockedFrom = found ? at + 4096 : (at & -size) + size;
    }
    return false;
  }
}
