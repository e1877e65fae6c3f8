package dev.cocovisor.cca.rmm.v2;

import dev.cocovisor.api.trusted.Interposer;
import dev.cocovisor.api.trusted.TrustedCall;
import dev.cocovisor.api.trusted.TrustedFault;
import dev.cocovisor.cca.rmm.call.Status;

/**
 * How the commands of RMI 2.0 say that they failed. Those that may become an operation are BUSY
 * while other PEs have all places, and INCOMPLETE where an interrupt comes in between.
 */
// TF-RMM 9a7f8ef4 runtime/rmi/sro.c.
public final class Rmi2Failures {
  private Rmi2Failures() {}

  /** Returns the status; {@link Interposer#PROCEED} where the command never fails so. */
  public static long of(TrustedCall call, TrustedFault.How how) {
    Rmi2Command command = (Rmi2Command) call;
    return switch (how) {
      case BUSY -> busy(command);
      case INTERRUPTED ->
          switch (command) {
            case RTT_DATA_MAP, RTT_DATA_UNMAP, RTT_UNPROT_UNMAP -> Status.INCOMPLETE;
            default -> Interposer.PROCEED;
          };
      case REFUSED ->
          switch (command) {
            case FEATURES -> Interposer.PROCEED;
            case RMM_ACTIVATE -> Status.ERROR_GLOBAL;
            default -> Status.ERROR_INPUT;
          };
    };
  }

  private static long busy(Rmi2Command command) {
    return switch (command) {
      case RTT_DATA_MAP,
          RTT_DATA_UNMAP,
          RTT_UNPROT_UNMAP,
          REC_CREATE,
          REC_DESTROY,
          OP_CONTINUE,
          OP_MEM_DONATE,
          OP_MEM_RECLAIM ->
          Status.BUSY;
      case REC_ENTER, RTT_SET_RIPAS, RTT_SET_S2AP -> Status.ERROR_REC;
      case REALM_DESTROY, REALM_TERMINATE -> Status.ERROR_REALM;
      default -> Interposer.PROCEED;
    };
  }
}
