package dev.cocovisor.tdx.module;

import dev.cocovisor.tdx.module.abi.Operand;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.call.SeamCall;

/**
 * Puts a completion status into words: what the module found, in which operand or lock.
 *
 * <p>Source: TDX module 1.5 ABI specification, completion statuses and operand identifiers.
 */
public final class SeamReasons {
  private SeamReasons() {}

  /** Says why a call answered a status that is an error. */
  public static String of(SeamCall call, long status) {
    SeamStatus name = SeamStatus.of(status);
    if (name == null) {
      return call.callName() + " failed";
    }
    String operand = operand((int) status);
    return call.callName()
        + ": "
        + switch (name) {
          case OPERAND_INVALID -> operand + " is malformed, or names what it may not";
          case OPERAND_ADDR_RANGE_ERROR -> operand + " lies outside every TDMR";
          case OPERAND_BUSY -> operand + " is locked by another call or a vCPU";
          case PREVIOUS_TLB_EPOCH_BUSY -> "a vCPU of the epoch before is still inside";
          case PAGE_METADATA_INCORRECT -> operand + " is not a page of the type and size wanted";
          case PAGE_NOT_FREE -> operand + " is in use";
          case HPA_RANGE_NOT_FREE -> "the 2 MiB are in use, or have their PAMT pages";
          case MISSING_PAMT_PAGE_PAIR -> "the 2 MiB around " + operand + " have no PAMT pages";
          case TD_ASSOCIATED_PAGES_EXIST -> "other pages of the TD were not reclaimed yet";
          case TD_FATAL -> "a machine check ended the TD";
          case TDCS_NOT_ALLOCATED -> "the TD has too few TDCX pages";
          case LIFECYCLE_STATE_INCORRECT -> "the TD's life-cycle state does not allow it";
          case OP_STATE_INCORRECT -> "the TD's operation state does not allow it";
          case NO_VCPUS -> "the TD has no initialized vCPU";
          case TDCX_NUM_INCORRECT -> "too few or too many TDCX pages";
          case VCPU_STATE_INCORRECT -> "the vCPU's state does not allow it";
          case VCPU_ASSOCIATED -> "the vCPU is associated with another processor";
          case VCPU_NOT_ASSOCIATED -> "the vCPU is not associated with this processor";
          case MAX_VCPUS_EXCEEDED -> "the TD has as many vCPUs as it may";
          case TD_KEYS_NOT_CONFIGURED -> "the TD has no key, or not any more";
          case WBCACHE_NOT_COMPLETE -> "a package has not written back its caches";
          case HKID_NOT_FREE -> "the HKID is another TD's";
          case WBCACHE_RESUME_ERROR -> "no write-back was interrupted";
          case FLUSHVP_NOT_DONE -> "a vCPU is still associated with a processor";
          case EPT_WALK_FAILED -> "the walk of the Secure EPT ends above the level asked for";
          case EPT_ENTRY_NOT_PRESENT -> "the entry maps no page";
          case GPA_RANGE_NOT_BLOCKED -> "the TD may run, and the entry is not blocked";
          case TLB_TRACKING_NOT_DONE -> "a processor may still hold a translation";
          case EPT_INVALID_PROMOTE_CONDITIONS -> "the 512 entries are not one range of one state";
          case EPT_ENTRY_STATE_INCORRECT -> "the entry's state does not allow it";
          case EPT_PAGE_NOT_FREE -> "the table has entries in use";
          case INTERRUPTED_RESTARTABLE -> "an interrupt came: nothing changed, to be called again";
          case INTERRUPTED_RESUMABLE -> "an interrupt came: to be called again to go on";
          case METADATA_FIELD_NOT_READABLE -> "the field is not for the host to read";
          case METADATA_FIELD_ID_INCORRECT -> "the TD has no such field";
          case RND_NO_ENTROPY -> "the random generator gave nothing";
          default -> name + (operand.isEmpty() ? "" : " for " + operand);
        };
  }

  private static String operand(int id) {
    return switch (id) {
      case Operand.RAX -> "RAX";
      case Operand.RCX -> "RCX";
      case Operand.RDX -> "RDX";
      case Operand.R8 -> "R8";
      case Operand.R9 -> "R9";
      case Operand.R10 -> "R10";
      case Operand.R11 -> "R11";
      case Operand.R12 -> "R12";
      case Operand.ATTRIBUTES -> "TD_PARAMS.ATTRIBUTES";
      case Operand.XFAM -> "TD_PARAMS.XFAM";
      case Operand.EXEC_CONTROLS -> "TD_PARAMS.CONFIG_FLAGS";
      case Operand.EPTP -> "TD_PARAMS.EPTP_CONTROLS";
      case Operand.MAX_VCPUS -> "TD_PARAMS.MAX_VCPUS";
      case Operand.CPUID_CONFIG -> "TD_PARAMS.CPUID_CONFIG";
      case Operand.TSC_FREQUENCY -> "TD_PARAMS.TSC_FREQUENCY";
      case Operand.NUM_L2_VMS -> "TD_PARAMS.NUM_L2_VMS";
      case Operand.TDR -> "the TDR";
      case Operand.SEPT_TREE -> "the Secure-EPT tree";
      case Operand.TD_EPOCH -> "the TD epoch";
      case Operand.OP_STATE -> "the operation state";
      case Operand.KOT -> "the key ownership table";
      case Operand.WBCACHE -> "the cache write-back";
      default -> "operand " + id;
    };
  }
}
