package com.example.cove.kvm;

import com.example.cove.tsm.PageType;
import com.example.cove.tsm.SbiStatus;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.sched.ModelLock;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The pages a TVM holds, as the host knows them: it cannot read the G-stage table, so it remembers
 * what it gave.
 *
 * <p>{@code tvm pages lock} makes one mapping at a time; it nests inside the mmu lock. Source: the
 * Linux series for CoVE, arch/riscv/kvm/cove.c: kvm_riscv_cove_gstage_map,
 * kvm_riscv_cove_vm_measure_pages, and its lists of measured, zero and shared pages.
 */
final class TvmMemory {
  /** The TSM refuses the address: the guest has declared it otherwise than the VMM. */
  static final Errno DECLARED_OTHERWISE = Errno.EPERM;

  /** The TSM did not give back the page that the other kind of memory has there. */
  static final Errno STILL_THERE = Errno.EBUSY;

  private static final String STAYS = "sbi_covh_tvm_remove_pages failed";

  private final VmContext vm;
  private final TvmLife life;
  private final Covh covh;
  private final ConfidentialFrames frames;
  private final ModelLock lock = new ModelLock("tvm pages lock");
  private final Map<Long, Page> held = new HashMap<>();

  /** 2 MiB regions whose pages have entries of their own: no huge leaf fits there any more. */
  private final BitSet small = new BitSet();

  private record Page(long pfn, PageLevel level, boolean isPrivate) {}

  TvmMemory(VmContext vm, TvmLife life, Covh covh, ConfidentialFrames frames) {
    this.vm = vm;
    this.life = life;
    this.covh = covh;
    this.frames = frames;
  }

  private <T> T locked(Supplier<T> body) {
    lock.lock();
    try {
      return body.get();
    } finally {
      lock.unlock();
    }
  }

  /** Tells whether 2 MiB at a gfn are untouched by smaller pages. */
  boolean fitsHuge(long gfn) {
    return locked(() -> !small.get((int) (gfn >>> 9)));
  }

  /** Copies a page of the VMM's into the launch: measured, and the TVM's from now on. */
  Errno measure(long gfn, long pfn, long sourcePfn) {
    return locked(() -> {
      if (held.containsKey(gfn)) {
        return Errno.EEXIST;
      }
      Errno e = frames.convert(pfn, 1);
      if (!e.ok()) {
        return e;
      }
      small.set((int) (gfn >>> 9));
      e =
          withTables(() ->
              covh.addMeasured(
                  life.gid(),
                  sourcePfn << PageLevel.PAGE_SHIFT,
                  pfn << PageLevel.PAGE_SHIFT,
                  gfn << PageLevel.PAGE_SHIFT));
      if (!e.ok()) {
        var _ = reclaim(pfn, 1);
        return e;
      }
      held.put(gfn, new Page(pfn, PageLevel.PG_4K, true));
      return Errno.OK;
    });
  }

  /** Gives a private page, of 4 KiB or 2 MiB; zeroed by the TSM. */
  Errno mapPrivate(long gfn, long pfn, PageLevel level) {
    return locked(() -> {
      Page there = holds(gfn);
      if (there != null) {
        return taken(there, true);
      }
      Errno e = frames.convert(pfn, level.pages());
      if (!e.ok()) {
        return e;
      }
      PageType type = level == PageLevel.PG_2M ? PageType.PAGE_2MB : PageType.PAGE_4K;
      if (type == PageType.PAGE_4K) {
        small.set((int) (gfn >>> 9));
      }
      e =
          withTables(() ->
              covh.addZero(
                  life.gid(), pfn << PageLevel.PAGE_SHIFT, type, gfn << PageLevel.PAGE_SHIFT));
      if (!e.ok()) {
        var _ = reclaim(pfn, level.pages());
        return e == Errno.EFAULT ? DECLARED_OTHERWISE : e;
      }
      held.put(gfn, new Page(pfn, level, true));
      return Errno.OK;
    });
  }

  /** Maps a page of the VMM's where the guest has declared its memory shared. */
  Errno mapShared(long gfn, long pfn) {
    return locked(() -> {
      Page there = holds(gfn);
      if (there != null) {
        return taken(there, false);
      }
      small.set((int) (gfn >>> 9));
      Errno e =
          withTables(() ->
              covh.addShared(life.gid(), pfn << PageLevel.PAGE_SHIFT, gfn << PageLevel.PAGE_SHIFT));
      if (e.ok()) {
        held.put(gfn, new Page(pfn, PageLevel.PG_4K, false));
      }
      return e == Errno.EFAULT ? DECLARED_OTHERWISE : e;
    });
  }

  private @Nullable Page holds(long gfn) {
    Page huge = held.get(PageLevel.PG_2M.alignDown(gfn));
    return huge != null && huge.level() == PageLevel.PG_2M ? huge : held.get(gfn);
  }

  /**
   * Another vCPU was faster; or the page was to go and stayed, where nothing else can be mapped.
   */
  private static Errno taken(Page there, boolean isPrivate) {
    return there.isPrivate() == isPrivate ? Errno.EEXIST : STILL_THERE;
  }

  /**
   * Takes a page away: invalidate, fence, remove, and back to the host if it was private. Where the
   * TSM refuses, the frame stays the TVM's and nobody else's, until it gives it back after all.
   */
  Errno unmap(long gfn) {
    return locked(() -> {
      Page page = held.get(gfn);
      if (page == null) {
        return Errno.OK;
      }
      long length = page.level().bytes();
      Errno e = blocked(gfn << PageLevel.PAGE_SHIFT, length);
      if (e.ok()) {
        e = Covh.errno(covh.remove(life.gid(), gfn << PageLevel.PAGE_SHIFT, length));
      }
      if (!e.ok()) {
        // What stays is to be whole: a guest that touches it would fault there for ever.
        var _ = covh.validate(life.gid(), gfn << PageLevel.PAGE_SHIFT, length);
        vm.leak(page.pfn(), page.level().pages(), STAYS);
        return e;
      }
      held.remove(gfn);
      back(page);
      return Errno.OK;
    });
  }

  /** Undoes a measured block that stopped half way: the core only hears of whole ones. */
  void unmapPages(long gfn, long pfn, long pages) {
    for (long i = 0; i < pages; i++) {
      if (!unmap(gfn + i).ok()) {
        vm.leak(pfn + i, 1, STAYS);
      }
    }
  }

  /** Splits 2 MiB into pages, which stay the TVM's with their contents. */
  Errno split(long gfn) {
    return locked(() -> {
      Page page = held.get(gfn);
      if (page == null || page.level() != PageLevel.PG_2M) {
        return Errno.EOPNOTSUPP;
      }
      long gpa = gfn << PageLevel.PAGE_SHIFT;
      Errno blocked = blocked(gpa, PageLevel.PG_2M.bytes());
      if (!blocked.ok()) {
        return blocked;
      }
      Errno e = withTables(() -> covh.demote(life.gid(), gpa, PageType.PAGE_2MB));
      Errno back = Covh.errno(covh.validate(life.gid(), gpa, PageLevel.PG_2M.bytes()));
      if (!e.ok() || !back.ok()) {
        return e.ok() ? back : e;
      }
      small.set((int) (gfn >>> 9));
      for (long i = 0; i < PageLevel.PG_2M.pages(); i++) {
        held.put(gfn + i, new Page(page.pfn() + i, PageLevel.PG_4K, true));
      }
      return Errno.OK;
    });
  }

  /** After the TVM's end: what it still held is unassigned; makes it the host's. */
  void forget() {
    locked(() -> {
      held.values().forEach(this::back);
      held.clear();
      return 0;
    });
  }

  private boolean reclaim(long pfn, long pages) {
    boolean done = frames.reclaim(pfn, pages);
    if (!done) {
      vm.leak(pfn, pages, "sbi_covh_reclaim_pages failed");
    }
    return done;
  }

  /** The TVM has a page no more: the host has it, even if it was given up before. */
  private void back(Page page) {
    if (page.isPrivate() && !reclaim(page.pfn(), page.level().pages())) {
      return;
    }
    for (long i = 0; i < page.level().pages(); i++) {
      vm.regained(page.pfn() + i);
    }
  }

  /** Makes a range unreachable: no entry any more, and no vCPU that entered before the fence. */
  private Errno blocked(long gpa, long length) {
    SbiStatus s = covh.invalidate(life.gid(), gpa, length);
    if (s.ok()) {
      s = covh.fence(life.gid());
      interrupt();
    }
    return Covh.errno(s);
  }

  /** Makes every vCPU trap: whoever was in the guest has left it once its lock is free. */
  private void interrupt() {
    vm.kickVcpus();
    for (VcpuContext v : vm.vcpus()) {
      if (v.vendorState() instanceof TvmVcpuState state) {
        state.inGuest.lock();
        state.inGuest.unlock();
      }
    }
  }

  /** Makes a call, donating table pages for as long as the TSM says that it lacks one. */
  private Errno withTables(Supplier<SbiStatus> call) {
    SbiStatus s = call.get();
    while (s == SbiStatus.OUT_OF_PTPAGES) {
      Errno e = life.addTablePage();
      if (!e.ok()) {
        return e;
      }
      s = call.get();
    }
    return Covh.errno(s);
  }

  /** Checks that the core's registry and this one name the same frames. */
  void check(Consumer<String> violation) {
    Map<Long, Page> now = locked(() -> Map.copyOf(held));
    now.forEach((gfn, page) -> {
      long pfn = vm.mappedPfn(gfn, page.isPrivate());
      if (pfn != page.pfn()) {
        violation.accept(
            "VM %d: the TVM holds frame 0x%x at gfn 0x%x, the registry 0x%x"
                .formatted(vm.id(), page.pfn(), gfn, pfn));
      }
    });
  }
}
