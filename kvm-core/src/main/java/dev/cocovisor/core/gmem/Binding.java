package dev.cocovisor.core.gmem;

/**
 * A slot as the file sees it that its private pages come from: a range of guest frames bound to a
 * range of the file.
 */
public interface Binding {
  /** Returns the number of the address space the slot is in. */
  int asId();

  /** Returns the slot's id there. */
  int id();

  /** Returns the first guest frame. */
  long baseGfn();

  /** Returns the number of pages. */
  long npages();

  /** Returns the file's page at the first guest frame. */
  long gmemPage();

  /**
   * Asserts that the slot was not freed.
   *
   * @throws IllegalStateException if it was
   */
  default void assertLive() {}

  /** Forgets the file, which is going (WRITE_ONCE(slot->gmem.file, NULL)). */
  void dropGmem();
}
