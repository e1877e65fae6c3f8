package dev.cocovisor.cca.rmm.v1;

import dev.cocovisor.api.trusted.Interposer;
import dev.cocovisor.api.trusted.TrustedCall;
import dev.cocovisor.api.trusted.TrustedFault;
import dev.cocovisor.cca.rmm.call.Status;

/**
 * How the commands of RMI 1.0 say that they failed.
 *
 * <p>The RMM waits for a granule's lock, so the only refusals that pass are those of a REC that
 * runs elsewhere and of a realm that still has RECs; and no command of 1.0 stops half way, so an
 * interrupt ends none.
 */
// DEN0137 1.0, failure conditions of each command.
public final class RmiFailures {
  private RmiFailures() {}

  /** Returns the status; {@link Interposer#PROCEED} where the command never fails so. */
  public static long of(TrustedCall call, TrustedFault.How how) {
    RmiCommand command = (RmiCommand) call;
    return switch (how) {
      case BUSY ->
          switch (command) {
            case REC_ENTER, REC_DESTROY, RTT_SET_RIPAS -> Status.ERROR_REC;
            case REALM_DESTROY -> Status.ERROR_REALM;
            default -> Interposer.PROCEED;
          };
      case INTERRUPTED -> Interposer.PROCEED;
      case REFUSED -> command == RmiCommand.FEATURES ? Interposer.PROCEED : Status.ERROR_INPUT;
    };
  }
}
