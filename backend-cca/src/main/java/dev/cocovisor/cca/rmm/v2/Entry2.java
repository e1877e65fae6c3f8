package dev.cocovisor.cca.rmm.v2;

import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.realm.Realm;
import dev.cocovisor.cca.rmm.realm.Rec;
import dev.cocovisor.cca.rmm.run.EntryRules;
import dev.cocovisor.cca.rmm.run.RealmServices;

/** RMI 2.0: a realm is active or not; the answer to a change of permissions names the next tree. */
// TF-RMM 9a7f8ef4 runtime/rmi/run.c.
final class Entry2 implements EntryRules {
  /** Enter flag: the host rejects the change of permissions. */
  static final long S2AP_RESPONSE_REJECT = 1 << 5;

  @Override
  public long check(Pe pe, Rec rec) {
    if (rec.realm.state != Realm.State.ACTIVE) {
      return pe.refuse(Status.ERROR_REALM, "the realm is not ACTIVE");
    }
    return rec.runnable && !rec.psciPending
        ? Status.SUCCESS
        : pe.refuse(Status.ERROR_REC, "the REC is not runnable, or waits for PSCI_COMPLETE");
  }

  /**
   * Tells the realm how far its change of permissions came: x1 the address and x3 the cookie to ask
   * again with, 0 once every tree is done.
   */
  @Override
  public void complete(Rec rec) {
    if (!rec.permPending) {
      return;
    }
    boolean treeDone = rec.permAddr == rec.permTop;
    boolean more = treeDone && rec.permTree < rec.realm.planes();
    long reached = more ? rec.permBase : rec.permAddr;
    long tree = more ? rec.permTree + 1L : rec.permTree;
    rec.answer(RealmServices.SUCCESS);
    rec.regs[1] = reached;
    rec.regs[2] = rec.entry.has(S2AP_RESPONSE_REJECT) ? 1 : 0;
    rec.regs[3] = treeDone && !more ? 0 : reached | tree;
    rec.permPending = false;
  }
}
