package dev.cocovisor.tdx.module.call;

import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.tdx.module.abi.Operand;
import dev.cocovisor.tdx.module.abi.PlatformConfig;
import dev.cocovisor.tdx.module.abi.Registers;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.keys.KeyTable;
import dev.cocovisor.tdx.module.pamt.PageType;
import dev.cocovisor.tdx.module.pamt.Pamt;
import dev.cocovisor.tdx.module.sept.SeptTable;
import dev.cocovisor.tdx.module.td.CpuidConfig;
import dev.cocovisor.tdx.module.td.CpuidFieldId;
import dev.cocovisor.tdx.module.td.CpuidValues;
import dev.cocovisor.tdx.module.td.Mrtd;
import dev.cocovisor.tdx.module.td.Td;
import dev.cocovisor.tdx.module.td.TdParams;

/**
 * A TD from its creation to the freeing of its key: MNG.CREATE, KEY.CONFIG, ADDCX, INIT,
 * VPFLUSHDONE, KEY.FREEID.
 *
 * <p>Source: TDX module 1.5.01, {@code tdh_mng_*.c}.
 */
final class TdLifecycle {
  private static final int MAX_TDCX = 9;

  /** Which TDCX page, counted from 0, is the Secure-EPT root. */
  private static final int ROOT_TDCX = 3;

  /** The one refusal of parameters that RCX says more about. */
  private static final long WRONG_CPUID = SeamStatus.OPERAND_INVALID.with(Operand.CPUID_CONFIG);

  private final Checks checks;
  private final KeyTable keys;
  private final PhysicalMemory memory;
  private final PlatformConfig config;

  TdLifecycle(Checks checks, KeyTable keys, PhysicalMemory memory, PlatformConfig config) {
    this.checks = checks;
    this.keys = keys;
    this.memory = memory;
    this.config = config;
  }

  long create(Frame f, Registers r) {
    if (!keys.isPrivate(r.rdx)) {
      return SeamStatus.OPERAND_INVALID.with(Operand.RDX);
    }
    long s = checks.page(f, r.rcx, 0, true, PageType.NDA, Operand.RCX);
    if (s != 0) {
      return s;
    }
    if (!f.lockKot(keys.lock, true)) {
      return SeamStatus.OPERAND_BUSY.with(Operand.KOT);
    }
    int hkid = (int) r.rdx;
    if (keys.state(hkid) != KeyTable.State.FREE) {
      return SeamStatus.HKID_NOT_FREE.code();
    }
    keys.assign(hkid);
    Pamt pamt = checks.pamt(r.rcx);
    pamt.assign(0, r.rcx, PageType.TDR, 0);
    pamt.setControl(r.rcx, new Td(r.rcx, hkid));
    return 0;
  }

  long keyConfig(Frame f, Registers r) {
    long s = checks.tdr(f, r.rcx, Operand.RCX, true);
    if (s != 0) {
      return s;
    }
    Td td = f.td();
    if (td.fatal) {
      return SeamStatus.TD_FATAL.code();
    }
    // With one package the first configuration ends the state, so KEY_CONFIGURED is never given.
    if (td.lifecycle != Td.HKID_ASSIGNED) {
      return SeamStatus.LIFECYCLE_STATE_INCORRECT.code();
    }
    td.lifecycle = Td.KEYS_CONFIGURED;
    return 0;
  }

  long addCx(Frame f, Registers r) {
    long s = checks.tdr(f, r.rdx, Operand.RDX, true);
    if (s != 0) {
      return s;
    }
    Td td = f.td();
    if (td.fatal) {
      return SeamStatus.TD_FATAL.code();
    }
    if (td.lifecycle != Td.KEYS_CONFIGURED) {
      return SeamStatus.TD_KEYS_NOT_CONFIGURED.code();
    }
    if (td.tdcxPages >= MAX_TDCX) {
      return SeamStatus.TDCX_NUM_INCORRECT.code();
    }
    s = checks.page(f, r.rcx, 0, true, PageType.NDA, Operand.RCX);
    if (s != 0) {
      return s;
    }
    if (!SeamCall.MNG_ADDCX.allowedIn(td.opState)) {
      return SeamStatus.OP_STATE_INCORRECT.code();
    }
    if (td.tdcxPages == ROOT_TDCX) {
      td.rootHpa = r.rcx;
    }
    td.tdcxPages++;
    td.addChildren(f.group, 1);
    checks.pamt(r.rcx).assign(0, r.rcx, PageType.TDCX, td.tdr());
    return 0;
  }

  long init(Frame f, Registers r) {
    long tdr = r.rcx;
    r.rcx = 0;
    long s = checks.tdr(f, tdr, Operand.RCX, true);
    if (s == 0) {
      s = checks.tdState(f, SeamCall.MNG_INIT, false);
    }
    if (s != 0) {
      return s;
    }
    Td td = f.td();
    if ((r.rdx & (TdParams.SIZE - 1)) != 0 || !sharedHpa(r.rdx)) {
      return SeamStatus.OPERAND_INVALID.with(Operand.RDX);
    }
    byte[] raw = new byte[TdParams.SIZE];
    memory.read(r.rdx, raw, 0, raw.length);
    TdParams params = TdParams.parse(raw);
    s = params.check(raw, td.tdcxPages);
    if (s != 0) {
      r.rcx = s == WRONG_CPUID ? CpuidConfig.detail(raw, params.attributes()) : 0;
      return s;
    }
    td.configure(raw, params);
    td.root = new SeptTable(td.rootHpa, params.levels() - 1);
    td.epoch = 1;
    td.mrtdInProgress = new Mrtd();
    td.opState = Td.INITIALIZED;
    return 0;
  }

  /** Reads a field of the TD's metadata into R8; of those there are, what it finds in CPUID. */
  long read(Frame f, Registers r) {
    r.r8 = 0;
    long s = checks.tdr(f, r.rcx, Operand.RCX, false);
    if (s == 0) {
      s = checks.tdState(f, SeamCall.MNG_RD, true);
    }
    if (s != 0) {
      return s;
    }
    CpuidValues values = f.td().cpuid;
    if (values == null || !CpuidFieldId.isOne(r.rdx)) {
      return SeamStatus.METADATA_FIELD_ID_INCORRECT.code();
    }
    long leaf = CpuidFieldId.leaf(r.rdx);
    long subleaf = CpuidFieldId.subleaf(r.rdx);
    if (CpuidValues.faults(leaf, subleaf)) {
      return SeamStatus.METADATA_FIELD_NOT_READABLE.code();
    }
    int row = CpuidValues.find(leaf, subleaf);
    if (row == CpuidValues.NONE) {
      return SeamStatus.METADATA_FIELD_ID_INCORRECT.code();
    }
    r.r8 = values.half(row, CpuidFieldId.element(r.rdx));
    return 0;
  }

  long vpFlushDone(Frame f, Registers r) {
    long s = checks.tdr(f, r.rcx, Operand.RCX, true);
    if (s != 0) {
      return s;
    }
    if (!f.lockKot(keys.lock, true)) {
      return SeamStatus.OPERAND_BUSY.with(Operand.KOT);
    }
    Td td = f.td();
    if (td.lifecycle != Td.HKID_ASSIGNED && td.lifecycle != Td.KEYS_CONFIGURED) {
      return SeamStatus.LIFECYCLE_STATE_INCORRECT.code();
    }
    if (td.associated() != 0) {
      return SeamStatus.FLUSHVP_NOT_DONE.code();
    }
    keys.flush(td.hkid());
    td.lifecycle = Td.BLOCKED;
    return 0;
  }

  long keyFreeId(Frame f, Registers r) {
    long s = checks.tdr(f, r.rcx, Operand.RCX, true);
    if (s != 0) {
      return s;
    }
    if (!f.lockKot(keys.lock, true)) {
      return SeamStatus.OPERAND_BUSY.with(Operand.KOT);
    }
    Td td = f.td();
    if (td.lifecycle != Td.BLOCKED) {
      return SeamStatus.LIFECYCLE_STATE_INCORRECT.code();
    }
    if (keys.needsWriteBack(td.hkid())) {
      return SeamStatus.WBCACHE_NOT_COMPLETE.code();
    }
    keys.free(td.hkid());
    td.lifecycle = Td.TEARDOWN;
    return 0;
  }

  /** Tells whether an address carries no private key. */
  boolean sharedHpa(long hpa) {
    return hpa >>> config.maxPa() == 0 && !keys.isPrivate(hpa >>> config.keyShift());
  }
}
