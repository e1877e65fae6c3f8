package dev.cocovisor.core.mm;

import dev.cocovisor.api.PageLevel;

/**
 * Pages that move to another address with their mapping: whole tables at once where both places are
 * aligned alike, so that nothing of a table is left behind; page by page elsewhere. Source (Linux
 * 7.3): {@code mm/mremap.c}, move_page_tables, get_extent, try_realign_addr, move_normal_pud,
 * move_normal_pmd, move_huge_pmd and move_ptes.
 */
final class PageMove {
  private static final long BLOCK = 1L << 21;
  private static final long GIGABYTE = 1L << 30;

  private final AddressSpace space;
  private final UserTables tables;

  PageMove(AddressSpace space) {
    this.space = space;
    this.tables = space.tables();
  }

  /**
   * Moves the pages of [from, to) of a mapping to {@code at}.
   *
   * @param begins whether the mapping begins at {@code from} and is not the one it moves to
   */
  void move(Vma v, long from, long to, long at, boolean begins) {
    if (!v.isHugetlb()) {
      movePages(from, to, at, begins);
      return;
    }
    space.promises().move(from >>> 21, to >>> 21, at >>> 21);
    movePages(from, to, at, false);
  }

  private void movePages(long from, long to, long at, boolean begins) {
    long back = begins && realigns(from, to, at) ? from & (BLOCK - 1) : 0;
    long a = from - back;
    long target = at - back;
    space.start(a, to);
    while (a < to) {
      long extent = extent(GIGABYTE, a, target, to);
      if (tables.hasUpper(a >>> PageLevel.PAGE_SHIFT)) {
        if (extent < GIGABYTE
            || !tables.moveUpper(a >>> PageLevel.PAGE_SHIFT, target >>> PageLevel.PAGE_SHIFT)) {
          extent = extent(BLOCK, a, target, to);
          piece(a, target, extent);
        }
      }
      a += extent;
      target += extent;
    }
    space.end(from - back, to);
  }

  private static long extent(long size, long a, long target, long to) {
    long mine = Math.min(((a + size) & -size) - a, to - a);
    return Math.min(mine, ((target + size) & -size) - target);
  }

  /** Tells whether the table around the start can go as a whole (can_realign_addr). */
  private boolean realigns(long from, long to, long at) {
    long in = from & (BLOCK - 1);
    if (in == 0 || in != (at & (BLOCK - 1)) || to - from < BLOCK - in) {
      return false;
    }
    Vma target = space.find(at);
    return target != null
        && target.start() == at
        && space.isFree(from & -BLOCK, in)
        && space.isFree(at & -BLOCK, in);
  }

  private void piece(long a, long target, long extent) {
    long b = a >>> 21;
    long pmd = tables.pmd(b);
    if (pmd == 0) {
      return;
    }
    boolean whole = extent == BLOCK && tables.pmd(target >>> 21) == 0;
    if (UserTables.isLeaf(pmd)) {
      if (whole && tables.replacePmd(b, pmd, 0)) {
        var _ = tables.replacePmd(target >>> 21, 0, pmd);
        return;
      }
      space.splitBlock(b);
      if (tables.pmd(b) == 0) {
        return; // a file's, which is not split but found again
      }
    } else if (whole) {
      tables.moveTable(b, target >>> 21);
      return;
    }
    // There is a table at the new place even if no page goes there (pte_alloc).
    if (tables.table(target >>> 21)) {
      tables.moveSmall(
          a >>> PageLevel.PAGE_SHIFT,
          (a + extent) >>> PageLevel.PAGE_SHIFT,
          target >>> PageLevel.PAGE_SHIFT);
    }
  }
}
