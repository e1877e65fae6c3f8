package dev.cocovisor.core.kernel;

/** Which slots on a guest_memfd take shared memory from it as well. */
@FunctionalInterface
public interface GmemOnly {
  /** Those whose file can be mapped. */
  GmemOnly MAPPABLE = mappable -> mappable;

  /** All. */
  GmemOnly ALL = _ -> true;

  /**
   * Tells whether a slot does.
   *
   * @param mappable whether its file was made with GUEST_MEMFD_FLAG_MMAP
   */
  boolean of(boolean mappable);
}
