package com.example.cove.tsm;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.PhysicalMemory;

/** Frames on their way to a TVM: donated table pages, measured, zero and shared pages. */
final class TvmMapping {
  private static final String NOT_UNASSIGNED = "a frame is not confidential and unassigned";

  private final PhysicalMemory memory;
  private final MemoryTrackingTable mtt;
  private final Refusals refused;

  TvmMapping(PhysicalMemory memory, MemoryTrackingTable mtt, Refusals refused) {
    this.memory = memory;
    this.mtt = mtt;
    this.refused = refused;
  }

  /** Takes unassigned frames for the TSM's own use, cleared. */
  boolean take(Tvm tvm, long base, long pages) {
    if (!mtt.assign(base >>> PageLevel.PAGE_SHIFT, pages, FrameState.TSM, tvm.gid)) {
      return false;
    }
    memory.zero(base >>> PageLevel.PAGE_SHIFT, pages);
    for (long i = 0; i < pages; i++) {
      tvm.ownFrames.add((base >>> PageLevel.PAGE_SHIFT) + i);
    }
    return true;
  }

  /** Gives back what {@link #take} took. */
  void giveBack(Tvm tvm) {
    for (long pfn : tvm.ownFrames) {
      mtt.release(pfn, 1);
    }
    tvm.ownFrames.clear();
  }

  SbiStatus donate(Tvm tvm, long base, long pages) {
    if (pages <= 0) {
      return refused.param("the number of pages is not positive");
    }
    if (!Tsm.frames(base, pages) || !take(tvm, base, pages)) {
      return refused.address("a frame is no memory, or not unassigned");
    }
    for (long i = 0; i < pages; i++) {
      tvm.donate(base + (i << PageLevel.PAGE_SHIFT));
    }
    return SbiStatus.SUCCESS;
  }

  SbiStatus addMeasured(Tvm tvm, long source, long base, PageType type, long pages, long gpa) {
    SbiStatus s = check(base, type, pages, gpa);
    if (!s.ok()) {
      return s;
    }
    long frames = pages * type.frames();
    long from = source >>> PageLevel.PAGE_SHIFT;
    if (!Tsm.frames(source, frames)
        || !tvm.regions.all(
            gpa, gpa + (frames << PageLevel.PAGE_SHIFT), GpaRegions.Kind.CONFIDENTIAL)) {
      return refused.address("the source is no memory, or the range no confidential region");
    }
    for (long i = 0; i < frames; i++) {
      if (mtt.state(from + i).confidential()) {
        return refused.address("a page of the source is confidential itself");
      }
    }
    s = makeRoom(tvm, type, pages, gpa);
    if (!s.ok() || !mtt.assign(base >>> PageLevel.PAGE_SHIFT, frames, FrameState.TVM, tvm.gid)) {
      return s.ok() ? refused.address(NOT_UNASSIGNED) : s;
    }
    for (long i = 0; i < frames; i++) {
      memory.copyFrame((base >>> PageLevel.PAGE_SHIFT) + i, from + i);
      tvm.measurement.page(
          memory, (base >>> PageLevel.PAGE_SHIFT) + i, gpa + (i << PageLevel.PAGE_SHIFT));
    }
    map(tvm, base, type, pages, gpa, false);
    return SbiStatus.SUCCESS;
  }

  SbiStatus addZero(Tvm tvm, long base, PageType type, long pages, long gpa) {
    SbiStatus s = check(base, type, pages, gpa);
    if (!s.ok()) {
      return s;
    }
    long frames = pages * type.frames();
    if (!tvm.regions.all(
        gpa, gpa + (frames << PageLevel.PAGE_SHIFT), GpaRegions.Kind.CONFIDENTIAL)) {
      return refused.address("the range is no confidential region");
    }
    s = makeRoom(tvm, type, pages, gpa);
    if (!s.ok() || !mtt.assign(base >>> PageLevel.PAGE_SHIFT, frames, FrameState.TVM, tvm.gid)) {
      return s.ok() ? refused.address(NOT_UNASSIGNED) : s;
    }
    memory.zero(base >>> PageLevel.PAGE_SHIFT, frames);
    map(tvm, base, type, pages, gpa, false);
    return SbiStatus.SUCCESS;
  }

  SbiStatus addShared(Tvm tvm, long base, PageType type, long pages, long gpa) {
    SbiStatus s = check(base, type, pages, gpa);
    if (!s.ok()) {
      return s;
    }
    long frames = pages * type.frames();
    if (!tvm.regions.all(gpa, gpa + (frames << PageLevel.PAGE_SHIFT), GpaRegions.Kind.SHARED)) {
      return refused.address("the guest has not declared the range shared");
    }
    s = makeRoom(tvm, type, pages, gpa);
    if (!s.ok()) {
      return s;
    }
    for (long i = 0; i < frames; i++) {
      if (!mtt.share((base >>> PageLevel.PAGE_SHIFT) + i)) {
        for (long j = 0; j < i; j++) {
          mtt.unshare((base >>> PageLevel.PAGE_SHIFT) + j);
        }
        return refused.address("a page to share is confidential");
      }
    }
    map(tvm, base, type, pages, gpa, true);
    return SbiStatus.SUCCESS;
  }

  private SbiStatus check(long base, PageType type, long pages, long gpa) {
    // The root's entries of 512 GiB are never leaves here.
    if (pages <= 0 || pages > 1L << 20 || type == PageType.PAGE_512GB) {
      return refused.param("no such number of pages, or of their size");
    }
    boolean aligned = ((base | gpa) & (type.bytes() - 1)) == 0;
    return aligned
            && Tsm.frames(base, pages * type.frames())
            && Tsm.guestRange(gpa, pages * type.bytes())
        ? SbiStatus.SUCCESS
        : refused.address("an address is unaligned to the page size, or no memory");
  }

  /** Makes every table that the mappings need, so that mapping them cannot fail half-way. */
  private SbiStatus makeRoom(Tvm tvm, PageType type, long pages, long gpa) {
    for (long i = 0; i < pages; i++) {
      long slot = tvm.table.slot(gpa + i * type.bytes(), type.level(), tvm.pages);
      if (slot == GStage.NO_TABLE) {
        return refused.of(SbiStatus.OUT_OF_PTPAGES, "the TVM has no table page left");
      }
      if (slot == GStage.TAKEN) {
        return refused.address("something is mapped there");
      }
    }
    return SbiStatus.SUCCESS;
  }

  private static void map(Tvm tvm, long base, PageType type, long pages, long gpa, boolean shared) {
    for (long i = 0; i < pages; i++) {
      long slot = tvm.table.slot(gpa + i * type.bytes(), type.level(), tvm.pages);
      tvm.table.map(slot, (base >>> PageLevel.PAGE_SHIFT) + i * type.frames(), shared);
    }
  }
}
