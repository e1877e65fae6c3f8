package com.example.cove.tsm;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.PhysicalMemory;

/** Frames on their way to a TVM: donated table pages, measured, zero and shared pages. */
final class TvmMapping {
  private final PhysicalMemory memory;
  private final MemoryTrackingTable mtt;

  TvmMapping(PhysicalMemory memory, MemoryTrackingTable mtt) {
    this.memory = memory;
    this.mtt = mtt;
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
      return SbiStatus.INVALID_PARAM;
    }
    if (!Tsm.frames(base, pages) || !take(tvm, base, pages)) {
      return SbiStatus.INVALID_ADDRESS;
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
      return SbiStatus.INVALID_ADDRESS;
    }
    for (long i = 0; i < frames; i++) {
      if (mtt.state(from + i).confidential()) {
        return SbiStatus.INVALID_ADDRESS;
      }
    }
    s = makeRoom(tvm, type, pages, gpa);
    if (!s.ok() || !mtt.assign(base >>> PageLevel.PAGE_SHIFT, frames, FrameState.TVM, tvm.gid)) {
      return s.ok() ? SbiStatus.INVALID_ADDRESS : s;
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
      return SbiStatus.INVALID_ADDRESS;
    }
    s = makeRoom(tvm, type, pages, gpa);
    if (!s.ok() || !mtt.assign(base >>> PageLevel.PAGE_SHIFT, frames, FrameState.TVM, tvm.gid)) {
      return s.ok() ? SbiStatus.INVALID_ADDRESS : s;
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
      return SbiStatus.INVALID_ADDRESS;
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
        return SbiStatus.INVALID_ADDRESS;
      }
    }
    map(tvm, base, type, pages, gpa, true);
    return SbiStatus.SUCCESS;
  }

  private static SbiStatus check(long base, PageType type, long pages, long gpa) {
    // The root's entries of 512 GiB are never leaves here.
    if (pages <= 0 || pages > 1L << 20 || type == PageType.PAGE_512GB) {
      return SbiStatus.INVALID_PARAM;
    }
    boolean aligned = ((base | gpa) & (type.bytes() - 1)) == 0;
    return aligned
            && Tsm.frames(base, pages * type.frames())
            && Tsm.guestRange(gpa, pages * type.bytes())
        ? SbiStatus.SUCCESS
        : SbiStatus.INVALID_ADDRESS;
  }

  /** Makes every table that the mappings need, so that mapping them cannot fail half-way. */
  private static SbiStatus makeRoom(Tvm tvm, PageType type, long pages, long gpa) {
    for (long i = 0; i < pages; i++) {
      long slot = tvm.table.slot(gpa + i * type.bytes(), type.level(), tvm.pages);
      if (slot == GStage.NO_TABLE) {
        return SbiStatus.OUT_OF_PTPAGES;
      }
      if (slot == GStage.TAKEN) {
        return SbiStatus.INVALID_ADDRESS;
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
