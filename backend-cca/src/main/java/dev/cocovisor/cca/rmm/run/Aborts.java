package dev.cocovisor.cca.rmm.run;

import dev.cocovisor.cca.rmm.page.RecExit;
import dev.cocovisor.cca.rmm.realm.Rec;

/** Stage 2 aborts that the host is to resolve. */
// TF-RMM runtime/core/exit.c, emulate_stage2_data_abort.
public final class Aborts {
  private static final long DATA_ABORT_LOWER_EL = 0x24L << 26;
  private static final long IL = 1L << 25;
  private static final long TRANSLATION_FAULT_L0 = 4;
  private static final long TRANSLATION_FAULT_LM1 = 0x2b;

  /** Added to a translation fault's code, makes it a permission fault of the same level. */
  public static final long PERMISSION = 8;

  private Aborts() {}

  /** Fills a SYNC exit: translation fault at a level, the page's address in HPFAR. */
  public static void report(Rec rec, long ipa, int level) {
    long fault = level < 0 ? TRANSLATION_FAULT_LM1 : TRANSLATION_FAULT_L0 + level;
    fill(rec, DATA_ABORT_LOWER_EL | fault, ipa);
  }

  /** As {@link #report}, for an access of the realm itself, with its syndrome bits. */
  public static void reportAccess(Rec rec, long ipa, int level, long syndrome) {
    long fault = level < 0 ? TRANSLATION_FAULT_LM1 : TRANSLATION_FAULT_L0 + level;
    fill(rec, DATA_ABORT_LOWER_EL | IL | syndrome | fault, ipa);
  }

  private static void fill(Rec rec, long esr, long ipa) {
    long hpfar = (ipa & ~0xfffL) >>> 8;
    rec.exit.reason(RecExit.SYNC);
    rec.exit.set(RecExit.AT_ESR, esr);
    rec.exit.set(RecExit.AT_HPFAR, hpfar);
    rec.lastEsr = esr;
    rec.lastHpfar = hpfar;
  }
}
