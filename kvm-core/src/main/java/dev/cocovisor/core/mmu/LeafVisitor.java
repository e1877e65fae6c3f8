package dev.cocovisor.core.mmu;

/** Sees leaves of a table, for checkers. */
@FunctionalInterface
public interface LeafVisitor {
  /**
   * Sees one leaf.
   *
   * @param gfn first gfn
   * @param level kernel numbering, 1 for 4 KiB
   * @param spte the entry
   */
  void leaf(long gfn, int level, long spte);
}
