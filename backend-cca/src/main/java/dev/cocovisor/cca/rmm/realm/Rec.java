package dev.cocovisor.cca.rmm.realm;

import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.page.RecEntry;
import dev.cocovisor.cca.rmm.page.RecExit;
import dev.cocovisor.cca.rmm.page.RecParams;

/**
 * The content of a REC granule: one virtual processor of a realm. While its reference count is 1 it
 * belongs to the PE that runs it; else to who holds the granule's lock.
 */
public final class Rec {
  public static final int REGISTERS = 31;

  public final int granule;
  public final Realm realm;
  public final long index;
  public final int[] aux;
  public final long[] regs = new long[REGISTERS];
  public long pc;
  public boolean runnable;

  // A RIPAS change the realm asked for: base == top means none. `ripasAddr` is how far the host is.
  public long ripasBase;
  public long ripasTop;
  public long ripasAddr;
  public int ripasValue;
  public boolean ripasChangeDestroyed;

  // RMI 2.0: a change of permission index the realm asked for, as the RIPAS change above.
  public long permBase;
  public long permTop;
  public long permAddr;
  public int permIndex;
  public int permTree;
  public boolean permPending;

  public boolean psciPending;
  public boolean hostCallPending;

  // Syndrome of the last exit, for what the host may answer at the next entry.
  public long lastEsr;
  public long lastHpfar;

  // The run page of the entry in progress.
  public long runPage;

  public final RecEntry entry = new RecEntry();
  public final RecExit exit = new RecExit();

  public Rec(int granule, Realm realm, long index, int[] aux, RecParams p) {
    this.granule = granule;
    this.realm = realm;
    this.index = index;
    this.aux = aux;
    System.arraycopy(p.gprs(), 0, regs, 0, RecParams.GPR_COUNT);
    this.pc = p.pc();
    this.runnable = (p.flags() & RecParams.RUNNABLE) != 0;
  }

  /** Returns the REC that a granule is. */
  public static Rec of(GranuleTable granules, int g) {
    if (granules.role(g) instanceof Rec rec) {
      return rec;
    }
    throw new IllegalStateException("granule is not a REC");
  }

  /** Sets x0 and clears x1 to x3, as a return from a call does. */
  public void answer(long x0) {
    regs[0] = x0;
    regs[1] = 0;
    regs[2] = 0;
    regs[3] = 0;
  }
}
