package dev.cocovisor.tdx.module;

import dev.cocovisor.api.mem.SparseMemory;
import dev.cocovisor.tdx.module.abi.GuestOutcome;
import dev.cocovisor.tdx.module.abi.PlatformConfig;
import dev.cocovisor.tdx.module.abi.Registers;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.call.TdCall;
import dev.cocovisor.tdx.module.pamt.Pamt;
import dev.cocovisor.tdx.module.sept.SeptState;
import dev.cocovisor.tdx.module.sept.SeptTable;
import dev.cocovisor.tdx.module.td.Td;
import dev.cocovisor.tdx.module.td.TdParams;
import java.util.ArrayList;
import java.util.List;

/** A module with one TD in any state, driven by SEAMCALLs alone. */
final class Bench {
  static final long BASE = 0x40000000L;
  static final long TDR = BASE;
  static final long VCPU = BASE + 0x10000;
  static final long VCPU_1 = BASE + 0x20000;
  static final long PARAMS = 0x1000;
  static final long SOURCE = 0x2000;
  static final int LP = 1;
  static final int LP_1 = 2;

  final SparseMemory memory = new SparseMemory();
  final Pamt pamt = new Pamt(BASE, BASE + (2L << 30));
  final TdxModule module = new TdxModule(PlatformConfig.standard(4), memory, List.of(pamt));
  final SeamCalls host = new SeamCalls(module, 0);
  final SeamCalls onLp = new SeamCalls(module, LP);
  final SeamCalls onLp1 = new SeamCalls(module, LP_1);
  final Registers r = new Registers();
  private long nextPage = BASE + 0x100000;
  private long nextHuge = BASE + (1L << 30);

  /** Creates the TD and two vCPUs; op state INITIALIZED. */
  static Bench initialized(boolean septVeDisable) {
    Bench b = new Bench();
    b.must(b.host.mngCreate(TDR, 0x20));
    b.must(b.host.mngKeyConfig(TDR));
    for (int i = 1; i <= 6; i++) {
      b.must(b.host.mngAddCx(TDR, TDR + i * 0x1000L));
    }
    long attributes = septVeDisable ? TdParams.SEPT_VE_DISABLE : 0;
    byte[] raw = new TdParams(attributes, 3, 8, 0, 0x1e, 0, 80).toBytes();
    b.memory.write(PARAMS, raw, 0, raw.length);
    b.must(b.host.mngInit(TDR, PARAMS));
    b.vcpu(VCPU, b.onLp);
    b.vcpu(VCPU_1, b.onLp1);
    return b;
  }

  static Bench runnable(boolean septVeDisable) {
    Bench b = initialized(septVeDisable);
    b.must(b.host.mrFinalize(TDR));
    return b;
  }

  private void vcpu(long tdvpr, SeamCalls lp) {
    must(host.vpCreate(TDR, tdvpr));
    for (int i = 1; i <= 5; i++) {
      must(host.vpAddCx(tdvpr, tdvpr + i * 0x1000L));
    }
    must(lp.vpInit(tdvpr, 0));
  }

  void must(long status) {
    if (status != 0) {
      throw new AssertionError(SeamStatus.describe(status));
    }
    check();
  }

  /** Checks the invariants. */
  void check() {
    List<String> broken = new ArrayList<>();
    ModuleInvariants.check(module, TDR, broken::add);
    if (!broken.isEmpty()) {
      throw new AssertionError(broken.toString());
    }
  }

  Td td() {
    Td td = module.td(TDR);
    if (td == null) {
      throw new AssertionError("no TD");
    }
    return td;
  }

  long page() {
    nextPage += 4096;
    return nextPage - 4096;
  }

  long huge() {
    nextHuge += 2L << 20;
    return nextHuge - (2L << 20);
  }

  /** Links the tables above entries of a level. */
  void tables(long gpa, int level) {
    for (int l = 3; l > level; l--) {
      long s = host.memSeptAdd(TDR, gpa & -(4096L << (9 * l)), l, page());
      if (s != 0 && !SeamStatus.EPT_ENTRY_STATE_INCORRECT.is(s)) {
        must(s);
      }
    }
  }

  void enter() {
    long s = onLp.vpEnter(VCPU);
    if (s != SeamStatus.IN_GUEST) {
      throw new AssertionError(SeamStatus.describe(s));
    }
  }

  void leave() {
    if (module.inside(LP) != null) {
      module.vmExit(LP, 1);
    }
  }

  /** Runs TDG.MEM.PAGE.ACCEPT inside a vCPU that is in the guest. */
  GuestOutcome accept(long gpa, int level) {
    r.clear();
    r.rax = TdCall.MEM_PAGE_ACCEPT.leaf();
    r.rcx = gpa | level;
    return module.tdcall(LP, r);
  }

  void mustAccept(long gpa, int level) {
    enter();
    GuestOutcome o = accept(gpa, level);
    if (o != GuestOutcome.DONE || r.rax != 0) {
      throw new AssertionError(o + " " + SeamStatus.describe(r.rax));
    }
    leave();
  }

  void track() {
    must(host.memTrack(TDR));
  }

  SeptState state(long gpa, int level) {
    SeptTable t = td().rootTable();
    while (t.level() > level) {
      SeptTable next = t.child((int) (gpa >>> (12 + 9 * t.level())) & 511);
      if (next == null
          || SeptState.of(t.get((int) (gpa >>> (12 + 9 * t.level())) & 511))
              != SeptState.NL_MAPPED) {
        return SeptState.REMOVED;
      }
      t = next;
    }
    return SeptState.of(t.get((int) (gpa >>> (12 + 9 * level)) & 511));
  }
}
