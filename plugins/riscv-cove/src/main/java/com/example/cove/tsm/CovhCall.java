package com.example.cove.tsm;

import dev.cocovisor.api.trusted.TrustedCall;
import dev.cocovisor.api.trusted.TrustedOperation;
import java.util.Locale;

/**
 * The calls of the CoVE host extension: one row each, which the TSM, the trace and plans of
 * failures share. Function numbers are those of the Linux series for CoVE,
 * arch/riscv/include/asm/sbi.h, enum sbi_ext_covh_fid; promotion and demotion, which it has no
 * number for yet, follow.
 */
public enum CovhCall implements TrustedCall {
  CONVERT_PAGES(1, 2, TrustedOperation.OTHER),
  RECLAIM_PAGES(2, 2, TrustedOperation.RECLAIM),
  GLOBAL_FENCE(3, 0, TrustedOperation.TRACK),
  LOCAL_FENCE(4, 0, TrustedOperation.TRACK),
  CREATE_TVM(5, 2, TrustedOperation.CREATE),
  FINALIZE_TVM(6, 3, TrustedOperation.FINALIZE),
  DESTROY_TVM(7, 1, TrustedOperation.RECLAIM),
  ADD_TVM_MEMORY_REGION(8, 3, TrustedOperation.OTHER),
  ADD_TVM_PAGE_TABLE_PAGES(9, 3, TrustedOperation.LINK),
  ADD_TVM_MEASURED_PAGES(10, 6, TrustedOperation.POPULATE),
  ADD_TVM_ZERO_PAGES(11, 5, TrustedOperation.MAP),
  ADD_TVM_SHARED_PAGES(12, 5, TrustedOperation.MAP),
  CREATE_TVM_VCPU(13, 3, TrustedOperation.VCPU),
  RUN_TVM_VCPU(14, 2, TrustedOperation.ENTER),
  TVM_FENCE(15, 1, TrustedOperation.TRACK),
  TVM_INVALIDATE_PAGES(16, 3, TrustedOperation.UNMAP),
  TVM_VALIDATE_PAGES(17, 3, TrustedOperation.MAP),
  TVM_REMOVE_PAGES(18, 3, TrustedOperation.UNMAP),
  TVM_PROMOTE_PAGE(19, 3, TrustedOperation.MERGE),
  TVM_DEMOTE_PAGE(20, 3, TrustedOperation.SPLIT);

  /** The extension's number: "COVH" in ASCII. */
  public static final long EXTENSION = 0x434F5648;

  private final int fid;
  private final int arity;
  private final TrustedOperation operation;
  private final String callName = "sbi_covh_" + name().toLowerCase(Locale.ROOT);

  CovhCall(int fid, int arity, TrustedOperation operation) {
    this.fid = fid;
    this.arity = arity;
    this.operation = operation;
  }

  @Override
  public String callName() {
    return callName;
  }

  /** Returns the function number within {@link #EXTENSION}. */
  @Override
  public long number() {
    return fid;
  }

  @Override
  public int arity() {
    return arity;
  }

  @Override
  public TrustedOperation operation() {
    return operation;
  }
}
