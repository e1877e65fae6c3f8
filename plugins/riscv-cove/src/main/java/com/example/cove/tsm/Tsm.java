package com.example.cove.tsm;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.api.trusted.Interposer;
import java.util.BitSet;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The TEE security manager of one platform: the calls of the CoVE host extension (COVH).
 *
 * <p><b>Frames.</b> {@code convert_pages} takes frames from the host at once; they may be assigned
 * when a global fence that began afterwards has been seen by every hart. From then on they are
 * UNASSIGNED, a TVM's, or the TSM's for a TVM, until {@code reclaim_pages} scrubs them and gives
 * them back. Only {@link MemoryTrackingTable} says whose a frame is, and the {@link #guard} asks it
 * before every access.
 *
 * <p><b>TVMs.</b> INITIALIZING until {@code finalize_tvm}: regions, vCPUs and measured pages come
 * before, zero pages and runs after. A mapping is taken away in three steps, invalidate, fence,
 * remove; the TSM counts fences and refuses to remove what a vCPU may still have in its TLB.
 *
 * <p><b>Locks.</b> {@code fence lock} orders conversions of the platform; each TVM has its own
 * lock; frames change owner by compare-and-swap. None is held while another TVM's is taken. Calls
 * that change something are all or nothing, but for tables that a failed mapping leaves behind,
 * empty.
 *
 * <p>Addresses are bytes, host- or guest-physical; page counts are of 4 KiB unless a page type is
 * named. Source: CoVE, COVH; it leaves the order of checks open, which here is: the TVM and its
 * state, sizes, addresses, frames, table pages.
 */
public final class Tsm {
  /** {@link #access}: a guest page fault that the host is told of. */
  public static final long PAGE_FAULT = -1;

  /** {@link #access}: nobody declared the address, so the guest takes an access fault itself. */
  public static final long ACCESS_FAULT = -2;

  /** Frames of a TVM's page directory: 16 KiB. */
  public static final int DIRECTORY_PAGES = (int) GStage.ROOT_PAGES;

  /** {@code tsm_info.tvm_state_pages}; each TSM chooses its own. */
  public static final int TVM_STATE_PAGES = 2;

  /** {@code tsm_info.tvm_vcpu_state_pages}; each TSM chooses its own. */
  public static final int VCPU_STATE_PAGES = 1;

  private static final int MAX_TVMS = 1024;

  private final PhysicalMemory memory;
  private final int harts;
  private final Interposer interposer;
  private final Refusals refused;
  private final MemoryTrackingTable mtt = new MemoryTrackingTable();
  private final AtomicReferenceArray<@Nullable Tvm> tvms = new AtomicReferenceArray<>(MAX_TVMS);
  private final TvmMapping mapping;
  private final TvmChanges changes;
  private final ModelLock fenceLock = new ModelLock("CoVE fence");
  private final BitSet waitsFor = new BitSet();
  private long version;

  /**
   * Boots a TSM that is READY.
   *
   * @param harts number of harts, each of which has to see a fence
   * @param interposer asked before each call of the host
   * @param trace told why a call is refused
   */
  public Tsm(PhysicalMemory memory, int harts, Interposer interposer, TraceSink trace) {
    this.memory = memory;
    this.harts = harts;
    this.interposer = interposer;
    this.refused = new Refusals(trace);
    this.mapping = new TvmMapping(memory, mtt, refused);
    this.changes = new TvmChanges(mtt, refused);
  }

  // Frames.

  /** sbi_covh_convert_pages: VMM to CONVERTING. */
  public SbiStatus convertPages(long base, long pages) {
    long instead = enter(CovhCall.CONVERT_PAGES, base, pages, 0, 0);
    if (instead != Interposer.PROCEED) {
      return SbiStatus.of(instead);
    }
    SbiStatus s = whole(base, pages);
    if (!s.ok()) {
      return s;
    }
    fenceLock.lock();
    try {
      return mtt.convert(base >>> PageLevel.PAGE_SHIFT, pages, version)
          ? SbiStatus.SUCCESS
          : refused.address("a frame is confidential already, or shared with a TVM");
    } finally {
      fenceLock.unlock();
    }
  }

  /** sbi_covh_reclaim_pages: UNASSIGNED to VMM, scrubbed. */
  public SbiStatus reclaimPages(long base, long pages) {
    long instead = enter(CovhCall.RECLAIM_PAGES, base, pages, 0, 0);
    if (instead != Interposer.PROCEED) {
      return SbiStatus.of(instead);
    }
    SbiStatus s = whole(base, pages);
    if (!s.ok()) {
      return s;
    }
    // Scrubbed before the host can look: nobody else can win frames that are held as the TSM's.
    if (!mtt.assign(base >>> PageLevel.PAGE_SHIFT, pages, FrameState.TSM, 0)) {
      return refused.address("a frame is not confidential and unassigned");
    }
    memory.zero(base >>> PageLevel.PAGE_SHIFT, pages);
    mtt.release(base >>> PageLevel.PAGE_SHIFT, pages);
    return mtt.reclaim(base >>> PageLevel.PAGE_SHIFT, pages)
        ? SbiStatus.SUCCESS
        : refused.failed("a frame was assigned meanwhile");
  }

  /** sbi_covh_global_fence, called on a hart: what was converted so far waits for the others. */
  public SbiStatus globalFence(int hart) {
    long instead = enter(CovhCall.GLOBAL_FENCE, 0, 0, 0, 0);
    if (instead != Interposer.PROCEED) {
      return SbiStatus.of(instead);
    }
    fenceLock.lock();
    try {
      if (!waitsFor.isEmpty()) {
        return refused.of(SbiStatus.ALREADY_STARTED, "a global fence waits for other harts");
      }
      version++;
      waitsFor.set(0, harts);
      seen(hart);
      return SbiStatus.SUCCESS;
    } finally {
      fenceLock.unlock();
    }
  }

  /** sbi_covh_local_fence on a hart; the last one completes the conversions. */
  public SbiStatus localFence(int hart) {
    long instead = enter(CovhCall.LOCAL_FENCE, 0, 0, 0, 0);
    if (instead != Interposer.PROCEED) {
      return SbiStatus.of(instead);
    }
    fenceLock.lock();
    try {
      seen(hart);
      return SbiStatus.SUCCESS;
    } finally {
      fenceLock.unlock();
    }
  }

  private void seen(int hart) {
    boolean open = !waitsFor.isEmpty();
    waitsFor.clear(hart);
    if (open && waitsFor.isEmpty()) {
      mtt.complete(version - 1);
    }
  }

  /** Returns what the memory tracking table says of a frame. */
  public FrameState frameState(long pfn) {
    return mtt.state(pfn);
  }

  // TVMs.

  /**
   * sbi_covh_create_tvm.
   *
   * @param directory 16 KiB of confidential memory, aligned to its size
   * @param state {@link #TVM_STATE_PAGES} pages of confidential memory
   * @return the TVM's id, at least 1, or a negative {@link SbiStatus#code}
   */
  public long createTvm(long directory, long state) {
    long instead = enter(CovhCall.CREATE_TVM, directory, state, 0, 0);
    if (instead != Interposer.PROCEED) {
      return instead;
    }
    if (!frames(directory, DIRECTORY_PAGES)
        || (directory & (DIRECTORY_PAGES * 4096L - 1)) != 0
        || !frames(state, TVM_STATE_PAGES)) {
      return refused.address("directory or state is unaligned or no memory").code();
    }
    for (int i = 0; i < MAX_TVMS; i++) {
      Tvm fresh = new Tvm(i + 1, memory, directory);
      if (tvms.get(i) == null && tvms.compareAndSet(i, null, fresh)) {
        if (mapping.take(fresh, directory, DIRECTORY_PAGES)) {
          if (mapping.take(fresh, state, TVM_STATE_PAGES)) {
            return fresh.gid;
          }
          mapping.giveBack(fresh);
        }
        tvms.set(i, null);
        return refused.address("a frame of directory or state is not unassigned").code();
      }
    }
    return refused.failed("there is no room for another TVM").code();
  }

  /** sbi_covh_finalize_tvm: the measurement is committed and the TVM may run. */
  public SbiStatus finalizeTvm(long gid, long sepc, long argument) {
    return initializing(
        CovhCall.FINALIZE_TVM,
        gid,
        sepc,
        argument,
        0,
        tvm -> {
          tvm.measurement.entry(sepc, argument);
          tvm.makeRunnable();
          return SbiStatus.SUCCESS;
        });
  }

  /** sbi_covh_destroy_tvm: everything of the TVM's becomes UNASSIGNED or the host's. */
  public SbiStatus destroyTvm(long gid) {
    return with(
        CovhCall.DESTROY_TVM,
        gid,
        0,
        0,
        0,
        tvm -> {
          if (tvm.anyRunning()) {
            return refused.failed("a vCPU of the TVM runs");
          }
          tvms.set((int) gid - 1, null);
          changes.unmapAll(tvm);
          mapping.giveBack(tvm);
          return SbiStatus.SUCCESS;
        });
  }

  /** sbi_covh_add_tvm_memory_region: UNMAPPED to MAPPABLE. */
  public SbiStatus addTvmMemoryRegion(long gid, long gpa, long length) {
    return initializing(
        CovhCall.ADD_TVM_MEMORY_REGION,
        gid,
        gpa,
        length,
        0,
        tvm -> {
          if (length <= 0 || (length & 4095) != 0) {
            return refused.param("the length is not whole pages, at least one");
          }
          if (!guestRange(gpa, length) || !tvm.regions.none(gpa, gpa + length)) {
            return refused.address("the range leaves the address space or overlaps a region");
          }
          tvm.regions.set(gpa, gpa + length, GpaRegions.Kind.CONFIDENTIAL);
          return SbiStatus.SUCCESS;
        });
  }

  /** sbi_covh_add_tvm_page_table_pages: UNASSIGNED to the TVM's pool. */
  public SbiStatus addTvmPageTablePages(long gid, long base, long pages) {
    return with(
        CovhCall.ADD_TVM_PAGE_TABLE_PAGES,
        gid,
        base,
        pages,
        0,
        tvm -> mapping.donate(tvm, base, pages));
  }

  /** sbi_covh_add_tvm_measured_pages. */
  public SbiStatus addTvmMeasuredPages(
      long gid, long source, long base, PageType type, long pages, long gpa) {
    return initializing(
        CovhCall.ADD_TVM_MEASURED_PAGES,
        gid,
        source,
        base,
        pages,
        tvm -> mapping.addMeasured(tvm, source, base, type, pages, gpa));
  }

  /** sbi_covh_add_tvm_zero_pages. */
  public SbiStatus addTvmZeroPages(long gid, long base, PageType type, long pages, long gpa) {
    return with(
        CovhCall.ADD_TVM_ZERO_PAGES,
        gid,
        base,
        pages,
        gpa,
        tvm ->
            tvm.isRunnable()
                ? mapping.addZero(tvm, base, type, pages, gpa)
                : refused.param("the TVM is not finalized: its pages are measured"));
  }

  /** sbi_covh_add_tvm_shared_pages. */
  public SbiStatus addTvmSharedPages(long gid, long base, PageType type, long pages, long gpa) {
    return with(
        CovhCall.ADD_TVM_SHARED_PAGES,
        gid,
        base,
        pages,
        gpa,
        tvm -> mapping.addShared(tvm, base, type, pages, gpa));
  }

  /** sbi_covh_create_tvm_vcpu. */
  public SbiStatus createTvmVcpu(long gid, long vcpu, long state) {
    return initializing(
        CovhCall.CREATE_TVM_VCPU,
        gid,
        vcpu,
        state,
        0,
        tvm -> {
          if (vcpu < 0 || vcpu >= Tvm.MAX_VCPUS || tvm.vcpu(vcpu) != null) {
            return refused.param("the vCPU is there, or has no such number");
          }
          if (!frames(state, VCPU_STATE_PAGES) || !mapping.take(tvm, state, VCPU_STATE_PAGES)) {
            return refused.address("the frame for the vCPU's state is not unassigned");
          }
          tvm.add(vcpu);
          return SbiStatus.SUCCESS;
        });
  }

  // Mappings that go or change.

  /** sbi_covh_tvm_fence: vCPUs that run now have to trap before what was invalidated may go. */
  public SbiStatus tvmFence(long gid) {
    return with(
        CovhCall.TVM_FENCE,
        gid,
        0,
        0,
        0,
        tvm -> {
          if (tvm.fencePending()) {
            return refused.of(SbiStatus.ALREADY_STARTED, "a fence of the TVM waits for its vCPUs");
          }
          tvm.fence();
          return SbiStatus.SUCCESS;
        });
  }

  /** sbi_covh_tvm_invalidate_pages. */
  public SbiStatus tvmInvalidatePages(long gid, long gpa, long length) {
    return with(
        CovhCall.TVM_INVALIDATE_PAGES,
        gid,
        gpa,
        length,
        0,
        tvm -> changes.invalidate(tvm, gpa, length));
  }

  /** sbi_covh_tvm_validate_pages. */
  public SbiStatus tvmValidatePages(long gid, long gpa, long length) {
    return with(
        CovhCall.TVM_VALIDATE_PAGES,
        gid,
        gpa,
        length,
        0,
        tvm -> changes.validate(tvm, gpa, length));
  }

  /** sbi_covh_tvm_remove_pages. */
  public SbiStatus tvmRemovePages(long gid, long gpa, long length) {
    return with(
        CovhCall.TVM_REMOVE_PAGES, gid, gpa, length, 0, tvm -> changes.remove(tvm, gpa, length));
  }

  /**
   * sbi_covh_tvm_promote_page: 512 contiguous mappings, invalidated and fenced, become one of type
   * {@code to}, still invalidated; their table page goes back to the pool. CoVE leaves promotion
   * and demotion to its second version; names and arguments are those of the Linux series for CoVE.
   */
  public SbiStatus tvmPromotePage(long gid, long gpa, PageType to) {
    return with(
        CovhCall.TVM_PROMOTE_PAGE, gid, gpa, to.level(), 0, tvm -> changes.promote(tvm, gpa, to));
  }

  /** sbi_covh_tvm_demote_page: the reverse; {@code from} is the size the mapping has. */
  public SbiStatus tvmDemotePage(long gid, long gpa, PageType from) {
    return with(
        CovhCall.TVM_DEMOTE_PAGE, gid, gpa, from.level(), 0, tvm -> changes.demote(tvm, gpa, from));
  }

  // Running. sbi_covh_run_tvm_vcpu is split: the entry, what the guest does, and the trap out.

  /**
   * Enters a vCPU: sbi_covh_run_tvm_vcpu.
   *
   * @return INVALID_PARAM for no such vCPU or a TVM that is not runnable, FAILED while it waits for
   *     a change of assignment or runs on another hart
   */
  public SbiStatus enterVcpu(long gid, long vcpu) {
    return with(
        CovhCall.RUN_TVM_VCPU,
        gid,
        vcpu,
        0,
        0,
        tvm -> {
          TvmVcpu v = tvm.vcpu(vcpu);
          if (v == null || !tvm.isRunnable()) {
            return refused.param(v == null ? "no such vCPU" : "the TVM is not finalized");
          }
          if (v.entered != TvmVcpu.OUT || changes.blocked(tvm, v)) {
            return refused.failed(
                v.entered != TvmVcpu.OUT
                    ? "the vCPU runs on another hart"
                    : "the vCPU waits for memory that it shared or took back");
          }
          v.entered = tvm.version();
          return SbiStatus.SUCCESS;
        });
  }

  /** Takes a vCPU out: a trap into the TSM, which a fence waits for. */
  public void leaveVcpu(long gid, long vcpu) {
    SchedulePoint.reach(PointKind.TRUSTED_CALL, this);
    var _ =
        with(
            gid,
            tvm -> {
              TvmVcpu v = tvm.vcpu(vcpu);
              if (v != null) {
                v.entered = TvmVcpu.OUT;
              }
              return SbiStatus.SUCCESS;
            });
  }

  /**
   * Translates an access of a vCPU that runs, as its hart does.
   *
   * @return a host-physical address, {@link #PAGE_FAULT} or {@link #ACCESS_FAULT}
   */
  public long access(long gid, long gpa, boolean write) {
    Tvm tvm = find(gid);
    if (tvm == null || gpa < 0 || gpa >>> GStage.BITS != 0) {
      return ACCESS_FAULT;
    }
    long hpa = tvm.table.translate(gpa, write);
    if (hpa >= 0) {
      return hpa;
    }
    tvm.lock.lockShared();
    try {
      return tvm.regions.at(gpa) == GpaRegions.Kind.NONE ? ACCESS_FAULT : PAGE_FAULT;
    } finally {
      tvm.lock.unlockShared();
    }
  }

  /**
   * Carries out a call of the guest extension (COVG) by a vCPU. SUCCESS ends in an exit to the
   * host; an error goes straight back to the guest.
   */
  public SbiStatus guestCall(long gid, long vcpu, GuestCall call, long gpa, long length) {
    SchedulePoint.reach(PointKind.TRUSTED_CALL, this);
    return with(
        gid,
        tvm -> {
          TvmVcpu v = tvm.vcpu(vcpu);
          if (v == null || v.entered == TvmVcpu.OUT) {
            return refused.failed("the vCPU does not run");
          }
          if (length <= 0 || (length & 4095) != 0) {
            return refused.param("the length is not whole pages, at least one");
          }
          return guestRange(gpa, length)
              ? call.carryOut(tvm, v, gpa, gpa + length, refused)
              : refused.address("the range is unaligned or leaves the address space");
        });
  }

  /**
   * Returns a measurement register of a TVM, 48 bytes: 0 for its pages, 1 for its entry point.
   *
   * @throws IllegalArgumentException if there is no such TVM
   */
  public byte[] measurement(long gid, int register) {
    Tvm tvm = find(gid);
    if (tvm == null) {
      throw new IllegalArgumentException("no TVM " + gid);
    }
    tvm.lock.lockShared();
    try {
      return tvm.measurement.register(register);
    } finally {
      tvm.lock.unlockShared();
    }
  }

  /**
   * Returns the check that hardware makes of every physical access by the table: the host, its
   * processes and devices never reach confidential frames. A guest's access comes through its own
   * table and may reach frames of TVMs and what is not confidential.
   */
  public PhysicalGuard guard() {
    return (who, pfn, write) -> {
      if (who.kind() == Accessor.Kind.FIRMWARE) {
        return PhysicalGuard.Verdict.ALLOW;
      }
      FrameState s = mtt.state(pfn);
      boolean allowed =
          !s.confidential()
              || (who.kind() == Accessor.Kind.GUEST
                  && s == FrameState.TVM
                  && mtt.owner(pfn) == who.key());
      return allowed ? PhysicalGuard.Verdict.ALLOW : PhysicalGuard.Verdict.FAULT;
    };
  }

  /** Reports where tables and the memory tracking table disagree. */
  public void checkInvariants(Consumer<String> violation) {
    TsmInvariants check = new TsmInvariants(mtt, violation);
    for (int i = 0; i < MAX_TVMS; i++) {
      Tvm tvm = tvms.get(i);
      if (tvm != null) {
        tvm.lock.lock();
        check.tvm(tvm);
        tvm.lock.unlock();
      }
    }
    check.frames();
  }

  // A call that comes in is a place where another hart may be faster.
  private long enter(CovhCall call, long a0, long a1, long a2, long a3) {
    SchedulePoint.reach(PointKind.TRUSTED_CALL, this);
    long instead = interposer.before(call, a0, a1, a2, a3);
    if (instead != Interposer.PROCEED) {
      var _ = refused.of(SbiStatus.of(instead), "planned by the run");
    }
    return instead;
  }

  private @Nullable Tvm find(long gid) {
    return gid < 1 || gid > MAX_TVMS ? null : tvms.get((int) gid - 1);
  }

  /** What a call does to a TVM, under its lock. */
  @FunctionalInterface
  private interface Change {
    SbiStatus apply(Tvm tvm);
  }

  private SbiStatus with(CovhCall call, long gid, long a1, long a2, long a3, Change change) {
    long instead = enter(call, gid, a1, a2, a3);
    return instead == Interposer.PROCEED ? with(gid, change) : SbiStatus.of(instead);
  }

  private SbiStatus with(long gid, Change change) {
    Tvm tvm = find(gid);
    if (tvm == null) {
      return refused.param("no such TVM");
    }
    tvm.lock.lock();
    try {
      // It may have been destroyed while this call waited.
      return find(gid) == tvm ? change.apply(tvm) : refused.param("the TVM was destroyed");
    } finally {
      tvm.lock.unlock();
    }
  }

  private SbiStatus initializing(
      CovhCall call, long gid, long a1, long a2, long a3, Change change) {
    return with(
        call,
        gid,
        a1,
        a2,
        a3,
        tvm ->
            tvm.isRunnable()
                ? refused.param("the TVM is finalized: its measurement is sealed")
                : change.apply(tvm));
  }

  private SbiStatus whole(long base, long pages) {
    if (pages <= 0) {
      return refused.param("the number of pages is not positive");
    }
    return frames(base, pages)
        ? SbiStatus.SUCCESS
        : refused.address("the range is unaligned or no memory");
  }

  static boolean frames(long base, long pages) {
    return (base & 4095) == 0
        && base >= 0
        && MemoryTrackingTable.covers(base >>> PageLevel.PAGE_SHIFT, pages);
  }

  static boolean guestRange(long gpa, long length) {
    long top = 1L << GStage.BITS;
    return gpa >= 0 && (gpa & 4095) == 0 && gpa < top && length <= top - gpa;
  }
}
