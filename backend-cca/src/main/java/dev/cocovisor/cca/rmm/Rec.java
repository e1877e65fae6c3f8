package dev.cocovisor.cca.rmm;

/**
 * The content of a REC granule: one virtual processor of a realm. While its reference count is 1 it
 * belongs to the PE that runs it; else to who holds the granule's lock.
 */
final class Rec {
  static final int REGISTERS = 31;

  final int granule;
  final Realm realm;
  final long index;
  final int[] aux;
  final long[] regs = new long[REGISTERS];
  long pc;
  boolean runnable;

  // A RIPAS change the realm asked for: base == top means none. `ripasAddr` is how far the host is.
  long ripasBase;
  long ripasTop;
  long ripasAddr;
  int ripasValue;
  boolean ripasChangeDestroyed;

  boolean psciPending;
  boolean hostCallPending;

  // Syndrome of the last exit, for what the host may answer at the next entry.
  long lastEsr;
  long lastHpfar;

  // The run page of the entry in progress.
  long runPage;

  final RecExit exit = new RecExit();

  Rec(int granule, Realm realm, long index, int[] aux, RecParams p) {
    this.granule = granule;
    this.realm = realm;
    this.index = index;
    this.aux = aux;
    System.arraycopy(p.gprs(), 0, regs, 0, RecParams.GPR_COUNT);
    this.pc = p.pc();
    this.runnable = (p.flags() & RecParams.RUNNABLE) != 0;
  }

  /** Sets x0 and clears x1 to x3, as a return from a call does. */
  void answer(long x0) {
    regs[0] = x0;
    regs[1] = 0;
    regs[2] = 0;
    regs[3] = 0;
  }
}
