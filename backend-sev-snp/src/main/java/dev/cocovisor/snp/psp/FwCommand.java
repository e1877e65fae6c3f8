package dev.cocovisor.snp.psp;

import dev.cocovisor.api.trusted.TrustedCall;
import dev.cocovisor.api.trusted.TrustedOperation;

/**
 * Command numbers of the AMD secure processor: one table.
 *
 * <p>Source: {@code include/linux/psp-sev.h}, sev_cmd.
 */
public enum FwCommand implements TrustedCall {
  SNP_INIT(0x81, 0, TrustedOperation.OTHER),
  SNP_SHUTDOWN(0x82, 0, TrustedOperation.OTHER),
  SNP_PLATFORM_STATUS(0x83, 1, TrustedOperation.OTHER),
  SNP_DF_FLUSH(0x84, 0, TrustedOperation.TRACK),
  SNP_INIT_EX(0x85, 1, TrustedOperation.OTHER),
  SNP_SHUTDOWN_EX(0x86, 1, TrustedOperation.OTHER),
  SNP_DECOMMISSION(0x90, 1, TrustedOperation.RECLAIM),
  SNP_ACTIVATE(0x91, 2, TrustedOperation.CREATE),
  SNP_GUEST_STATUS(0x92, 1, TrustedOperation.OTHER),
  SNP_GCTX_CREATE(0x93, 1, TrustedOperation.CREATE),
  SNP_GUEST_REQUEST(0x94, 3, TrustedOperation.OTHER),
  SNP_ACTIVATE_EX(0x95, 2, TrustedOperation.CREATE),
  SNP_LAUNCH_START(0xA0, 2, TrustedOperation.CREATE),
  SNP_LAUNCH_UPDATE(0xA1, 4, TrustedOperation.POPULATE),
  SNP_LAUNCH_FINISH(0xA2, 1, TrustedOperation.FINALIZE),
  SNP_DBG_DECRYPT(0xB0, 3, TrustedOperation.OTHER),
  SNP_DBG_ENCRYPT(0xB1, 3, TrustedOperation.OTHER),
  SNP_PAGE_SWAP_OUT(0xC0, 2, TrustedOperation.OTHER),
  SNP_PAGE_SWAP_IN(0xC1, 2, TrustedOperation.OTHER),
  SNP_PAGE_MOVE(0xC2, 4, TrustedOperation.OTHER),
  SNP_PAGE_MD_INIT(0xC3, 2, TrustedOperation.OTHER),
  SNP_PAGE_SET_STATE(0xC6, 2, TrustedOperation.OTHER),
  SNP_PAGE_RECLAIM(0xC7, 2, TrustedOperation.RECLAIM),
  SNP_PAGE_UNSMASH(0xC8, 2, TrustedOperation.MERGE),
  SNP_CONFIG(0xC9, 1, TrustedOperation.OTHER),
  SNP_DOWNLOAD_FIRMWARE_EX(0xCA, 1, TrustedOperation.OTHER),
  SNP_COMMIT(0xCB, 0, TrustedOperation.OTHER),
  SNP_VLEK_LOAD(0xCD, 1, TrustedOperation.OTHER),
  DECOMMISSION(0x20, 1, TrustedOperation.RECLAIM),
  ACTIVATE(0x21, 2, TrustedOperation.CREATE),
  DEACTIVATE(0x22, 1, TrustedOperation.RECLAIM),
  GUEST_STATUS(0x23, 1, TrustedOperation.OTHER),
  LAUNCH_START(0x30, 1, TrustedOperation.CREATE),
  LAUNCH_UPDATE_DATA(0x31, 3, TrustedOperation.POPULATE),
  LAUNCH_UPDATE_VMSA(0x32, 3, TrustedOperation.VCPU),
  LAUNCH_MEASURE(0x33, 1, TrustedOperation.FINALIZE),
  LAUNCH_UPDATE_SECRET(0x34, 3, TrustedOperation.POPULATE),
  LAUNCH_FINISH(0x35, 1, TrustedOperation.FINALIZE),
  ATTESTATION_REPORT(0x36, 1, TrustedOperation.OTHER),
  SEND_START(0x40, 1, TrustedOperation.OTHER),
  SEND_UPDATE_DATA(0x41, 3, TrustedOperation.OTHER),
  SEND_UPDATE_VMSA(0x42, 3, TrustedOperation.OTHER),
  SEND_FINISH(0x43, 1, TrustedOperation.OTHER),
  SEND_CANCEL(0x44, 1, TrustedOperation.OTHER),
  RECEIVE_START(0x50, 1, TrustedOperation.CREATE),
  RECEIVE_UPDATE_DATA(0x51, 3, TrustedOperation.POPULATE),
  RECEIVE_UPDATE_VMSA(0x52, 3, TrustedOperation.VCPU),
  RECEIVE_FINISH(0x53, 1, TrustedOperation.FINALIZE),
  DBG_DECRYPT(0x60, 3, TrustedOperation.OTHER),
  DBG_ENCRYPT(0x61, 3, TrustedOperation.OTHER);

  private final int code;
  private final int arity;
  private final TrustedOperation operation;

  FwCommand(int code, int arity, TrustedOperation operation) {
    this.code = code;
    this.arity = arity;
    this.operation = operation;
  }

  @Override
  public String callName() {
    return name();
  }

  @Override
  public long number() {
    return code;
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
