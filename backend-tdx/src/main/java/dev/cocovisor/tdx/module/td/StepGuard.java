package dev.cocovisor.tdx.module.td;

/**
 * The zero-step guard of one vCPU: counts EPT violations on private addresses at one instruction
 * and, from the seventh on, keeps their addresses, so that the next entry is refused while one of
 * them would fault again.
 *
 * <p>Source: TDX module 1.5.01, {@code td_exit_stepping.c}.
 */
public final class StepGuard {
  private static final int THRESHOLD = 6;
  private static final int SLOTS = 32;

  private final long[] addresses = new long[SLOTS];
  private int count;
  private int faults;

  /** The guest completed an instruction. */
  public void progress() {
    count = 0;
    faults = 0;
  }

  /** An EPT violation at the same instruction as before. */
  public void fault(long gpa) {
    if (faults < THRESHOLD) {
      faults++;
      return;
    }
    if (count == SLOTS) {
      return;
    }
    for (int i = 0; i < count; i++) {
      if (addresses[i] == gpa) {
        return;
      }
    }
    addresses[count++] = gpa;
  }

  /** Tells whether entries are checked. */
  public boolean armed() {
    return count != 0;
  }

  /** Returns how many addresses are kept. */
  public int count() {
    return count;
  }

  /** Returns an address that faulted. */
  public long address(int i) {
    return addresses[i];
  }
}
