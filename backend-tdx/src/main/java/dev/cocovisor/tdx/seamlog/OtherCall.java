package dev.cocovisor.tdx.seamlog;

import dev.cocovisor.tdx.module.call.LockProbe;
import dev.cocovisor.tdx.module.td.Td;

/** A lock that another SEAMCALL, going on at the same time, holds around the next call. */
record OtherCall(Kind kind, int td, long address, int level, boolean exclusive) {
  enum Kind {
    TREE,
    OPSTATE,
    EPOCH,
    ENTRY,
    PAMT
  }

  /** Takes the lock, and the TDR with it where the other call would need it. */
  boolean take(LockProbe probe, RecordedMachine machine, boolean guestCall) {
    boolean withTdr = kind != Kind.PAMT && !guestCall;
    if (kind == Kind.PAMT) {
      return probe.pamt(address, level, exclusive);
    }
    Td owner = machine.td(td);
    if (owner == null) {
      return false;
    }
    if (withTdr && !probe.pamt(owner.tdr(), 0, false)) {
      return false;
    }
    boolean taken =
        switch (kind) {
          case TREE -> probe.tree(owner, exclusive);
          case OPSTATE -> probe.opState(owner, exclusive);
          case EPOCH -> probe.epoch(owner, exclusive);
          default -> probe.entry(owner, address, level);
        };
    if (!taken) {
      probe.release();
    }
    return taken;
  }
}
