package dev.cocovisor.bugs.cca;

import dev.cocovisor.cca.rmm.op.Safeguards;

/** SHA-384 is accepted though it is not offered, and reported as SHA-512. */
public final class M74 extends RmmBug {
  /** Creates the bug. */
  public M74() {
    super(
        "M74",
        "open in TF-RMM 9a7f8ef4",
        "SHA-384 is accepted though it is not offered, and reported as SHA-512.");
  }

  @Override
  Safeguards mended() {
    return new Safeguards() {
      @Override
      public boolean refusesUnofferedHash() {
        return true;
      }
    };
  }
}
