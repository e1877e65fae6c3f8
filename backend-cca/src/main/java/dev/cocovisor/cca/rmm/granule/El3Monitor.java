package dev.cocovisor.cca.rmm.granule;

/**
 * The monitor at EL3, which owns the granule protection tables and changes a granule's physical
 * address space when the RMM asks.
 */
@FunctionalInterface
public interface El3Monitor {
  /** Grants everything, as the recorded build does. */
  El3Monitor GRANTS = address -> true;

  /**
   * Moves a granule from the Non-secure to the Realm address space.
   *
   * @return false if it refuses, for example for memory of another world
   */
  boolean delegate(long address);
}
