package dev.cocovisor.snp.psp;

import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;
import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.api.trusted.Interposer;
import dev.cocovisor.snp.rmp.Operands;
import java.util.function.Supplier;

/**
 * The secure processor's mailbox: one command at a time, SEV's and SNP's alike.
 *
 * <p>Every command goes through here, so this is where a run may put a failure in its place, and
 * where it is traced with its operands and status; what a command refuses is told inside it.
 */
public final class Mailbox {
  private final ModelLock lock = new ModelLock("psp mailbox");
  private final Interposer interposer;
  private final TraceSink trace;

  /**
   * Creates a mailbox.
   *
   * @param interposer asked before each command, without the mailbox
   * @param trace where commands are told
   */
  public Mailbox(Interposer interposer, TraceSink trace) {
    this.interposer = interposer;
    this.trace = trace;
  }

  /** Creates a mailbox that nobody interferes with or listens to. */
  public Mailbox() {
    this(Interposer.NONE, TraceSink.OFF);
  }

  /** Carries out a command; operands that its row does not have are 0. */
  FwStatus run(FwCommand row, long a0, long a1, long a2, long a3, Supplier<FwStatus> handler) {
    SchedulePoint.reach(PointKind.TRUSTED_CALL, this);
    if (!trace.enabled()) {
      return carryOut(row, a0, a1, a2, a3, handler);
    }
    trace.begin();
    FwStatus status = FwStatus.NO_FW_CALL;
    try {
      status = carryOut(row, a0, a1, a2, a3, handler);
      return status;
    } finally {
      trace.end(
          new TraceEvent(
              TraceEvent.Kind.FIRMWARE,
              row.callName(),
              Operands.render(row.operands(), a0, a1, a2, a3),
              status.name()));
    }
  }

  private FwStatus carryOut(
      FwCommand row, long a0, long a1, long a2, long a3, Supplier<FwStatus> handler) {
    long instead = interposer.before(row, a0, a1, a2, a3);
    if (instead != Interposer.PROCEED) {
      return refuse(FwStatus.of(instead), "planned by the run");
    }
    lock.lock();
    try {
      return handler.get();
    } finally {
      lock.unlock();
    }
  }

  /** Tells why a command is refused, and returns its status. */
  FwStatus refuse(FwStatus status, String why) {
    trace.refused(status.name(), () -> why);
    return status;
  }

  /** As {@link #refuse(FwStatus, String)}; the text is built only where somebody listens. */
  FwStatus refuse(FwStatus status, Supplier<String> why) {
    trace.refused(status.name(), why);
    return status;
  }
}
