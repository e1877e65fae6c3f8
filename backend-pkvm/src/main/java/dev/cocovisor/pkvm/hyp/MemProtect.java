package dev.cocovisor.pkvm.hyp;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.api.trace.TraceSink;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/**
 * The state that all transitions share, with their common checks and writes.
 *
 * <p>Rules that hold for every transition: all checks come before the first write, so a refused
 * transition changes no page state; locks are taken in the order vm_table, host, then EL2 or guest.
 * Source: {@code arch/arm64/kvm/hyp/nvhe/mem_protect.c}.
 */
final class MemProtect {
  final MemoryMap map;
  final PhysicalMemory memory;
  final HypPages pages;
  final HostStage2 host;

  /** EL2's own mappings, in its linear map: page number = pfn. */
  final HypPageTable hyp = new HypPageTable(0, 48, HypPageTable.TableMemory.UNLIMITED);

  /** {@code host_mmu.lock}. */
  final ModelLock hostLock = new ModelLock("host_mmu.lock");

  /** {@code pkvm_pgd_lock}. */
  final ModelLock hypLock = new ModelLock("pkvm_pgd_lock");

  /** Pages of the host's memory that EL2's stacks lie in. */
  private final List<Long> stacks = new ArrayList<>();

  private final TraceSink trace;

  MemProtect(MemoryMap map, PhysicalMemory memory, TraceSink trace) {
    this.map = map;
    this.trace = trace;
    this.memory = memory;
    long frames = 0;
    for (MemoryMap.Region r : map.regions()) {
      frames = Math.max(frames, r.end());
    }
    pages = new HypPages(frames);
    host = new HostStage2(map);
  }

  /** Tells why a call is refused; returns the error. */
  Errno refuse(Errno error, Supplier<String> why) {
    return trace.refuse(error, why);
  }

  /**
   * EL2 clears 4 KiB from an address, through its own mapping.
   *
   * @throws HypPanic if it does not map all of that
   */
  void zeroPageAt(long address) {
    long pfn = address >>> PageLevel.PAGE_SHIFT;
    if ((address & (PageLevel.PAGE_SIZE - 1)) == 0) {
      memory.zero(pfn, 1);
      return;
    }
    if (!Pte.valid(hyp.leaf(pfn + 1))) {
      throw new HypPanic("EL2 writes to " + frame(pfn + 1) + ", which it does not map");
    }
    for (long at = address; at < address + PageLevel.PAGE_SIZE; at++) {
      memory.writeByte(at, 0);
    }
  }

  void addStack(long pfn) {
    stacks.add(pfn);
  }

  List<Long> stacks() {
    return stacks;
  }

  static String frame(long pfn) {
    return "frame 0x" + Long.toHexString(pfn);
  }

  /** Checks that a range lies in one region of memory that the host may use (EINVAL, EPERM). */
  Errno checkAllowed(long pfn, long n) {
    Errno e = map.checkAllowed(pfn, n);
    return e.ok() ? e : refuse(e, () -> frame(pfn) + ", " + n + " pages: not the host's memory");
  }

  /** Checks that a range is valid (EINVAL). */
  Errno checkValid(long pfn, long n) {
    return map.isValid(pfn, n)
        ? Errno.OK
        : refuse(Errno.EINVAL, () -> frame(pfn) + ", " + n + " pages: out of range");
  }

  /** Checks that a range is the host's kind of memory and in one state (EINVAL, EPERM). */
  Errno checkHost(long pfn, long n, PageState wanted) {
    hostLock.assertExclusive();
    Errno e = checkAllowed(pfn, n);
    if (!e.ok()) {
      return e;
    }
    for (long p = pfn; p < pfn + n; p++) {
      if (pages.host(p) != wanted) {
        return wrongState("the host's", p, pages.host(p), wanted);
      }
    }
    return Errno.OK;
  }

  /** Checks EL2's state of a range (EPERM). */
  Errno checkHyp(long pfn, long n, PageState wanted) {
    hypLock.assertExclusive();
    for (long p = pfn; p < pfn + n; p++) {
      if (pages.hyp(p) != wanted) {
        return wrongState("EL2's", p, pages.hyp(p), wanted);
      }
    }
    return Errno.OK;
  }

  private Errno wrongState(String whose, long pfn, PageState now, PageState wanted) {
    return refuse(
        Errno.EPERM,
        () -> frame(pfn) + ": " + whose + " state is " + now + ", " + wanted + " expected");
  }

  /** Gives the host access in {@code state}; pages it could not reach are mapped again. */
  void setHost(long pfn, long n, PageState state) {
    for (long p = pfn; p < pfn + n; p++) {
      // __host_set_page_state_range: only a page that was out of reach has no mapping by right.
      if (pages.host(p) == PageState.NOPAGE) {
        host.mapPages(p, 1);
      }
      pages.setHost(p, state);
    }
  }

  /** Takes pages from the host and records their owner. */
  void takeFromHost(long pfn, long n, long annotation) {
    host.annotate(pfn, n, annotation);
    for (long p = pfn; p < pfn + n; p++) {
      pages.setHost(p, PageState.NOPAGE);
    }
  }

  void setHyp(long pfn, long n, PageState state) {
    for (long p = pfn; p < pfn + n; p++) {
      pages.setHyp(p, state);
    }
  }

  void mapAtHyp(long pfn) {
    hyp.set(pfn, HypPageTable.PAGE_LEVEL, Pte.leaf(pfn, Pte.R | Pte.W, PageState.OWNED));
  }

  void unmapAtHyp(long pfn) {
    hyp.clear(pfn);
  }
}
