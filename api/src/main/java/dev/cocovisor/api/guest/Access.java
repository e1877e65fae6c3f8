package dev.cocovisor.api.guest;

/** What a guest does to a byte. */
public enum Access {
  /** Load. */
  READ,
  /** Store. */
  WRITE,
  /** Instruction fetch. */
  FETCH
}
