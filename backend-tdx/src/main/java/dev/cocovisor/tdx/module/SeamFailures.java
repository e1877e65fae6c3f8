package dev.cocovisor.tdx.module;

import dev.cocovisor.api.trusted.Interposer;
import dev.cocovisor.api.trusted.TrustedCall;
import dev.cocovisor.api.trusted.TrustedFault;
import dev.cocovisor.tdx.module.abi.Operand;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.call.SeamCall;

/** How SEAMCALLs say that they failed, for plans of faults. */
public final class SeamFailures {
  private SeamFailures() {}

  /**
   * Returns the status a call completes with when it fails in a way, or {@link Interposer#PROCEED}
   * where it never does.
   *
   * <p>Source: TDX module 1.5 ABI specification, completion statuses of each leaf.
   */
  public static long answer(TrustedCall call, TrustedFault.How how) {
    return call instanceof SeamCall leaf ? answer(leaf, how) : Interposer.PROCEED;
  }

  private static long answer(SeamCall leaf, TrustedFault.How how) {
    return switch (how) {
      case BUSY -> busy(leaf);
      case INTERRUPTED -> interrupted(leaf);
      case REFUSED -> refused(leaf);
    };
  }

  private static long busy(SeamCall leaf) {
    return switch (leaf) {
      case MNG_KEY_RECLAIMID -> Interposer.PROCEED;
      case MEM_TRACK -> SeamStatus.OPERAND_BUSY.with(Operand.TD_EPOCH);
      case MEM_PAGE_ADD,
          MEM_SEPT_ADD,
          MEM_PAGE_AUG,
          MEM_RANGE_BLOCK,
          MEM_RANGE_UNBLOCK,
          MEM_PAGE_REMOVE,
          MEM_PAGE_DEMOTE,
          MEM_PAGE_PROMOTE,
          MEM_SEPT_REMOVE ->
          SeamStatus.OPERAND_BUSY.with(Operand.RCX);
      default -> SeamStatus.OPERAND_BUSY.with(Operand.TDR);
    };
  }

  private static long interrupted(SeamCall leaf) {
    return switch (leaf) {
      case MEM_PAGE_DEMOTE, MEM_PAGE_PROMOTE -> SeamStatus.INTERRUPTED_RESTARTABLE.code();
      case PHYMEM_CACHE_WB -> SeamStatus.INTERRUPTED_RESUMABLE.code();
      default -> Interposer.PROCEED;
    };
  }

  private static long refused(SeamCall leaf) {
    return switch (leaf) {
      case MNG_KEY_RECLAIMID -> Interposer.PROCEED;
      case MNG_CREATE -> SeamStatus.HKID_NOT_FREE.code();
      case MNG_KEY_CONFIG, MNG_VPFLUSHDONE, MNG_KEY_FREEID ->
          SeamStatus.LIFECYCLE_STATE_INCORRECT.code();
      case MNG_ADDCX, VP_ADDCX -> SeamStatus.TDCX_NUM_INCORRECT.code();
      case MNG_INIT -> SeamStatus.OPERAND_INVALID.with(Operand.RDX);
      case MNG_RD -> SeamStatus.METADATA_FIELD_NOT_READABLE.code();
      case VP_CREATE, VP_INIT, MR_FINALIZE, MR_EXTEND, MEM_TRACK ->
          SeamStatus.OP_STATE_INCORRECT.code();
      case VP_ENTER -> SeamStatus.VCPU_STATE_INCORRECT.code();
      case VP_FLUSH -> SeamStatus.VCPU_NOT_ASSOCIATED.code();
      case PHYMEM_PAMT_ADD, PHYMEM_PAMT_REMOVE -> SeamStatus.HPA_RANGE_NOT_FREE.with(Operand.RCX);
      case PHYMEM_PAGE_RECLAIM, PHYMEM_PAGE_RDMD, PHYMEM_PAGE_WBINVD ->
          SeamStatus.PAGE_METADATA_INCORRECT.with(Operand.RCX);
      case PHYMEM_CACHE_WB -> SeamStatus.WBCACHE_RESUME_ERROR.code();
      case MEM_RANGE_BLOCK,
          MEM_RANGE_UNBLOCK,
          MEM_PAGE_ADD,
          MEM_PAGE_AUG,
          MEM_PAGE_DEMOTE,
          MEM_PAGE_PROMOTE,
          MEM_PAGE_RELOCATE,
          MEM_PAGE_REMOVE,
          MEM_SEPT_ADD,
          MEM_SEPT_RD,
          MEM_SEPT_REMOVE ->
          SeamStatus.EPT_ENTRY_STATE_INCORRECT.with(Operand.RCX);
    };
  }
}
