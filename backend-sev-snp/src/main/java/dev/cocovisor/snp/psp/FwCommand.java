package dev.cocovisor.snp.psp;

import dev.cocovisor.api.trusted.TrustedCall;
import dev.cocovisor.api.trusted.TrustedOperation;
import dev.cocovisor.snp.rmp.Operands;

/**
 * The commands that the AMD secure processor takes here: one row each, which the mailbox, fault
 * plans, traces and logs share.
 *
 * <p>Operands are the fields of the command's buffer that say what it works on. Source of the
 * numbers: {@code include/linux/psp-sev.h}, enum sev_cmd.
 */
public enum FwCommand implements TrustedCall {
  SNP_INIT(0x81, TrustedOperation.OTHER, ""),
  SNP_SHUTDOWN(0x82, TrustedOperation.OTHER, ""),
  SNP_DF_FLUSH(0x84, TrustedOperation.TRACK, ""),
  SNP_DECOMMISSION(0x90, TrustedOperation.RECLAIM, "gctx"),
  SNP_ACTIVATE(0x91, TrustedOperation.CREATE, "gctx asid"),
  SNP_GUEST_STATUS(0x92, TrustedOperation.OTHER, "gctx"),
  SNP_GCTX_CREATE(0x93, TrustedOperation.CREATE, "gctx"),
  SNP_GUEST_REQUEST(0x94, TrustedOperation.OTHER, "gctx"),
  SNP_LAUNCH_START(0xA0, TrustedOperation.CREATE, "gctx policy"),
  SNP_LAUNCH_UPDATE(0xA1, TrustedOperation.POPULATE, "gctx page size type"),
  SNP_LAUNCH_FINISH(0xA2, TrustedOperation.FINALIZE, "gctx"),
  SNP_DBG_DECRYPT(0xB0, TrustedOperation.OTHER, "gctx src dst"),
  SNP_DBG_ENCRYPT(0xB1, TrustedOperation.OTHER, "gctx dst src"),
  SNP_PAGE_SWAP_OUT(0xC0, TrustedOperation.OTHER, "gctx page"),
  SNP_PAGE_SWAP_IN(0xC1, TrustedOperation.OTHER, "gctx page"),
  SNP_PAGE_MOVE(0xC2, TrustedOperation.OTHER, "gctx src dst size"),
  SNP_PAGE_SET_STATE(0xC6, TrustedOperation.OTHER, "gctx page"),
  SNP_PAGE_RECLAIM(0xC7, TrustedOperation.RECLAIM, "page size"),
  SNP_PAGE_UNSMASH(0xC8, TrustedOperation.MERGE, "gctx page"),
  DECOMMISSION(0x20, TrustedOperation.RECLAIM, "handle"),
  ACTIVATE(0x21, TrustedOperation.CREATE, "handle asid"),
  DEACTIVATE(0x22, TrustedOperation.RECLAIM, "handle"),
  GUEST_STATUS(0x23, TrustedOperation.OTHER, "handle"),
  LAUNCH_START(0x30, TrustedOperation.CREATE, "policy"),
  LAUNCH_UPDATE_DATA(0x31, TrustedOperation.POPULATE, "handle address len"),
  LAUNCH_UPDATE_VMSA(0x32, TrustedOperation.VCPU, "handle address len"),
  LAUNCH_MEASURE(0x33, TrustedOperation.FINALIZE, "handle len"),
  LAUNCH_UPDATE_SECRET(0x34, TrustedOperation.POPULATE, "handle address len"),
  LAUNCH_FINISH(0x35, TrustedOperation.FINALIZE, "handle"),
  ATTESTATION_REPORT(0x36, TrustedOperation.OTHER, "handle len"),
  SEND_START(0x40, TrustedOperation.OTHER, "handle len"),
  SEND_UPDATE_DATA(0x41, TrustedOperation.OTHER, "handle address len"),
  SEND_FINISH(0x43, TrustedOperation.OTHER, "handle"),
  SEND_CANCEL(0x44, TrustedOperation.OTHER, "handle"),
  RECEIVE_START(0x50, TrustedOperation.CREATE, "policy"),
  RECEIVE_UPDATE_DATA(0x51, TrustedOperation.POPULATE, "handle address len"),
  RECEIVE_FINISH(0x53, TrustedOperation.FINALIZE, "handle"),
  DBG_DECRYPT(0x60, TrustedOperation.OTHER, "handle src dst len"),
  DBG_ENCRYPT(0x61, TrustedOperation.OTHER, "handle src dst len");

  private final int number;
  private final TrustedOperation operation;
  private final String operands;
  private final int arity;

  FwCommand(int number, TrustedOperation operation, String operands) {
    this.number = number;
    this.operation = operation;
    this.operands = operands;
    this.arity = Operands.count(operands);
  }

  @Override
  public String callName() {
    return name();
  }

  @Override
  public long number() {
    return number;
  }

  @Override
  public int arity() {
    return arity;
  }

  @Override
  public TrustedOperation operation() {
    return operation;
  }

  /** Returns the operands' names, in order, a blank between two. */
  public String operands() {
    return operands;
  }
}
