package dev.cocovisor.tdx.module.call;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.tdx.module.abi.Operand;
import dev.cocovisor.tdx.module.abi.PendingInterrupts;
import dev.cocovisor.tdx.module.abi.PlatformConfig;
import dev.cocovisor.tdx.module.abi.Registers;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.keys.KeyTable;
import dev.cocovisor.tdx.module.pamt.PageType;
import dev.cocovisor.tdx.module.pamt.Pamt;
import dev.cocovisor.tdx.module.pamt.PamtPairs;
import dev.cocovisor.tdx.module.td.Td;
import org.jspecify.annotations.Nullable;

/**
 * Physical pages and caches: PHYMEM.PAGE.RDMD, RECLAIM, WBINVD, PHYMEM.CACHE.WB.
 *
 * <p>Source: TDX module 1.5.01, {@code tdh_phymem_*.c}.
 */
final class PhymemCalls {
  private final Checks checks;
  private final KeyTable keys;
  private final PlatformConfig config;
  private final PhysicalMemory memory;

  PhymemCalls(Checks checks, KeyTable keys, PlatformConfig config, PhysicalMemory memory) {
    this.checks = checks;
    this.keys = keys;
    this.config = config;
    this.memory = memory;
  }

  /** Locks the entry of a page in use at whatever size; the size is left in {@code f.level}. */
  private long anyPage(Frame f, long hpa, boolean exclusive) {
    if (!checks.validHpa(hpa, 0)) {
      return SeamStatus.OPERAND_INVALID.with(Operand.RCX);
    }
    Pamt p = checks.pamtOf(hpa);
    if (p == null) {
      return SeamStatus.OPERAND_ADDR_RANGE_ERROR.with(Operand.RCX);
    }
    f.level = 0;
    for (int size = 2; size >= 0; size--) {
      if (!f.lockPamt(p, size, hpa, size == 0 && exclusive)) {
        return SeamStatus.OPERAND_BUSY.with(Operand.RCX);
      }
      if (size > 0 && f.pageType() != PageType.NDA) {
        f.level = size;
        return exclusive && !f.upgradeNewest(p, size, hpa)
            ? SeamStatus.OPERAND_BUSY.with(Operand.RCX)
            : 0;
      }
    }
    return 0;
  }

  long readMetadata(Frame f, Registers r) {
    long hpa = r.rcx;
    r.rcx = 0;
    r.rdx = 0;
    r.r8 = 0;
    r.r9 = 0;
    long s = anyPage(f, hpa, false);
    if (s != 0) {
      return s;
    }
    int type = describe(f, r, hpa);
    if (type == PageType.REG || type == PageType.EPT) {
      r.r9 = checks.pamt(hpa).bepoch(f.level, hpa);
    }
    return 0;
  }

  private int describe(Frame f, Registers r, long hpa) {
    Pamt p = checks.pamt(hpa);
    int type = p.type(f.level, hpa);
    r.rcx = type;
    r.rdx = p.owner(f.level, hpa);
    r.r8 = f.level;
    return type;
  }

  /** PHYMEM.PAMT.ADD: RCX 2 MiB and its size, RDX and R8 two pages for its entries of 4 KiB. */
  long addPamt(Frame f, Registers r) {
    PamtPairs pairs = checks.pairs();
    if (pairs == null) {
      return SeamStatus.OPERAND_INVALID.with(Operand.RAX);
    }
    long mega = r.rcx & ~1L;
    if ((r.rcx & 1) == 0 || !checks.validHpa(mega, 1)) {
      return SeamStatus.OPERAND_INVALID.with(Operand.RCX);
    }
    if (r.rdx == r.r8 || !checks.validHpa(r.rdx, 0)) {
      return SeamStatus.OPERAND_INVALID.with(Operand.RDX);
    }
    if (!checks.validHpa(r.r8, 0)) {
      return SeamStatus.OPERAND_INVALID.with(Operand.R8);
    }
    long s = checks.page(f, mega, 1, true, PageType.NDA, Operand.RCX);
    if (s != 0) {
      boolean inUse = SeamStatus.PAGE_METADATA_INCORRECT.is(s);
      return inUse ? SeamStatus.HPA_RANGE_NOT_FREE.with(Operand.RCX) : s;
    }
    return pairs.add(mega, r.rdx, r.r8) ? 0 : SeamStatus.HPA_RANGE_NOT_FREE.with(Operand.RCX);
  }

  /** PHYMEM.PAMT.REMOVE: RCX 2 MiB and its size, none of whose pages is in use; RDX, R8 its two. */
  long removePamt(Frame f, Registers r) {
    PamtPairs pairs = checks.pairs();
    if (pairs == null) {
      return SeamStatus.OPERAND_INVALID.with(Operand.RAX);
    }
    long mega = r.rcx & ~1L;
    if ((r.rcx & 1) == 0 || !checks.validHpa(mega, 1)) {
      return SeamStatus.OPERAND_INVALID.with(Operand.RCX);
    }
    long s = checks.page(f, mega, 1, true, PageType.NDA, Operand.RCX);
    if (s != 0) {
      return s;
    }
    if (checks.pamt(mega).used4k(mega) != 0) {
      return SeamStatus.HPA_RANGE_NOT_FREE.with(Operand.RCX);
    }
    long[] pair = pairs.remove(mega);
    if (pair == null) {
      return SeamStatus.PAGE_METADATA_INCORRECT.with(Operand.RCX);
    }
    r.rdx = pair[0];
    r.r8 = pair[1];
    return 0;
  }

  long reclaim(Frame f, Registers r) {
    long hpa = r.rcx;
    r.rcx = 0;
    r.rdx = 0;
    r.r8 = 0;
    long s = anyPage(f, hpa, true);
    if (s != 0) {
      return s;
    }
    int size = f.level;
    int type = checks.pamt(hpa).type(size, hpa);
    if (type == PageType.NDA || type == PageType.RSVD) {
      // Unlike RDMD, RECLAIM shows nothing of such a page.
      return SeamStatus.PAGE_METADATA_INCORRECT.with(Operand.RCX);
    }
    describe(f, r, hpa);
    if (!checks.validHpa(hpa, size)) {
      return SeamStatus.OPERAND_INVALID.with(Operand.RCX);
    }
    Pamt pamt = checks.pamt(hpa);
    if (type == PageType.TDR) {
      Td td = (Td) pamt.control(hpa);
      if (td == null) {
        throw new IllegalStateException("a TDR page without a TD");
      }
      if (td.lifecycle != Td.TEARDOWN) {
        return SeamStatus.LIFECYCLE_STATE_INCORRECT.code();
      }
      if (td.children() != 0) {
        return SeamStatus.TD_ASSOCIATED_PAGES_EXIST.code();
      }
    } else {
      Td td = ownerOf(pamt.owner(size, hpa));
      if (td == null) {
        throw new IllegalStateException("a page without its TD");
      }
      s = checks.ownerTdr(f, td, false);
      if (s != 0) {
        return s;
      }
      if (td.lifecycle != Td.TEARDOWN) {
        return SeamStatus.LIFECYCLE_STATE_INCORRECT.code();
      }
      td.addChildren(f.group, -(1L << (9 * size)));
    }
    if (type == PageType.TDR) {
      // The module's own key, whose lines nobody wrote back yet.
      checks.free(size, hpa);
    } else {
      // CACHE.WB came before TEARDOWN.
      pamt.release(size, hpa);
      checks.cipher(hpa).leftClean(hpa >>> PageLevel.PAGE_SHIFT, 1 << (9 * size), memory);
    }
    return 0;
  }

  private @Nullable Td ownerOf(long tdr) {
    Pamt p = checks.pamtOf(tdr);
    return p != null && p.control(tdr) instanceof Td td ? td : null;
  }

  /** Flushes a freed page; RCX carries the key it was used with. */
  long pageWriteBack(Frame f, Registers r) {
    long hpa = r.rcx & ((1L << config.keyShift()) - 1);
    if (r.rcx >>> config.maxPa() != 0) {
      return SeamStatus.OPERAND_INVALID.with(Operand.RCX);
    }
    long s = checks.freePage(f, hpa, Operand.RCX);
    if (s != 0) {
      return s;
    }
    checks.cipher(hpa).writtenBack(hpa >>> PageLevel.PAGE_SHIFT, memory);
    return 0;
  }

  long cacheWriteBack(Frame f, Registers r, PendingInterrupts interrupts) {
    if (r.rcx != 0 && r.rcx != 1) {
      return SeamStatus.OPERAND_INVALID.with(Operand.RCX);
    }
    if (!keys.writeBackLock.tryLock()) {
      return SeamStatus.OPERAND_BUSY.with(Operand.WBCACHE);
    }
    try {
      if (!f.lockKot(keys.lock, false)) {
        return SeamStatus.OPERAND_BUSY.with(Operand.KOT);
      }
      if (r.rcx == 0) {
        if (!keys.beginWriteBack()) {
          return SeamStatus.NO_HKID_READY_TO_WBCACHE.code();
        }
      } else if (!keys.canResume()) {
        return SeamStatus.WBCACHE_RESUME_ERROR.code();
      }
      return keys.writeBack(interrupts) ? 0 : SeamStatus.INTERRUPTED_RESUMABLE.code();
    } finally {
      keys.writeBackLock.unlock();
    }
  }
}
