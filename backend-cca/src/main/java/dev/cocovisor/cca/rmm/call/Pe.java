package dev.cocovisor.cca.rmm.call;

import dev.cocovisor.cca.rmm.rtt.Walk;

/**
 * One processing element as the RMM sees it: the result registers of its SMCs and the table walk in
 * progress. A host makes one for each CPU and passes it to every call, so that no call allocates.
 *
 * <p>Not thread-safe: a PE makes one call at a time.
 */
public final class Pe {
  /** The cause of a failure that the run planned. */
  public static final String PLANNED = "the run planned this failure";

  /** Outputs x1 to x4 of the last call; zero where it wrote none. */
  private long x1;

  private long x2;
  private long x3;
  private long x4;

  /** Where the last table walk ended; valid while its granule is locked. */
  public final Walk walk = new Walk();

  private Interrupts interrupts = Interrupts.CHOSEN;
  private int samplings = -1;
  private boolean entered;
  private String cause = "";

  /** Creates a PE with zero registers. */
  public Pe() {}

  /** Returns x1. */
  public long x1() {
    return x1;
  }

  /** Returns x2. */
  public long x2() {
    return x2;
  }

  /** Returns x3. */
  public long x3() {
    return x3;
  }

  /** Returns x4. */
  public long x4() {
    return x4;
  }

  /** Returns output {@code n}, 1 to 4. */
  public long x(int n) {
    return switch (n) {
      case 1 -> x1;
      case 2 -> x2;
      case 3 -> x3;
      case 4 -> x4;
      default -> throw new IllegalArgumentException("x" + n + " is no output");
    };
  }

  /** Tells whether the last call was a REC_ENTER that now runs the REC. */
  public boolean entered() {
    return entered;
  }

  /** Decides from here on which samplings find an interrupt pending. */
  public void setInterrupts(Interrupts source) {
    interrupts = source;
  }

  /**
   * Makes the {@code n}-th sampling from now on, from 0, of this call find an interrupt pending.
   */
  public void interruptAt(int n) {
    samplings = n;
  }

  /** Samples whether an interrupt of the host is pending. */
  public boolean interrupted() {
    return (samplings >= 0 && samplings-- == 0) || interrupts.pending(this);
  }

  /**
   * Tells why the call fails and returns the status, so that a check reads {@code return
   * pe.refuse(Status.ERROR_INPUT, "rd is no realm descriptor")}.
   *
   * @param why a constant: nothing is built on the way
   */
  public long refuse(long status, String why) {
    cause = why;
    return status;
  }

  /** Takes a refusal back: the call succeeded with what it did before. */
  public void clearRefusal() {
    cause = "";
  }

  /** Returns why the last call failed; empty if it did not, or was not made at all. */
  public String cause() {
    return cause;
  }

  public void begin() {
    cause = "";
    samplings = -1;
    x1 = 0;
    x2 = 0;
    x3 = 0;
    x4 = 0;
    entered = false;
  }

  public void setEntered() {
    entered = true;
  }

  /** Sets x1. */
  public void out1(long v) {
    x1 = v;
  }

  public void out2(long v) {
    x2 = v;
  }

  public void out3(long v) {
    x3 = v;
  }

  public void out4(long v) {
    x4 = v;
  }
}
