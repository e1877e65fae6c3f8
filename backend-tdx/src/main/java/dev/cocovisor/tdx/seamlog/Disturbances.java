package dev.cocovisor.tdx.seamlog;

import dev.cocovisor.tdx.module.abi.PendingInterrupts;
import dev.cocovisor.tdx.module.call.LockProbe;
import org.jspecify.annotations.Nullable;

/**
 * What goes on around a call: a lock another SEAMCALL holds, an interrupt that comes, a guest that
 * makes no progress.
 */
final class Disturbances {
  private final SeamProgram program;
  private final SeamLine scan;
  private final RecordedMachine machine;
  private final LockProbe probe;
  private @Nullable OtherCall pendingLock;
  private boolean lockHeld;
  private int interruptAt;
  private boolean sameRip;

  Disturbances(SeamProgram program) {
    this.program = program;
    scan = program.scan();
    machine = program.machine();
    probe = machine.module.lockProbe();
  }

  /** Tells whether the guest stands still between two exits. */
  boolean standsStill() {
    return sameRip;
  }

  /** Sets the scene for the call on this line. */
  void before(boolean guestCall, int lp) {
    OtherCall other = pendingLock;
    pendingLock = null;
    if (other != null) {
      release();
      lockHeld = other.take(probe, machine, guestCall);
      if (!lockHeld) {
        program
            .comparison()
            .mismatch(scan.line() - 1, program.number(), "lock", "taken", "lock_failed()");
      }
    }
    if (interruptAt > 0) {
      int at = interruptAt;
      machine.module.setInterrupts(
          lp,
          new PendingInterrupts() {
            private int polls;

            @Override
            public boolean poll() {
              return ++polls >= at;
            }
          });
    }
  }

  void after(int lp) {
    if (interruptAt > 0) {
      interruptAt = 0;
      machine.module.setInterrupts(lp, PendingInterrupts.NONE);
    }
  }

  private void release() {
    if (lockHeld) {
      probe.release();
      lockHeld = false;
    }
  }

  void lock() {
    int td = 0;
    long address = 0;
    int level = 0;
    OtherCall.Kind kind;
    if (scan.take("pamt, ")) {
      kind = OtherCall.Kind.PAMT;
      address = scan.hex("an address");
      scan.expect(", ");
      level = scan.decimal("a size", 3);
    } else {
      if (scan.take("tree, ")) {
        kind = OtherCall.Kind.TREE;
      } else if (scan.take("opstate, ")) {
        kind = OtherCall.Kind.OPSTATE;
      } else if (scan.take("epoch, ")) {
        kind = OtherCall.Kind.EPOCH;
      } else {
        scan.expect("entry, ");
        kind = OtherCall.Kind.ENTRY;
      }
      td = program.td();
      if (kind == OtherCall.Kind.ENTRY) {
        scan.expect(", ");
        address = scan.hex("an address");
        scan.expect(", ");
        level = scan.decimal("a level", 5);
      }
    }
    boolean exclusive = true;
    if (scan.take(", ")) {
      exclusive = scan.take("ex");
      if (!exclusive) {
        scan.expect("sh");
      }
    }
    scan.expect(")");
    scan.end();
    pendingLock = new OtherCall(kind, td, address, level, exclusive);
  }

  void lockFailed() {
    scan.expect(")");
    scan.end();
    OtherCall other = pendingLock;
    pendingLock = null;
    if (other == null) {
      throw scan.error("a lock before lock_failed()");
    }
    release();
    if (other.take(probe, machine, false)) {
      program.compare("lock", "lock_failed()", "taken");
      probe.release();
    }
  }

  void unlock() {
    scan.expect(")");
    scan.end();
    release();
  }

  void interrupt() {
    interruptAt = scan.decimal("a number of polls");
    scan.expect(")");
    scan.end();
  }

  void sameRip() {
    sameRip = scan.decimal("0 or 1", 2) == 1;
    scan.expect(")");
    scan.end();
  }
}
