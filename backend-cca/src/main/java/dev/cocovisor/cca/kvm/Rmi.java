package dev.cocovisor.cca.kvm;

import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.cca.rmm.Rmm;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.RmiCall;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.run.RealmSide;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * KVM's way to make RMI calls: each goes to the RMM and, if anybody listens, to the trace by its
 * name in the specification. What both versions have is here as one method a command; what they do
 * by different commands comes as parts: a realm's tables, and its RECs.
 */
// The CCA series, arch/arm64/include/asm/rmi_cmds.h: one function a command.
abstract class Rmi {
  private final Rmm rmm;
  private final TraceSink trace;
  private final Map<Long, AtomicLong> tables = new ConcurrentHashMap<>();

  Rmi(Rmm rmm, TraceSink trace) {
    this.rmm = rmm;
    this.trace = trace;
  }

  /** Returns the RMM, for what is no call of the host. */
  final Rmm rmm() {
    return rmm;
  }

  /** Returns the realm's side, which is no call of the host. */
  final RealmSide realmSide() {
    return rmm.realmSide();
  }

  // Commands.

  abstract long granuleDelegate(Pe pe, long address);

  abstract long granuleUndelegate(Pe pe, long address);

  abstract long realmActivate(Pe pe, long rd);

  abstract long recEnter(Pe pe, long rec, long run);

  abstract long psciComplete(Pe pe, long calling, long target, long result);

  abstract long rttCreate(Pe pe, long rd, long rtt, long ipa, long level);

  abstract long rttDestroy(Pe pe, long rd, long ipa, long level);

  abstract long rttFold(Pe pe, long rd, long ipa, long level);

  abstract long rttReadEntry(Pe pe, long rd, long ipa, long level);

  abstract long rttInitRipas(Pe pe, long rd, long base, long top);

  abstract long rttSetRipas(Pe pe, long rd, long rec, long base, long top);

  /** Copies a page of the host's into a new realm; flag 1 measures it. */
  abstract long populate(Pe pe, long rd, long data, long ipa, long source, long flags);

  /** Writes the parameters of a realm to a page and makes it. */
  abstract long realmCreate(Pe pe, PhysicalMemory memory, long rd, long page, RealmPlan plan);

  /** Says that a realm is not to run again, where the RMM wants to be told. */
  abstract long realmTerminate(Pe pe, long rd);

  abstract long realmDestroy(Pe pe, long rd);

  // Parts.

  /** Takes a VMID where the host chooses it; -1 if all are taken. */
  abstract int takeVmid();

  /** Gives a VMID back. */
  abstract void freeVmid(int vmid);

  /** Returns how the tables of a realm are worked on. */
  abstract RealmTables tables(VmContext vm, Granules granules, long rd, int startLevel, int bits);

  /** Returns how the RECs of a realm are made. */
  abstract Recs recs(VmContext vm, Granules granules, long rd);

  // What both need.

  /** Returns how many tables a realm has below its root. */
  final long tables(long rd) {
    AtomicLong n = tables.get(rd);
    return n == null ? 0 : n.get();
  }

  /** Counts tables of a realm that a command made or removed. */
  final void count(long rd, long status, int by) {
    if (status == Status.SUCCESS) {
      tables.computeIfAbsent(rd, _ -> new AtomicLong()).addAndGet(by);
    }
  }

  /** Forgets the tables of a realm that is gone. */
  final void forget(long rd) {
    tables.remove(rd);
  }

  final boolean traced() {
    return trace.enabled();
  }

  /** Shows a call; one that failed with why the RMM says it did. */
  final void told(Pe pe, RmiCall command, long status, long... operands) {
    if (!pe.cause().isEmpty()) {
      trace.refused(Status.name(status), pe::cause);
    }
    trace.emit(
        new TraceEvent(
            TraceEvent.Kind.FIRMWARE,
            command.callName(),
            command.describe(operands),
            Status.name(status)));
  }

  /**
   * What a VMM and KVM decide about a realm.
   *
   * @param hashAlgorithm RMI's number
   * @param ipaBits width of the IPA space
   * @param vmid taken by {@link #takeVmid}
   * @param roots address of the root tables
   * @param startLevel their level
   * @param rootCount their number
   */
  record RealmPlan(
      int hashAlgorithm, int ipaBits, int vmid, long roots, int startLevel, int rootCount) {}
}
