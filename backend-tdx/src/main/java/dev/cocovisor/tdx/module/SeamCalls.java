package dev.cocovisor.tdx.module;

import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;
import dev.cocovisor.tdx.module.abi.Registers;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.call.Processor;
import dev.cocovisor.tdx.module.call.SeamCall;

/**
 * SEAMCALLs with Java types, made on one logical processor.
 *
 * <p>Every method returns the completion status ({@link SeamStatus}); outputs are read from {@link
 * #rcx}, {@link #rdx}, {@link #r8}, {@link #r9} until the next call. Addresses are bytes; levels
 * are those of the module (0 = 4 KiB, 1 = 2 MiB, 2 = 1 GiB). Nothing is allocated. Not thread-safe:
 * one instance for each thread that makes calls.
 */
public final class SeamCalls {
  private final TdxModule module;
  private final Processor processor;
  private final Registers r = new Registers();

  /** Creates the calls of a processor. */
  public SeamCalls(TdxModule module, int lp) {
    this.module = module;
    this.processor = module.processor(lp);
  }

  /** Returns RCX of the last call. */
  public long rcx() {
    return r.rcx;
  }

  /** Returns RDX of the last call. */
  public long rdx() {
    return r.rdx;
  }

  /** Returns R8 of the last call. */
  public long r8() {
    return r.r8;
  }

  /** Returns R9 of the last call. */
  public long r9() {
    return r.r9;
  }

  /** Makes a version-0 call of any leaf; R10 and R11 are zero. */
  public long call(SeamCall leaf, long rcx, long rdx, long r8, long r9) {
    SchedulePoint.reach(PointKind.TRUSTED_CALL, module);
    r.rcx = rcx;
    r.rdx = rdx;
    r.r8 = r8;
    r.r9 = r9;
    return module.call(leaf, 0, processor, r);
  }

  /** Makes the next call with two pages for 4 KiB PAMT entries, in R12 and R13. */
  public void pamtPages(long first, long second) {
    r.r12 = first;
    r.r13 = second;
  }

  /** TDH.VP.ENTER: {@link SeamStatus#IN_GUEST} if the vCPU is inside now. */
  public long vpEnter(long tdvpr) {
    return call(SeamCall.VP_ENTER, tdvpr, 0, 0, 0);
  }

  /** TDH.MNG.CREATE: makes a page the TDR of a new TD. */
  public long mngCreate(long tdr, int hkid) {
    return call(SeamCall.MNG_CREATE, tdr, hkid, 0, 0);
  }

  /** TDH.MNG.KEY.CONFIG. */
  public long mngKeyConfig(long tdr) {
    return call(SeamCall.MNG_KEY_CONFIG, tdr, 0, 0, 0);
  }

  /** TDH.MNG.ADDCX. */
  public long mngAddCx(long tdr, long page) {
    return call(SeamCall.MNG_ADDCX, page, tdr, 0, 0);
  }

  /** TDH.MNG.INIT: {@code params} is where TD_PARAMS lies. */
  public long mngInit(long tdr, long params) {
    return call(SeamCall.MNG_INIT, tdr, params, 0, 0);
  }

  /** TDH.MNG.VPFLUSHDONE. */
  public long mngVpFlushDone(long tdr) {
    return call(SeamCall.MNG_VPFLUSHDONE, tdr, 0, 0, 0);
  }

  /** TDH.MNG.KEY.FREEID. */
  public long mngKeyFreeId(long tdr) {
    return call(SeamCall.MNG_KEY_FREEID, tdr, 0, 0, 0);
  }

  /** TDH.VP.CREATE. */
  public long vpCreate(long tdr, long tdvpr) {
    return call(SeamCall.VP_CREATE, tdvpr, tdr, 0, 0);
  }

  /** TDH.VP.ADDCX. */
  public long vpAddCx(long tdvpr, long page) {
    return call(SeamCall.VP_ADDCX, page, tdvpr, 0, 0);
  }

  /** TDH.VP.INIT: {@code initialRcx} is what the guest finds in RCX. */
  public long vpInit(long tdvpr, long initialRcx) {
    return call(SeamCall.VP_INIT, tdvpr, initialRcx, 0, 0);
  }

  /** TDH.VP.FLUSH. */
  public long vpFlush(long tdvpr) {
    return call(SeamCall.VP_FLUSH, tdvpr, 0, 0, 0);
  }

  /** TDH.MEM.SEPT.ADD: {@code level} is that of the entry that will point to the table. */
  public long memSeptAdd(long tdr, long gpa, int level, long page) {
    return call(SeamCall.MEM_SEPT_ADD, gpa | level, tdr, page, 0);
  }

  /** TDH.MEM.SEPT.REMOVE: RCX is the page freed. */
  public long memSeptRemove(long tdr, long gpa, int level) {
    return call(SeamCall.MEM_SEPT_REMOVE, gpa | level, tdr, 0, 0);
  }

  /** TDH.MEM.SEPT.RD: RCX is the entry, RDX level and state. */
  public long memSeptRead(long tdr, long gpa, int level) {
    return call(SeamCall.MEM_SEPT_RD, gpa | level, tdr, 0, 0);
  }

  /** TDH.MEM.PAGE.ADD: copies {@code source} into {@code page} at build time. */
  public long memPageAdd(long tdr, long gpa, long page, long source) {
    return call(SeamCall.MEM_PAGE_ADD, gpa, tdr, page, source);
  }

  /** TDH.MEM.PAGE.AUG. */
  public long memPageAug(long tdr, long gpa, int level, long page) {
    return call(SeamCall.MEM_PAGE_AUG, gpa | level, tdr, page, 0);
  }

  /** TDH.MEM.PAGE.REMOVE: RCX is the page freed. */
  public long memPageRemove(long tdr, long gpa, int level) {
    return call(SeamCall.MEM_PAGE_REMOVE, gpa | level, tdr, 0, 0);
  }

  /** TDH.MEM.PAGE.RELOCATE: RCX is the page freed. */
  public long memPageRelocate(long tdr, long gpa, long page) {
    return call(SeamCall.MEM_PAGE_RELOCATE, gpa, tdr, page, 0);
  }

  /** TDH.MEM.PAGE.DEMOTE: {@code table} becomes the page of the new table. */
  public long memPageDemote(long tdr, long gpa, int level, long table) {
    return call(SeamCall.MEM_PAGE_DEMOTE, gpa | level, tdr, table, 0);
  }

  /** TDH.MEM.PAGE.PROMOTE: RCX is the table page freed. */
  public long memPagePromote(long tdr, long gpa, int level) {
    return call(SeamCall.MEM_PAGE_PROMOTE, gpa | level, tdr, 0, 0);
  }

  /** TDH.MEM.RANGE.BLOCK. */
  public long memRangeBlock(long tdr, long gpa, int level) {
    return call(SeamCall.MEM_RANGE_BLOCK, gpa | level, tdr, 0, 0);
  }

  /** TDH.MEM.RANGE.UNBLOCK. */
  public long memRangeUnblock(long tdr, long gpa, int level) {
    return call(SeamCall.MEM_RANGE_UNBLOCK, gpa | level, tdr, 0, 0);
  }

  /** TDH.MEM.TRACK. */
  public long memTrack(long tdr) {
    return call(SeamCall.MEM_TRACK, tdr, 0, 0, 0);
  }

  /** TDH.MR.EXTEND: measures the 256 bytes at {@code gpa}. */
  public long mrExtend(long tdr, long gpa) {
    return call(SeamCall.MR_EXTEND, gpa, tdr, 0, 0);
  }

  /** TDH.MR.FINALIZE. */
  public long mrFinalize(long tdr) {
    return call(SeamCall.MR_FINALIZE, tdr, 0, 0, 0);
  }

  /** TDH.PHYMEM.PAGE.RDMD: RCX type, RDX owner, R8 size, R9 BEPOCH. */
  public long phymemPageReadMetadata(long page) {
    return call(SeamCall.PHYMEM_PAGE_RDMD, page, 0, 0, 0);
  }

  /** TDH.PHYMEM.PAGE.RECLAIM: RCX type, RDX owner, R8 size. */
  public long phymemPageReclaim(long page) {
    return call(SeamCall.PHYMEM_PAGE_RECLAIM, page, 0, 0, 0);
  }

  /** TDH.PHYMEM.PAGE.WBINVD: {@code pageWithKey} carries the HKID in its key bits. */
  public long phymemPageWbinvd(long pageWithKey) {
    return call(SeamCall.PHYMEM_PAGE_WBINVD, pageWithKey, 0, 0, 0);
  }

  /** TDH.PHYMEM.CACHE.WB. */
  public long phymemCacheWb(boolean resume) {
    return call(SeamCall.PHYMEM_CACHE_WB, resume ? 1 : 0, 0, 0, 0);
  }
}
