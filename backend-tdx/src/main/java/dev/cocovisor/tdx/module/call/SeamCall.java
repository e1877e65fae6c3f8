package dev.cocovisor.tdx.module.call;

import dev.cocovisor.api.trusted.TrustedCall;
import dev.cocovisor.api.trusted.TrustedOperation;
import dev.cocovisor.tdx.module.abi.OpState;
import dev.cocovisor.tdx.module.abi.Registers;
import org.jspecify.annotations.Nullable;

/**
 * Host-side leaves, one row each: name, number, operands, kind of work, highest version, the TD
 * operation states that allow it, and what carries it out.
 *
 * <p>Sources: TDX module 1.5.01, {@code tdx_vmm_api_handlers.h} for the numbers and {@code
 * op_state_lookup.c} for the states.
 */
public enum SeamCall implements TrustedCall {
  /** Runs a vCPU. */
  VP_ENTER(
      "TDH.VP.ENTER",
      0,
      1,
      TrustedOperation.ENTER,
      0,
      OpState.RUNNABLE | OpState.LIVE_EXPORT | OpState.LIVE_IMPORT,
      (m, f, r, lp, _) -> m.entry.enter(f, r, lp)),
  /** Adds a control page to a TD. */
  MNG_ADDCX(
      "TDH.MNG.ADDCX",
      1,
      2,
      TrustedOperation.CREATE,
      0,
      OpState.UNINITIALIZED,
      (m, f, r, _, _) -> m.tds.addCx(f, r)),
  /** Adds a measured 4 KiB page at build time. */
  MEM_PAGE_ADD(
      "TDH.MEM.PAGE.ADD",
      2,
      4,
      TrustedOperation.POPULATE,
      0,
      OpState.INITIALIZED,
      (m, f, r, _, _) -> m.pages.add(f, r)),
  /** Adds a Secure-EPT table. */
  MEM_SEPT_ADD(
      "TDH.MEM.SEPT.ADD",
      3,
      3,
      TrustedOperation.LINK,
      1,
      OpState.BUILD_OR_RUN | OpState.LIVE_EXPORT | OpState.IMPORTING,
      (m, f, r, _, version) -> m.sept.add(f, r, version)),
  /** Adds a control page to a vCPU. */
  VP_ADDCX(
      "TDH.VP.ADDCX",
      4,
      2,
      TrustedOperation.VCPU,
      0,
      OpState.INITIALIZED | OpState.STATE_IMPORT,
      (m, f, r, _, _) -> m.vcpus.addCx(f, r)),
  /** Moves a 4 KiB page to another frame. */
  MEM_PAGE_RELOCATE(
      "TDH.MEM.PAGE.RELOCATE",
      5,
      3,
      TrustedOperation.OTHER,
      0,
      OpState.NO_EARLY_IMPORT,
      (m, f, r, _, _) -> m.pages.relocate(f, r)),
  /** Adds a pending page at run time. */
  MEM_PAGE_AUG(
      "TDH.MEM.PAGE.AUG",
      6,
      3,
      TrustedOperation.MAP,
      0,
      OpState.BUILD_OR_RUN | OpState.LIVE_EXPORT | OpState.LIVE_IMPORT,
      (m, f, r, _, _) -> m.pages.aug(f, r)),
  /** Blocks an entry. */
  MEM_RANGE_BLOCK(
      "TDH.MEM.RANGE.BLOCK",
      7,
      2,
      TrustedOperation.UNMAP,
      0,
      OpState.NO_EARLY_IMPORT,
      (m, f, r, _, _) -> m.ranges.block(f, r)),
  /** Configures a TD's key on this package. */
  MNG_KEY_CONFIG(
      "TDH.MNG.KEY.CONFIG",
      8,
      1,
      TrustedOperation.CREATE,
      0,
      OpState.ANY,
      (m, f, r, _, _) -> m.tds.keyConfig(f, r)),
  /** Creates a TD. */
  MNG_CREATE(
      "TDH.MNG.CREATE",
      9,
      2,
      TrustedOperation.CREATE,
      0,
      OpState.ANY,
      (m, f, r, _, _) -> m.tds.create(f, r)),
  /** Creates a vCPU. */
  VP_CREATE(
      "TDH.VP.CREATE",
      10,
      2,
      TrustedOperation.VCPU,
      0,
      OpState.INITIALIZED | OpState.STATE_IMPORT,
      (m, f, r, _, _) -> m.vcpus.create(f, r)),
  /** Reads a field of a TD's metadata. */
  MNG_RD(
      "TDH.MNG.RD",
      11,
      2,
      TrustedOperation.OTHER,
      0,
      OpState.INITIALIZED_ON,
      (m, f, r, _, _) -> m.tds.read(f, r)),
  /** Splits a large leaf. */
  MEM_PAGE_DEMOTE(
      "TDH.MEM.PAGE.DEMOTE",
      15,
      3,
      TrustedOperation.SPLIT,
      0,
      OpState.NO_EARLY_IMPORT,
      (m, f, r, lp, _) -> m.sizes.demote(f, r, lp.interrupts)),
  /** Measures 256 bytes. */
  MR_EXTEND(
      "TDH.MR.EXTEND",
      16,
      2,
      TrustedOperation.POPULATE,
      0,
      OpState.INITIALIZED,
      (m, f, r, _, _) -> m.measure.extend(f, r)),
  /** Ends the build. */
  MR_FINALIZE(
      "TDH.MR.FINALIZE",
      17,
      1,
      TrustedOperation.FINALIZE,
      0,
      OpState.INITIALIZED,
      (m, f, r, _, _) -> m.measure.finish(f, r)),
  /** Dissociates a vCPU from its processor. */
  VP_FLUSH(
      "TDH.VP.FLUSH",
      18,
      1,
      TrustedOperation.RECLAIM,
      0,
      OpState.ANY,
      (m, f, r, lp, _) -> m.vcpus.flush(f, r, lp.number)),
  /** Checks that all vCPUs are flushed. */
  MNG_VPFLUSHDONE(
      "TDH.MNG.VPFLUSHDONE",
      19,
      1,
      TrustedOperation.RECLAIM,
      0,
      OpState.ANY,
      (m, f, r, _, _) -> m.tds.vpFlushDone(f, r)),
  /** Frees a TD's HKID. */
  MNG_KEY_FREEID(
      "TDH.MNG.KEY.FREEID",
      20,
      1,
      TrustedOperation.RECLAIM,
      0,
      OpState.ANY,
      (m, f, r, _, _) -> m.tds.keyFreeId(f, r)),
  /** Initialises a TD. */
  MNG_INIT(
      "TDH.MNG.INIT",
      21,
      2,
      TrustedOperation.CREATE,
      0,
      OpState.UNINITIALIZED,
      (m, f, r, _, _) -> m.tds.init(f, r)),
  /** Initialises a vCPU. */
  VP_INIT(
      "TDH.VP.INIT",
      22,
      2,
      TrustedOperation.VCPU,
      0,
      OpState.INITIALIZED,
      (m, f, r, lp, _) -> m.vcpus.init(f, r, lp.number)),
  /** Merges a table into a large leaf. */
  MEM_PAGE_PROMOTE(
      "TDH.MEM.PAGE.PROMOTE",
      23,
      2,
      TrustedOperation.MERGE,
      1,
      OpState.NO_EARLY_IMPORT,
      (m, f, r, lp, version) -> m.sizes.promote(f, r, version, lp.interrupts)),
  /** Reads a page's PAMT entry. */
  PHYMEM_PAGE_RDMD(
      "TDH.PHYMEM.PAGE.RDMD",
      24,
      1,
      TrustedOperation.OTHER,
      0,
      OpState.ANY,
      (m, f, r, _, _) -> m.phymem.readMetadata(f, r)),
  /** Reads a Secure-EPT entry. */
  MEM_SEPT_RD(
      "TDH.MEM.SEPT.RD",
      25,
      2,
      TrustedOperation.OTHER,
      0,
      OpState.INITIALIZED_ON,
      (m, f, r, _, _) -> m.sept.read(f, r)),
  /** Does nothing; kept by Intel for old hosts. */
  MNG_KEY_RECLAIMID(
      "TDH.MNG.KEY.RECLAIMID", 27, 1, TrustedOperation.OTHER, 0, OpState.ANY, (_, _, _, _, _) -> 0),
  /** Frees a page of a TD in teardown. */
  PHYMEM_PAGE_RECLAIM(
      "TDH.PHYMEM.PAGE.RECLAIM",
      28,
      1,
      TrustedOperation.RECLAIM,
      0,
      OpState.ANY,
      (m, f, r, _, _) -> m.phymem.reclaim(f, r)),
  /** Removes a page. */
  MEM_PAGE_REMOVE(
      "TDH.MEM.PAGE.REMOVE",
      29,
      2,
      TrustedOperation.UNMAP,
      0,
      OpState.NO_EARLY_IMPORT | OpState.FAILED_IMPORT,
      (m, f, r, _, _) -> m.pages.remove(f, r)),
  /** Removes a Secure-EPT table. */
  MEM_SEPT_REMOVE(
      "TDH.MEM.SEPT.REMOVE",
      30,
      2,
      TrustedOperation.RECLAIM,
      1,
      OpState.INITIALIZED_ON,
      (m, f, r, _, version) -> m.sept.remove(f, r, version)),
  /** Begins a new TLB epoch. */
  MEM_TRACK(
      "TDH.MEM.TRACK",
      38,
      1,
      TrustedOperation.TRACK,
      0,
      OpState.INITIALIZED_ON & ~OpState.FAILED_IMPORT,
      (m, f, r, _, _) -> m.ranges.track(f, r)),
  /** Undoes a block. */
  MEM_RANGE_UNBLOCK(
      "TDH.MEM.RANGE.UNBLOCK",
      39,
      2,
      TrustedOperation.TRACK,
      0,
      OpState.NO_EARLY_IMPORT,
      (m, f, r, _, _) -> m.ranges.unblock(f, r)),
  /** Writes back this package's caches. */
  PHYMEM_CACHE_WB(
      "TDH.PHYMEM.CACHE.WB",
      40,
      1,
      TrustedOperation.RECLAIM,
      0,
      OpState.ANY,
      (m, f, r, lp, _) -> m.phymem.cacheWriteBack(f, r, lp.interrupts)),
  /** Writes back and invalidates one page's lines. */
  PHYMEM_PAGE_WBINVD(
      "TDH.PHYMEM.PAGE.WBINVD",
      41,
      1,
      TrustedOperation.RECLAIM,
      0,
      OpState.ANY,
      (m, f, r, _, _) -> m.phymem.pageWriteBack(f, r)),
  /** Takes two pages for the 4 KiB entries of 2 MiB; modules with dynamic PAMT. */
  PHYMEM_PAMT_ADD(
      "TDH.PHYMEM.PAMT.ADD",
      58,
      3,
      TrustedOperation.OTHER,
      0,
      OpState.ANY,
      (m, f, r, _, _) -> m.phymem.addPamt(f, r)),
  /** Gives them back. */
  PHYMEM_PAMT_REMOVE(
      "TDH.PHYMEM.PAMT.REMOVE",
      59,
      1,
      TrustedOperation.RECLAIM,
      0,
      OpState.ANY,
      (m, f, r, _, _) -> m.phymem.removePamt(f, r));

  /** What a leaf does with the registers; returns the completion status. */
  @FunctionalInterface
  private interface Handler {
    long handle(Leaves m, Frame f, Registers r, Processor lp, int version);
  }

  private static final @Nullable SeamCall[] BY_LEAF = new SeamCall[64];

  static {
    for (SeamCall c : values()) {
      BY_LEAF[c.leaf] = c;
    }
  }

  private final String callName;
  private final int leaf;
  private final int arity;
  private final TrustedOperation operation;
  private final int maxVersion;
  private final int opStates;
  private final Handler handler;

  SeamCall(
      String callName,
      int leaf,
      int arity,
      TrustedOperation operation,
      int maxVersion,
      int opStates,
      Handler handler) {
    this.callName = callName;
    this.leaf = leaf;
    this.arity = arity;
    this.operation = operation;
    this.maxVersion = maxVersion;
    this.opStates = opStates;
    this.handler = handler;
  }

  @Override
  public String callName() {
    return callName;
  }

  /** Returns the leaf number, RAX bits 15:0. */
  public int leaf() {
    return leaf;
  }

  @Override
  public long number() {
    return leaf;
  }

  @Override
  public int arity() {
    return arity;
  }

  @Override
  public TrustedOperation operation() {
    return operation;
  }

  /** Returns the highest version RAX bits 23:16 may name. */
  public int maxVersion() {
    return maxVersion;
  }

  /** Carries the call out. */
  long handle(Leaves module, Frame f, Registers r, Processor lp, int version) {
    return handler.handle(module, f, r, lp, version);
  }

  /**
   * Tells whether the dispatcher lets a version through: leaves with versions check it themselves.
   */
  public boolean knows(int version) {
    return version == 0 || maxVersion > 0;
  }

  /** Tells whether a TD in an operation state (0 to 10) allows the call. */
  public boolean allowedIn(int opState) {
    return (opStates >>> opState & 1) != 0;
  }

  /** Returns the leaf of a number, or null. */
  public static @Nullable SeamCall of(int leaf) {
    return leaf >= 0 && leaf < BY_LEAF.length ? BY_LEAF[leaf] : null;
  }

  /** Returns the leaf of a name, or null. */
  public static @Nullable SeamCall named(String callName) {
    for (SeamCall c : values()) {
      if (c.callName.equals(callName)) {
        return c;
      }
    }
    return null;
  }
}
