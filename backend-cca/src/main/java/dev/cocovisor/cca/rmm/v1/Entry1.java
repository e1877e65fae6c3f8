package dev.cocovisor.cca.rmm.v1;

import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.page.RecEntry;
import dev.cocovisor.cca.rmm.realm.Context;
import dev.cocovisor.cca.rmm.realm.Features;
import dev.cocovisor.cca.rmm.realm.Realm;
import dev.cocovisor.cca.rmm.realm.Rec;
import dev.cocovisor.cca.rmm.run.EntryRules;

/**
 * RMI 1.0: a realm that is new is told from one that is off, and the list registers are checked.
 */
final class Entry1 implements EntryRules {
  private static final int NEW = 0;
  private static final int OFF = 1;

  private final Context context;

  Entry1(Context context) {
    this.context = context;
  }

  @Override
  public long check(Pe pe, Rec rec) {
    Realm.State state = rec.realm.state;
    if (state == Realm.State.NEW) {
      return pe.refuse(Status.pack(Status.ERROR_REALM, NEW), "the realm is not active yet");
    }
    if (state != Realm.State.ACTIVE) {
      return pe.refuse(Status.pack(Status.ERROR_REALM, OFF), "the realm is off");
    }
    if (!rec.runnable || rec.psciPending || !validGic(rec.entry)) {
      return pe.refuse(
          Status.ERROR_REC,
          "the REC is not runnable, waits for PSCI_COMPLETE, or a list register is not"
              + " implemented");
    }
    return Status.SUCCESS;
  }

  /** List registers that this machine does not have must be zero. */
  private boolean validGic(RecEntry entry) {
    int present = Features.gicLrs(context.config().featureRegister0()) + 1;
    for (int i = present; i < RecEntry.GIC_LR_SLOTS; i++) {
      if (entry.gicLr(i) != 0) {
        return false;
      }
    }
    return true;
  }
}
