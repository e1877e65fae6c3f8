package dev.cocovisor.pkvm.hyp;

/**
 * EL2 found itself in a state that its own checks exclude; the real one stops the machine (WARN_ON
 * and BUG at EL2 are fatal). Never the answer to a caller's mistake.
 */
public final class HypPanic extends IllegalStateException {
  private static final long serialVersionUID = 1L;

  /** Creates a panic with what was wrong. */
  public HypPanic(String what) {
    super(what);
  }
}
