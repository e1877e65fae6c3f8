package com.example.cove.kvm;

import com.example.cove.tsm.CovhCall;
import com.example.cove.tsm.PageType;
import com.example.cove.tsm.SbiStatus;
import com.example.cove.tsm.Tsm;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.api.trace.TraceSink;

/** KVM's calls of the CoVE host extension, each shown in the trace by its SBI name. */
final class Covh {
  private final Tsm tsm;
  private final TraceSink trace;

  Covh(Tsm tsm, TraceSink trace) {
    this.tsm = tsm;
    this.trace = trace;
  }

  /** Translates a call's error. Source: arch/riscv/kernel/sbi.c, sbi_err_map_linux_errno. */
  static Errno errno(SbiStatus status) {
    return switch (status) {
      case SUCCESS -> Errno.OK;
      case INVALID_PARAM -> Errno.EINVAL;
      case INVALID_ADDRESS -> Errno.EFAULT;
      case ALREADY_STARTED -> Errno.EBUSY;
      case OUT_OF_PTPAGES -> Errno.ENOMEM;
      case FAILED, NOT_SUPPORTED -> Errno.EOPNOTSUPP;
    };
  }

  private SbiStatus shown(CovhCall call, SbiStatus status, long... arguments) {
    StringBuilder text = new StringBuilder();
    for (long a : arguments) {
      text.append(text.isEmpty() ? "" : ", ").append("0x").append(Long.toHexString(a));
    }
    trace.emit(
        new TraceEvent(TraceEvent.Kind.FIRMWARE, call.callName(), text.toString(), status.name()));
    return status;
  }

  SbiStatus convert(long pa, long pages) {
    SbiStatus s = tsm.convertPages(pa, pages);
    return trace.enabled() ? shown(CovhCall.CONVERT_PAGES, s, pa, pages) : s;
  }

  SbiStatus reclaim(long pa, long pages) {
    SbiStatus s = tsm.reclaimPages(pa, pages);
    return trace.enabled() ? shown(CovhCall.RECLAIM_PAGES, s, pa, pages) : s;
  }

  /** One global fence, and the interrupt that makes every hart do its part of it. */
  SbiStatus fenceAll(int harts) {
    SbiStatus s = tsm.globalFence(0);
    for (int hart = 1; s.ok() && hart < harts; hart++) {
      s = tsm.localFence(hart);
    }
    return trace.enabled() ? shown(CovhCall.GLOBAL_FENCE, s) : s;
  }

  long create(long directory, long state) {
    long gid = tsm.createTvm(directory, state);
    if (trace.enabled()) {
      shown(CovhCall.CREATE_TVM, gid > 0 ? SbiStatus.SUCCESS : SbiStatus.FAILED, directory, state);
    }
    return gid;
  }

  SbiStatus finalizeTvm(long gid, long sepc, long argument) {
    SbiStatus s = tsm.finalizeTvm(gid, sepc, argument);
    return trace.enabled() ? shown(CovhCall.FINALIZE_TVM, s, gid, sepc, argument) : s;
  }

  SbiStatus destroy(long gid) {
    SbiStatus s = tsm.destroyTvm(gid);
    return trace.enabled() ? shown(CovhCall.DESTROY_TVM, s, gid) : s;
  }

  SbiStatus addRegion(long gid, long gpa, long length) {
    SbiStatus s = tsm.addTvmMemoryRegion(gid, gpa, length);
    return trace.enabled() ? shown(CovhCall.ADD_TVM_MEMORY_REGION, s, gid, gpa, length) : s;
  }

  SbiStatus addTablePages(long gid, long pa, long pages) {
    SbiStatus s = tsm.addTvmPageTablePages(gid, pa, pages);
    return trace.enabled() ? shown(CovhCall.ADD_TVM_PAGE_TABLE_PAGES, s, gid, pa, pages) : s;
  }

  SbiStatus addMeasured(long gid, long source, long pa, long gpa) {
    SbiStatus s = tsm.addTvmMeasuredPages(gid, source, pa, PageType.PAGE_4K, 1, gpa);
    return trace.enabled()
        ? shown(CovhCall.ADD_TVM_MEASURED_PAGES, s, gid, source, pa, 0, 1, gpa)
        : s;
  }

  SbiStatus addZero(long gid, long pa, PageType type, long gpa) {
    SbiStatus s = tsm.addTvmZeroPages(gid, pa, type, 1, gpa);
    return trace.enabled()
        ? shown(CovhCall.ADD_TVM_ZERO_PAGES, s, gid, pa, type.level(), 1, gpa)
        : s;
  }

  SbiStatus addShared(long gid, long pa, long gpa) {
    SbiStatus s = tsm.addTvmSharedPages(gid, pa, PageType.PAGE_4K, 1, gpa);
    return trace.enabled() ? shown(CovhCall.ADD_TVM_SHARED_PAGES, s, gid, pa, 0, 1, gpa) : s;
  }

  SbiStatus createVcpu(long gid, long vcpu, long state) {
    SbiStatus s = tsm.createTvmVcpu(gid, vcpu, state);
    return trace.enabled() ? shown(CovhCall.CREATE_TVM_VCPU, s, gid, vcpu, state) : s;
  }

  SbiStatus fence(long gid) {
    SbiStatus s = tsm.tvmFence(gid);
    return trace.enabled() ? shown(CovhCall.TVM_FENCE, s, gid) : s;
  }

  SbiStatus invalidate(long gid, long gpa, long length) {
    SbiStatus s = tsm.tvmInvalidatePages(gid, gpa, length);
    return trace.enabled() ? shown(CovhCall.TVM_INVALIDATE_PAGES, s, gid, gpa, length) : s;
  }

  SbiStatus validate(long gid, long gpa, long length) {
    SbiStatus s = tsm.tvmValidatePages(gid, gpa, length);
    return trace.enabled() ? shown(CovhCall.TVM_VALIDATE_PAGES, s, gid, gpa, length) : s;
  }

  SbiStatus remove(long gid, long gpa, long length) {
    SbiStatus s = tsm.tvmRemovePages(gid, gpa, length);
    return trace.enabled() ? shown(CovhCall.TVM_REMOVE_PAGES, s, gid, gpa, length) : s;
  }

  SbiStatus demote(long gid, long gpa, PageType from) {
    SbiStatus s = tsm.tvmDemotePage(gid, gpa, from);
    return trace.enabled() ? shown(CovhCall.TVM_DEMOTE_PAGE, s, gid, gpa, from.level()) : s;
  }
}
