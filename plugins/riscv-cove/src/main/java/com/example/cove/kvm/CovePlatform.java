package com.example.cove.kvm;

import com.example.cove.tsm.CovhCall;
import com.example.cove.tsm.SbiStatus;
import com.example.cove.tsm.Tsm;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.trusted.FaultPlan;
import dev.cocovisor.api.trusted.Interposer;
import dev.cocovisor.api.trusted.TrustedCall;
import dev.cocovisor.api.trusted.TrustedFault;
import java.util.List;
import java.util.function.Consumer;

/** One TSM and the host's way to call it. */
final class CovePlatform implements Platform {
  private final FaultPlan plan;
  private final Tsm tsm;
  private final Covh covh;
  private final ConfidentialFrames frames;
  private final boolean hugePages;

  CovePlatform(HostMachine host) {
    this.plan = new FaultPlan(List.of(CovhCall.values()), CovePlatform::failure, host.interposer());
    this.tsm = new Tsm(host.memory().raw(), host.cpus(), plan, host.trace());
    this.covh = new Covh(tsm, host.trace());
    this.frames = new ConfidentialFrames(covh, host, host.number(CoveBackend.REFUSE_CONVERT));
    this.hugePages = host.flag(CoveBackend.HUGE_PAGES);
  }

  /**
   * What a call answers when it fails: busy where another hart's fence or vCPU is in the way, which
   * passes; a TSM has no call that an interrupt ends half way.
   */
  // CoVE, COVH: the errors of global_fence, tvm_fence and run_tvm_vcpu.
  private static long failure(TrustedCall call, TrustedFault.How how) {
    return switch (how) {
      case BUSY ->
          switch ((CovhCall) call) {
            case GLOBAL_FENCE, TVM_FENCE -> SbiStatus.ALREADY_STARTED.code();
            case RUN_TVM_VCPU, DESTROY_TVM -> SbiStatus.FAILED.code();
            default -> Interposer.PROCEED;
          };
      case INTERRUPTED -> Interposer.PROCEED;
      case REFUSED ->
          switch ((CovhCall) call) {
            case CONVERT_PAGES,
                RECLAIM_PAGES,
                CREATE_TVM,
                ADD_TVM_MEMORY_REGION,
                ADD_TVM_PAGE_TABLE_PAGES,
                ADD_TVM_MEASURED_PAGES,
                ADD_TVM_ZERO_PAGES,
                ADD_TVM_SHARED_PAGES,
                CREATE_TVM_VCPU,
                TVM_INVALIDATE_PAGES,
                TVM_VALIDATE_PAGES,
                TVM_REMOVE_PAGES,
                TVM_PROMOTE_PAGE,
                TVM_DEMOTE_PAGE ->
                SbiStatus.INVALID_ADDRESS.code();
            case FINALIZE_TVM, RUN_TVM_VCPU, DESTROY_TVM -> SbiStatus.INVALID_PARAM.code();
            case GLOBAL_FENCE, LOCAL_FENCE, TVM_FENCE -> Interposer.PROCEED;
          };
    };
  }

  @Override
  public List<CovhCall> trustedCalls() {
    return List.of(CovhCall.values());
  }

  @Override
  public Errno plan(TrustedFault fault) {
    return plan.plan(fault);
  }

  @Override
  public VmOps createVm(VmContext vm, VmType type) {
    return new TvmOps(vm, tsm, covh, frames, hugePages);
  }

  @Override
  public PhysicalGuard guard() {
    return tsm.guard();
  }

  @Override
  public void checkInvariants(Consumer<String> violation) {
    tsm.checkInvariants(violation);
  }
}
