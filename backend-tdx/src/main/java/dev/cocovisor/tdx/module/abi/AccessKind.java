package dev.cocovisor.tdx.module.abi;

/** Kinds of guest accesses, by the permission they need and the qualification bit they set. */
public enum AccessKind {
  /** A load. */
  READ(1),
  /** A store. */
  WRITE(2),
  /** An instruction fetch. */
  FETCH(4);

  private final int bit;

  AccessKind(int bit) {
    this.bit = bit;
  }

  /** Returns the bit, the same in an entry's permissions and in the exit qualification. */
  public int bit() {
    return bit;
  }
}
