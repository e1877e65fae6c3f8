package dev.cocovisor.tdx.module.call;

import dev.cocovisor.tdx.module.abi.Operand;
import dev.cocovisor.tdx.module.abi.Registers;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.pamt.PageType;
import dev.cocovisor.tdx.module.pamt.Pamt;
import dev.cocovisor.tdx.module.td.Td;
import dev.cocovisor.tdx.module.td.Tdvps;

/**
 * A vCPU from its creation to its flush: VP.CREATE, ADDCX, INIT, FLUSH.
 *
 * <p>Source: TDX module 1.5.01, {@code tdh_vp_*.c}.
 */
final class VcpuLifecycle {
  /** TDCX pages a vCPU needs besides its TDVPR. */
  static final int MIN_TDCX = 5;

  private static final int TDCX_PER_L2_VM = 3;

  /** Pages of a vCPU with those of three nested VMs. */
  private static final int MAX_TDCX = MIN_TDCX + 3 * TDCX_PER_L2_VM;

  private final Checks checks;

  VcpuLifecycle(Checks checks) {
    this.checks = checks;
  }

  long create(Frame f, Registers r) {
    long s = checks.tdr(f, r.rdx, Operand.RDX, false);
    if (s == 0) {
      s = checks.tdState(f, SeamCall.VP_CREATE, true);
    }
    if (s == 0) {
      s = checks.page(f, r.rcx, 0, true, PageType.NDA, Operand.RCX);
    }
    if (s != 0) {
      return s;
    }
    Td td = f.td();
    Pamt pamt = checks.pamt(r.rcx);
    pamt.assign(0, r.rcx, PageType.TDVPR, td.tdr());
    pamt.setControl(r.rcx, new Tdvps(r.rcx, td));
    td.addChildren(f.group, 1);
    return 0;
  }

  long addCx(Frame f, Registers r) {
    long s = vcpu(f, r.rdx, Operand.RDX, SeamCall.VP_ADDCX);
    if (s != 0) {
      return s;
    }
    Tdvps v = tdvps(r.rdx);
    if (v.state != Tdvps.UNINITIALIZED) {
      return SeamStatus.VCPU_STATE_INCORRECT.code();
    }
    if (v.tdcxPages >= MAX_TDCX) {
      return SeamStatus.TDCX_NUM_INCORRECT.code();
    }
    s = checks.page(f, r.rcx, 0, true, PageType.NDA, Operand.RCX);
    if (s != 0) {
      return s;
    }
    v.tdcxPages++;
    checks.pamt(r.rcx).assign(0, r.rcx, PageType.TDCX, v.td().tdr());
    v.td().addChildren(f.group, 1);
    return 0;
  }

  long init(Frame f, Registers r, int lp) {
    long s = vcpu(f, r.rcx, Operand.RCX, SeamCall.VP_INIT);
    if (s != 0) {
      return s;
    }
    Tdvps v = tdvps(r.rcx);
    Td td = v.td();
    if (!complete(v)) {
      return SeamStatus.TDCX_NUM_INCORRECT.code();
    }
    if (v.state != Tdvps.UNINITIALIZED) {
      return SeamStatus.VCPU_STATE_INCORRECT.code();
    }
    int index = td.takeVcpuIndex(td.params.maxVcpus());
    if (index < 0) {
      return SeamStatus.MAX_VCPUS_EXCEEDED.code();
    }
    v.index = index;
    v.associate(lp);
    td.addAssociated(1);
    v.lastEpoch = td.epoch;
    v.state = Tdvps.READY;
    return 0;
  }

  long flush(Frame f, Registers r, int lp) {
    long s = checks.page(f, r.rcx, 0, true, PageType.TDVPR, Operand.RCX);
    if (s != 0) {
      return s;
    }
    Tdvps v = tdvps(r.rcx);
    s = checks.ownerTdr(f, v.td(), false);
    if (s != 0) {
      return s;
    }
    // Neither the operation state nor a fatal error matters: a vCPU can always be flushed.
    if (v.td().lifecycle != Td.KEYS_CONFIGURED) {
      return SeamStatus.TD_KEYS_NOT_CONFIGURED.code();
    }
    if (!complete(v)) {
      return SeamStatus.TDCX_NUM_INCORRECT.code();
    }
    if (v.processor() != lp) {
      return SeamStatus.VCPU_NOT_ASSOCIATED.code();
    }
    v.dissociate();
    v.td().addAssociated(-1);
    v.flushOnEntry = true;
    return 0;
  }

  /** Tells whether a vCPU has the pages it needs, without which the module cannot map it. */
  static boolean complete(Tdvps v) {
    return v.tdcxPages >= MIN_TDCX + TDCX_PER_L2_VM * v.td().params.numL2Vms();
  }

  private long vcpu(Frame f, long tdvpr, int operand, SeamCall leaf) {
    long s = checks.page(f, tdvpr, 0, true, PageType.TDVPR, operand);
    if (s == 0) {
      s = checks.ownerTdr(f, tdvps(tdvpr).td(), false);
    }
    return s != 0 ? s : checks.tdState(f, leaf, true);
  }

  Tdvps tdvps(long tdvpr) {
    Object o = checks.pamt(tdvpr).control(tdvpr);
    if (o instanceof Tdvps v) {
      return v;
    }
    throw new IllegalStateException("no vCPU at " + Long.toHexString(tdvpr));
  }
}
