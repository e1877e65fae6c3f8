package dev.cocovisor.cca.kvm;

import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.realm.RmmConfig;
import dev.cocovisor.cca.rmm.realm.RmmView;
import dev.cocovisor.cca.rmm.run.RealmSide;
import dev.cocovisor.cca.rmm.v1.RmiCommand;
import dev.cocovisor.cca.rmm.v1.Rmm1;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * KVM's way to make RMI calls: each goes to the RMM and, if anybody listens, to the trace by its
 * name in the specification.
 */
// The CCA series, arch/arm64/include/asm/rmi_cmds.h: one function a command.
final class Rmi {
  private final Rmm1 rmm;
  private final TraceSink trace;
  private final Map<Long, AtomicLong> tables = new ConcurrentHashMap<>();

  Rmi(Rmm1 rmm, TraceSink trace) {
    this.rmm = rmm;
    this.trace = trace;
  }

  /** Returns the RMM's configuration. */
  RmmConfig config() {
    return rmm.config();
  }

  /** Returns the granule table, for inspection. */
  GranuleTable granules() {
    return rmm.granules();
  }

  /** Returns what can be seen of realms from outside. */
  RmmView view() {
    return rmm.view();
  }

  /** Returns the realm's side, which is no call of the host. */
  RealmSide realmSide() {
    return rmm.realmSide();
  }

  long granuleDelegate(Pe pe, long address) {
    long status = rmm.granuleDelegate(pe, address);
    if (trace.enabled()) {
      told(pe, RmiCommand.GRANULE_DELEGATE, status, address);
    }
    return status;
  }

  long granuleUndelegate(Pe pe, long address) {
    long status = rmm.granuleUndelegate(pe, address);
    if (trace.enabled()) {
      told(pe, RmiCommand.GRANULE_UNDELEGATE, status, address);
    }
    return status;
  }

  long dataCreate(Pe pe, long rd, long data, long ipa, long source, long flags) {
    long status = rmm.dataCreate(pe, rd, data, ipa, source, flags);
    if (trace.enabled()) {
      told(pe, RmiCommand.DATA_CREATE, status, rd, data, ipa, source, flags);
    }
    return status;
  }

  long dataCreateUnknown(Pe pe, long rd, long data, long ipa) {
    long status = rmm.dataCreateUnknown(pe, rd, data, ipa);
    if (trace.enabled()) {
      told(pe, RmiCommand.DATA_CREATE_UNKNOWN, status, rd, data, ipa);
    }
    return status;
  }

  long dataDestroy(Pe pe, long rd, long ipa) {
    long status = rmm.dataDestroy(pe, rd, ipa);
    if (trace.enabled()) {
      told(pe, RmiCommand.DATA_DESTROY, status, rd, ipa);
    }
    return status;
  }

  long realmActivate(Pe pe, long rd) {
    long status = rmm.realmActivate(pe, rd);
    if (trace.enabled()) {
      told(pe, RmiCommand.REALM_ACTIVATE, status, rd);
    }
    return status;
  }

  long realmCreate(Pe pe, long rd, long params) {
    long status = rmm.realmCreate(pe, rd, params);
    if (trace.enabled()) {
      told(pe, RmiCommand.REALM_CREATE, status, rd, params);
    }
    return status;
  }

  long realmDestroy(Pe pe, long rd) {
    long status = rmm.realmDestroy(pe, rd);
    if (status == Status.SUCCESS) {
      tables.remove(rd);
    }
    if (trace.enabled()) {
      told(pe, RmiCommand.REALM_DESTROY, status, rd);
    }
    return status;
  }

  long recCreate(Pe pe, long rd, long rec, long params) {
    long status = rmm.recCreate(pe, rd, rec, params);
    if (trace.enabled()) {
      told(pe, RmiCommand.REC_CREATE, status, rd, rec, params);
    }
    return status;
  }

  long recDestroy(Pe pe, long rec) {
    long status = rmm.recDestroy(pe, rec);
    if (trace.enabled()) {
      told(pe, RmiCommand.REC_DESTROY, status, rec);
    }
    return status;
  }

  long recEnter(Pe pe, long rec, long run) {
    long status = rmm.recEnter(pe, rec, run);
    if (trace.enabled()) {
      told(pe, RmiCommand.REC_ENTER, status, rec, run);
    }
    return status;
  }

  long rttCreate(Pe pe, long rd, long rtt, long ipa, long level) {
    long status = rmm.rttCreate(pe, rd, rtt, ipa, level);
    count(rd, status, 1);
    if (trace.enabled()) {
      told(pe, RmiCommand.RTT_CREATE, status, rd, rtt, ipa, level);
    }
    return status;
  }

  long rttDestroy(Pe pe, long rd, long ipa, long level) {
    long status = rmm.rttDestroy(pe, rd, ipa, level);
    count(rd, status, -1);
    if (trace.enabled()) {
      told(pe, RmiCommand.RTT_DESTROY, status, rd, ipa, level);
    }
    return status;
  }

  long rttMapUnprotected(Pe pe, long rd, long ipa, long level, long desc) {
    long status = rmm.rttMapUnprotected(pe, rd, ipa, level, desc);
    if (trace.enabled()) {
      told(pe, RmiCommand.RTT_MAP_UNPROTECTED, status, rd, ipa, level, desc);
    }
    return status;
  }

  long rttReadEntry(Pe pe, long rd, long ipa, long level) {
    long status = rmm.rttReadEntry(pe, rd, ipa, level);
    if (trace.enabled()) {
      told(pe, RmiCommand.RTT_READ_ENTRY, status, rd, ipa, level);
    }
    return status;
  }

  long rttUnmapUnprotected(Pe pe, long rd, long ipa, long level) {
    long status = rmm.rttUnmapUnprotected(pe, rd, ipa, level);
    if (trace.enabled()) {
      told(pe, RmiCommand.RTT_UNMAP_UNPROTECTED, status, rd, ipa, level);
    }
    return status;
  }

  long psciComplete(Pe pe, long calling, long target, long result) {
    long status = rmm.psciComplete(pe, calling, target, result);
    if (trace.enabled()) {
      told(pe, RmiCommand.PSCI_COMPLETE, status, calling, target, result);
    }
    return status;
  }

  long rttFold(Pe pe, long rd, long ipa, long level) {
    long status = rmm.rttFold(pe, rd, ipa, level);
    count(rd, status, -1);
    if (trace.enabled()) {
      told(pe, RmiCommand.RTT_FOLD, status, rd, ipa, level);
    }
    return status;
  }

  long recAuxCount(Pe pe, long rd) {
    long status = rmm.recAuxCount(pe, rd);
    if (trace.enabled()) {
      told(pe, RmiCommand.REC_AUX_COUNT, status, rd);
    }
    return status;
  }

  long rttInitRipas(Pe pe, long rd, long base, long top) {
    long status = rmm.rttInitRipas(pe, rd, base, top);
    if (trace.enabled()) {
      told(pe, RmiCommand.RTT_INIT_RIPAS, status, rd, base, top);
    }
    return status;
  }

  long rttSetRipas(Pe pe, long rd, long rec, long base, long top) {
    long status = rmm.rttSetRipas(pe, rd, rec, base, top);
    if (trace.enabled()) {
      told(pe, RmiCommand.RTT_SET_RIPAS, status, rd, rec, base, top);
    }
    return status;
  }

  /** Returns how many tables a realm has below its root. */
  long tables(long rd) {
    AtomicLong n = tables.get(rd);
    return n == null ? 0 : n.get();
  }

  private void count(long rd, long status, int by) {
    if (status == Status.SUCCESS) {
      tables.computeIfAbsent(rd, _ -> new AtomicLong()).addAndGet(by);
    }
  }

  /** Shows a call; one that failed with why the RMM says it did. */
  private void told(Pe pe, RmiCommand command, long status, long... operands) {
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
}
